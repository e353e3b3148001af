//! Microsoft Teams, by a workflow with the trigger "When a Teams webhook request is received": a card for each delivery,
//! which cannot be changed later.
//!
//! Text of others is in text runs, in which there is no Markdown. So no name of a group is a format or a link.
//!
//! Source: <https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format>,
//! <https://adaptivecards.io/explorer/TextRun.html>, and for the size
//! <https://learn.microsoft.com/en-us/connectors/teams/#known-issues-and-limitations-with-actions>

use findings::{Openness, Severity};
use jiff::Timestamp;
use routing::{Address, OwnerKind};
use serde_json::{Value, json};

use crate::answer::{Effect, send};
use crate::channel::{Channel, Delivered, Failure};
use crate::http::{Http, Method, Request};
use crate::notice::Notice;
use crate::parts::Parts;
use crate::secret::Secret;
use crate::summary::{Summarise, Summary};
use crate::text::{bytes, card, fit};
use crate::words::{self, Link};

/// The body of the card as JSON. Teams takes 28 KB in all, and the frame with its mentions and links needs some of it.
const BODY_MAX: usize = 18_000;
const TITLE_MAX: usize = 400;
/// Longest value of a fact: a list of exposures must not take the place of all else.
const VALUE_MAX: usize = 1_200;
/// Findings of a summary.
const SUMMARY_LINES: usize = 40;
/// Names that are mentioned, so that no card pings a crowd.
const MENTIONS_MAX: usize = 20;

/// A channel of Teams, by the URL of a workflow. Its messages have no name, so after an unknown outcome it is told again.
#[derive(Debug)]
pub struct Teams<H> {
    http: H,
    url: Secret,
}

impl<H: Http> Teams<H> {
    /// The workflow with this URL, which works as a key.
    #[must_use]
    pub fn new(http: H, url: Secret) -> Self {
        Self { http, url }
    }

    async fn post(&self, message: &Value, now: Timestamp) -> Result<Delivered, Failure> {
        let request = Request {
            method: Method::Post,
            url: self.url.clone(),
            headers: vec![("content-type", "application/json".into())],
            body: message.to_string().into_bytes(),
        };
        send(&self.http, request, Effect::Repeated, "the workflow of Teams", now).await?;
        Ok(Delivered::default())
    }
}

impl<H: Http> Channel for Teams<H> {
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        self.post(&message(notice), notice.now).await
    }
}

impl<H: Http> Summarise for Teams<H> {
    async fn summarise(&self, summary: &Summary<'_>) -> Result<Delivered, Failure> {
        self.post(&summary_message(summary), summary.now).await
    }
}

/// Lines of findings until there is no more room, and the number of the others.
fn summary_message(summary: &Summary<'_>) -> Value {
    let total = summary.entries().len();
    let is_open = summary.counts().open.iter().any(|number| *number > 0);
    // Reserved at its longest.
    let end = [run(&[text_run(&words::more_findings(usize::MAX), false)])];
    let mut body = Parts::new(BODY_MAX, bytes);
    body.reserve(&end);
    body.push(title(&words::summary_title(summary), if is_open { "Attention" } else { "Good" }));
    let lines = words::summary_lines(summary, SUMMARY_LINES);
    let mut shown = 0;
    for line in lines.iter().take(SUMMARY_LINES) {
        if !body.push(run(&[text_run(line, false)])) {
            break;
        }
        shown += 1;
    }
    if shown < total {
        body.push_reserved(vec![run(&[text_run(&words::more_findings(total - shown), false)])]);
    }
    frame(&body.list, &[], &[])
}

fn message(notice: &Notice<'_>) -> Value {
    let finding = notice.finding;
    let commands = words::commands(finding);
    let mut end = Vec::new();
    if !commands.is_empty() {
        end.push(json!({"type": "TextBlock", "fontType": "Monospace", "wrap": true, "text": commands.join("\n\n")}));
    }
    let mut body = Parts::new(BODY_MAX, bytes);
    body.reserve(&end);
    body.push(title(&words::title(finding), color(finding)));
    let entities = mentions(words::mentions(notice));
    if !entities.is_empty() {
        body.push(json!({"type": "TextBlock", "wrap": true, "text": mention_text(&entities)}));
    }
    // Of too many, the oldest are left out.
    let news = words::news(notice);
    let from = news.len().saturating_sub(5);
    for sentence in news.iter().skip(from) {
        body.push(run(&[text_run(sentence, false)]));
    }
    for fact in notice.facts() {
        body.push(run(&[text_run(&format!("{}: ", fact.label), true), text_run(&fact.value, false)]));
    }
    body.push_reserved(end);
    frame(&body.list, &entities, &words::links(finding))
}

/// The message with a card.
fn frame(body: &[Value], entities: &[Value], links: &[Link]) -> Value {
    let action = |link: &Link| json!({"type": "Action.OpenUrl", "title": link.label, "url": link.url});
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full", "entities": entities},
        "body": body,
        "actions": links.iter().map(action).collect::<Vec<_>>(),
    });
    let attachment =
        json!({"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card});
    json!({"type": "message", "attachments": [attachment]})
}

fn title(text: &str, color: &str) -> Value {
    let text = fit(text, TITLE_MAX, bytes, card);
    run(&[json!({"type": "TextRun", "size": "Large", "weight": "Bolder", "color": color, "text": text})])
}

fn run(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "spacing": "Small", "inlines": runs})
}

fn text_run(text: &str, is_bold: bool) -> Value {
    let weight = if is_bold { "Bolder" } else { "Default" };
    json!({"type": "TextRun", "weight": weight, "text": fit(text, VALUE_MAX, bytes, card)})
}

fn color(finding: &findings::finding::Finding) -> &'static str {
    match (finding.openness(), finding.severity()) {
        (Openness::Restricted, _) => "Good",
        (_, Some(Severity::Critical | Severity::High)) => "Attention",
        _ => "Warning",
    }
}

/// Mentions by e-mail address, which a routing document has checked. A card whose entity and text differ is refused.
fn mentions(mentions: &[Address]) -> Vec<Value> {
    let emails = mentions.iter().filter(|address| address.kind == OwnerKind::Email && is_plain(&address.value));
    let entity = |address: &Address| {
        let email = &address.value;
        json!({"type": "mention", "text": format!("<at>{email}</at>"), "mentioned": {"id": email, "name": email}})
    };
    emails.take(MENTIONS_MAX).map(entity).collect()
}

fn is_plain(email: &str) -> bool {
    email.len() <= 100 && email.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@._%+'-".contains(&byte))
}

fn mention_text(entities: &[Value]) -> String {
    entities.iter().filter_map(|entity| entity.get("text")?.as_str()).collect::<Vec<_>>().join(", ")
}
