//! A custom notification for Amazon Q Developer in chat applications, which shows it in Slack or Teams.
//!
//! Source: <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>. It does not say how long texts may be,
//! so they are short. The format is that of the chat, which is not known here: see [`lookalikes`].

use findings::security_group_arn;
use serde_json::{Value, json};

use crate::document::summary_id;
use crate::notice::Notice;
use crate::summary::Summary;
use crate::text::{fit, lookalikes, utf16};
use crate::words;

const TITLE_MAX: usize = 250;
const DESCRIPTION_MAX: usize = 3_000;
const LINE_MAX: usize = 400;
/// Findings of a summary, which fit with the longest lines.
const SUMMARY_LINES: usize = 7;

pub(super) fn of_finding(notice: &Notice<'_>) -> String {
    let finding = notice.finding;
    let key = finding.key();
    let facts = notice.facts().into_iter().map(|fact| format!("{}: {}", fact.label, fact.value));
    let lines: Vec<String> = words::news(notice).into_iter().rev().take(5).rev().chain(facts).collect();
    let pages = words::links(finding).into_iter().map(|link| format!("{}: {}", link.label, link.url));
    let steps: Vec<String> = words::commands(finding).into_iter().chain(pages).collect();
    let severity = finding.severity().map_or("none", findings::Severity::as_str);
    let account = finding.group().and_then(|group| group.owner_account.as_ref());
    let account = account.map_or(key.account(), findings::finding::Text::as_str);
    let metadata = json!({
        "threadId": key.label(),
        "summary": text(&words::title(finding), TITLE_MAX),
        "eventType": "Portcullis Finding",
        "relatedResources": [security_group_arn(&lookalikes(account), key.region(), key.group_id())],
        "additionalContext": {"severity": severity, "account": key.account(), "region": key.region(), "rule": key.rule()},
    });
    notification(&words::title(finding), &lines, &steps, &metadata).to_string()
}

/// The first findings of a summary.
pub(super) fn of_summary(summary: &Summary<'_>) -> String {
    let title = words::summary_title(summary);
    let metadata = json!({
        "threadId": summary_id(summary),
        "summary": text(&title, TITLE_MAX),
        "eventType": "Portcullis Summary",
    });
    notification(&title, &words::summary_lines(summary, SUMMARY_LINES), &[], &metadata).to_string()
}

/// A notification. Steps are the program's own words.
fn notification(title: &str, lines: &[String], steps: &[String], metadata: &Value) -> Value {
    let lines: Vec<String> = lines.iter().map(|line| text(line, LINE_MAX)).collect();
    json!({
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": text(title, TITLE_MAX),
            "description": fit(&lines.join("\n"), DESCRIPTION_MAX, utf16, |char, text| text.push(char)),
            "nextSteps": steps,
        },
        "metadata": metadata,
    })
}

fn text(text: &str, max: usize) -> String {
    fit(&lookalikes(text), max, utf16, |char, text| text.push(char))
}
