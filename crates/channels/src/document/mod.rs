//! The document `portcullis.notice/1`: what programs are told of a finding, or of many. `docs/channels/notice.schema.json`
//! is its JSON Schema.

mod finding;
mod summary;

use findings::finding::{HistoryEntry, hex};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::finding::FindingPart;
pub(crate) use self::summary::{of_summary, summary_id};
use crate::notice::Notice;
use crate::words;

/// Format of the document. A key may be added without a new number; readers ignore keys that they do not know.
pub const NOTICE_FORMAT: &str = "portcullis.notice/1";

/// News in a document; earlier ones are counted.
const NEWS_MAX: usize = 20;

/// What programs are told of one finding.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'n> {
    schema: &'static str,
    kind: &'static str,
    /// The same for each repetition of the same news to the same recipient.
    id: String,
    title: String,
    finding: FindingPart<'n>,
    news: Vec<NewsPart<'n>>,
    /// Earlier news, which are left out.
    news_omitted: usize,
    links: Vec<LinkPart>,
    commands: Vec<String>,
}

#[derive(Serialize)]
struct NewsPart<'n> {
    at: Timestamp,
    change: String,
    revision: u64,
    by: Option<&'n str>,
    sentence: &'n str,
}

#[derive(Serialize)]
struct LinkPart {
    label: &'static str,
    url: String,
}

/// Identity of a delivery: the same news of a finding has the same one for a recipient, however often it is sent, and other
/// news another one. It has no revision, since these are counted anew if the table of findings is lost.
pub(crate) fn delivery_id(notice: &Notice<'_>) -> String {
    let recipient = notice.delivery.recipient.as_ref().map(|address| address.value.as_str()).unwrap_or_default();
    let recipient = digest(&[&notice.delivery.channel, recipient]);
    format!("{}-{}-{recipient}", notice.finding.key().label(), notice.finding.news_name())
}

/// Eight digits of a digest of texts.
pub(crate) fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    let digits = hash.finalize();
    hex(digits.iter().take(4))
}

/// The document as JSON. All that it has in it is of a bounded length and number, so it has less than 100 KB with the longest
/// and most hostile of everything.
pub(crate) fn of_finding(notice: &Notice<'_>) -> String {
    let news_omitted = notice.news.len().saturating_sub(NEWS_MAX);
    let link = |link: words::Link| LinkPart { label: link.label, url: link.url };
    let document = Document {
        schema: NOTICE_FORMAT,
        kind: "finding",
        id: delivery_id(notice),
        title: words::title(notice.finding),
        finding: FindingPart::new(notice),
        news: notice.news.iter().skip(news_omitted).map(NewsPart::from).collect(),
        news_omitted,
        links: words::links(notice.finding).into_iter().map(link).collect(),
        commands: words::commands(notice.finding),
    };
    // It has no maps with keys other than texts, which are all that JSON does not take.
    serde_json::to_string(&document).unwrap_or_default()
}

impl<'n> From<&'n HistoryEntry> for NewsPart<'n> {
    fn from(entry: &'n HistoryEntry) -> Self {
        Self {
            at: entry.at,
            change: change(entry),
            revision: entry.revision,
            by: entry.by.as_ref().map(findings::finding::Text::as_str),
            sentence: entry.sentence.as_str(),
        }
    }
}

/// Name of a change, such as `reopened`, without what it holds.
fn change(entry: &HistoryEntry) -> String {
    match serde_json::to_value(&entry.news) {
        Ok(Value::String(name)) => name,
        Ok(Value::Object(one)) => one.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
