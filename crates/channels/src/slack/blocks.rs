//! Messages of Slack as blocks, within the limits of Slack.
//!
//! Source: <https://docs.slack.dev/reference/block-kit/blocks>, and for the length of all blocks together, which is not
//! documented, <https://github.com/slackapi/bolt-js/issues/2509>

use routing::{Address, OwnerKind};
use serde_json::{Value, json};

use crate::notice::Notice;
use crate::parts::Parts;
use crate::summary::Summary;
use crate::text::{fit, slack, utf16};
use crate::words::{self, Fact, Link};

/// Text for the notification on a phone.
const FALLBACK_MAX: usize = 300;
const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 3_000;
/// Longest value of a fact. Slack takes 2,000, but a list of exposures must not take the place of all else.
const VALUE_MAX: usize = 900;
/// Facts of a section, which has at most ten fields: a label and a value each.
const FACTS_OF_SECTION: usize = 5;
/// All blocks as JSON. Slack takes about 13,200.
pub(crate) const BLOCKS_MAX: usize = 12_000;
/// Findings of a summary, and lines of one of its sections.
const SUMMARY_LINES: usize = 40;
const LINES_OF_SECTION: usize = 5;
/// Names that are mentioned, so that no message pings a crowd.
const MENTIONS_MAX: usize = 20;

/// The text for notifications, and the blocks.
pub(super) struct Message {
    pub(super) text: String,
    pub(super) blocks: Vec<Value>,
}

/// Where the news is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NewsPlace {
    /// In its thread.
    Apart,
    /// In the message.
    Within,
}

pub(super) fn message(notice: &Notice<'_>, news: NewsPlace) -> Message {
    let title = words::title(notice.finding);
    let mut end = Vec::new();
    end.extend(commands(&words::commands(notice.finding)));
    end.extend(links(&words::links(notice.finding)));
    end.push(context(&format!("Portcullis, finding {}", notice.finding.key())));
    let mut blocks = Parts::new(BLOCKS_MAX, utf16);
    blocks.reserve(&end);
    blocks.push(header(&title));
    let sentences = (news == NewsPlace::Within).then(|| sentences(&words::news(notice))).flatten();
    let sections = notice.facts().chunks(FACTS_OF_SECTION).map(facts).collect::<Vec<_>>();
    for block in mentions(words::mentions(notice)).into_iter().chain(sentences).chain(sections) {
        blocks.push(block);
    }
    blocks.push_reserved(end);
    Message { text: fit(&title, FALLBACK_MAX, utf16, slack), blocks: blocks.list }
}

/// A summary: lines of findings until there is no more room, and the number of the others.
pub(super) fn summary(summary: &Summary<'_>) -> Message {
    let title = words::summary_title(summary);
    let total = summary.entries().len();
    // Reserved at its longest.
    let end = vec![context(&words::more_findings(usize::MAX))];
    let mut blocks = Parts::new(BLOCKS_MAX, utf16);
    blocks.reserve(&end);
    blocks.push(header(&title));
    let mut shown = 0;
    let mut lines = words::summary_lines(summary, SUMMARY_LINES);
    lines.truncate(SUMMARY_LINES);
    for lines in lines.chunks(LINES_OF_SECTION) {
        if !blocks.push(json!({"type": "section", "text": plain(&lines.join("\n"), SECTION_MAX)})) {
            break;
        }
        shown += lines.len();
    }
    if shown < total {
        blocks.push_reserved(vec![context(&words::more_findings(total - shown))]);
    }
    Message { text: fit(&title, FALLBACK_MAX, utf16, slack), blocks: blocks.list }
}

/// What was news, as a reply in the thread of the message. There is none without news.
pub(super) fn reply(sentences_of_news: &[String]) -> Option<Message> {
    let first = sentences_of_news.first()?;
    let blocks = sentences(sentences_of_news).into_iter().collect();
    Some(Message { text: fit(first, FALLBACK_MAX, utf16, slack), blocks })
}

pub(super) fn header(title: &str) -> Value {
    json!({"type": "header", "text": plain(title, HEADER_MAX)})
}

/// Text of others. Its `*`, `_` and `:x:` are no format.
pub(super) fn plain(text: &str, max: usize) -> Value {
    json!({"type": "plain_text", "emoji": false, "text": fit(text, max, utf16, slack)})
}

pub(super) fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [plain(text, FALLBACK_MAX)]})
}

fn facts(facts: &[Fact]) -> Value {
    let pair = |fact: &Fact| {
        let label = json!({"type": "mrkdwn", "verbatim": true, "text": format!("*{}*", fact.label)});
        [label, plain(&fact.value, VALUE_MAX)]
    };
    json!({"type": "section", "fields": facts.iter().flat_map(pair).collect::<Vec<_>>()})
}

fn sentences(sentences: &[String]) -> Option<Value> {
    // Of too many, the newest are at the end: keep those.
    let mut kept: Vec<&str> = Vec::new();
    let mut length = 0;
    for sentence in sentences.iter().rev() {
        // An escaped character is at most five times as long.
        length += utf16(&fit(sentence, SECTION_MAX, utf16, slack)) + 1;
        if length > SECTION_MAX && !kept.is_empty() {
            break;
        }
        kept.push(sentence);
    }
    kept.reverse();
    let text = kept.join("\n");
    (!text.trim().is_empty()).then(|| json!({"type": "section", "text": plain(&text, SECTION_MAX)}))
}

/// Users by their ids. A name or an e-mail address is no mention in Slack, and is among the facts.
fn mentions(mentions: &[Address]) -> Option<Value> {
    let users: Vec<String> =
        mentions.iter().filter_map(user_id).map(|id| format!("<@{id}>")).take(MENTIONS_MAX).collect();
    (!users.is_empty())
        .then(|| json!({"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": users.join(" ")}}))
}

/// Id of a user, such as `U0123456789`.
pub(super) fn user_id(address: &Address) -> Option<&str> {
    let id = address.value.as_str();
    let is_id = address.kind == OwnerKind::SlackUser
        && id.starts_with(['U', 'W'])
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_id.then_some(id)
}

/// Commands consist of ids and regions: they need no escape, and have no backtick.
fn commands(commands: &[String]) -> Option<Value> {
    (!commands.is_empty()).then(|| {
        let text = format!("```{}```", commands.join("\n"));
        json!({"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": text}})
    })
}

fn links(links: &[Link]) -> Option<Value> {
    (!links.is_empty()).then(|| {
        let link = |link: &Link| format!("<{}|{}>", fit(&link.url, SECTION_MAX, utf16, slack), link.label);
        let text = links.iter().map(link).collect::<Vec<_>>().join(" · ");
        json!({"type": "section", "text": {"type": "mrkdwn", "verbatim": true, "text": text}})
    })
}
