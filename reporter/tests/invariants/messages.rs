//! What the recipients of messages have: of one finding, or of many.

use channels::fakes::Service as _;
use findings::finding::Finding;
use jiff::Timestamp;
use serde_json::Value;

use crate::fault::Place;
use crate::world::World;

/// The places that are told of many findings in one message.
pub(crate) const TOLD_TOGETHER: [Place; 5] = [Place::Chat, Place::Hook, Place::Teams, Place::Receiver, Place::Topic];
/// How a message about many begins.
const MANY: &str = "News of ";

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The conversation; a channel without conversations has one recipient.
    pub(crate) recipient: String,
    /// When it was sent, and when it was changed last.
    pub(crate) sent: Timestamp,
    pub(crate) changed: Timestamp,
    /// Its lines, as they are now.
    lines: Vec<String>,
    /// What a program reads of it.
    pub(crate) document: Value,
}

impl Message {
    fn new(recipient: &str, at: Timestamp, content: &[&Value], document: Value) -> Self {
        let mut lines = Vec::new();
        for part in content {
            add_lines(part, &mut lines);
        }
        Self { recipient: recipient.to_owned(), sent: at, changed: at, lines, document }
    }

    /// Whether it is about many findings.
    pub(crate) fn is_summary(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with(MANY))
    }

    /// What it says of a finding: the title, or a line of many.
    pub(crate) fn says(&self, finding: &Finding) -> Option<&str> {
        self.lines.iter().find(|line| line.contains(finding.key().group_id())).map(String::as_str)
    }

    /// The part of the document about a finding, and the whole of one about a single finding.
    pub(crate) fn part(&self, finding: &Finding) -> Option<&Value> {
        let key = finding.key().to_string();
        let many = self.document["findings"].as_array().into_iter().flatten();
        many.chain([&self.document["finding"]]).find(|part| part["key"] == key.as_str())
    }
}

/// The lines of all texts, in their order.
fn add_lines(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::String(text) => lines.extend(text.lines().map(str::to_owned)),
        Value::Array(parts) => parts.iter().for_each(|part| add_lines(part, lines)),
        Value::Object(members) => members.values().for_each(|part| add_lines(part, lines)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The messages of a place, in the order in which they were sent. A chat has the metadata as its document.
pub(crate) fn messages(world: &World, place: Place) -> Vec<Message> {
    let services = world.services.borrow();
    match place {
        Place::Chat => services.chat.conversations().flat_map(conversation).collect(),
        Place::Hook => {
            let posted = services.hook.messages.iter();
            posted.map(|one| Message::new("", one.at, &[&one.text.as_str().into(), &one.blocks], Value::Null)).collect()
        }
        Place::Teams => {
            let state = services.teams.state();
            let card = |card: &Value| {
                let at = card["at"].as_str().unwrap().parse().unwrap();
                Message::new("", at, &[&card["message"]["attachments"][0]["content"]["body"]], Value::Null)
            };
            state["cards"].as_array().unwrap().iter().map(card).collect()
        }
        Place::Receiver => {
            let taken = services.receiver.deliveries.iter();
            taken.map(|one| of_document(one.at, one.document.clone())).collect()
        }
        Place::Topic => {
            let published = world.topic.borrow();
            let document = |message: &str| -> Value {
                let bodies: Value = serde_json::from_str(message).unwrap();
                serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap()
            };
            published.iter().map(|(at, publication)| of_document(*at, document(&publication.message))).collect()
        }
        Place::Cloud | Place::Server | Place::Pager | Place::Hub | Place::Secrets => Vec::new(),
    }
}

fn conversation(conversation: &channels::fakes::slack::Conversation) -> Vec<Message> {
    let message = |message: &channels::fakes::slack::Message| {
        let (first, now) = (message.versions.first()?, message.now()?);
        let content = [&now.text.as_str().into(), &now.blocks];
        let document = now.metadata["event_payload"].clone();
        Some(Message { changed: now.at, ..Message::new(&conversation.name, first.at, &content, document) })
    };
    conversation.top().filter_map(message).collect()
}

fn of_document(at: Timestamp, document: Value) -> Message {
    let titles = document["findings"].as_array().into_iter().flatten().map(|part| &part["title"]);
    let content: Vec<Value> = [&document["title"]].into_iter().chain(titles).cloned().collect();
    Message::new("", at, &content.iter().collect::<Vec<_>>(), document)
}
