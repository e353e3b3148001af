//! A ticket.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

/// A ticket.
#[derive(Debug, Clone, Default)]
pub struct Issue {
    /// Its id, which it keeps when it moves.
    pub number: u64,
    /// `SEC-1`.
    pub key: String,
    /// Summary.
    pub summary: String,
    /// Description: a tree, or wiki markup.
    pub description: Value,
    /// Labels.
    pub labels: Vec<String>,
    /// Name of the priority.
    pub priority: Option<String>,
    /// Id or name of the assignee.
    pub assignee: Option<String>,
    /// `Done` is of the category of the closed ones.
    pub status: String,
    /// Name of the resolution.
    pub resolution: Option<String>,
    /// When it was closed.
    pub resolved: Option<Timestamp>,
    /// Comments, the oldest first.
    pub comments: Vec<Comment>,
    /// Keys of the tickets that it is linked to.
    pub links: BTreeSet<String>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// When it got which status, for the index.
    pub indexed: Vec<(Timestamp, String)>,
    /// What was changed.
    pub history: Vec<Change>,
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// When it was written.
    pub created: Timestamp,
    /// A tree, or wiki markup.
    pub body: Value,
}

/// A change of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When it was made.
    pub at: Timestamp,
    /// Name of the field.
    pub field: &'static str,
    /// The new value; `None` for that of a long text.
    pub to: Option<String>,
}

impl Issue {
    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.status == "Done"
    }

    /// Whether it is there, and has this key or id.
    pub(super) fn is(&self, name: &str) -> bool {
        !self.deleted && (self.key == name || self.number.to_string() == name)
    }

    /// Changes the status, as a transition does.
    pub fn set(&mut self, status: &str, now: Timestamp) {
        status.clone_into(&mut self.status);
        self.resolved = self.is_closed().then_some(now);
        self.indexed.push((now, status.to_owned()));
        self.changed("status", Some(status.to_owned()), now);
    }

    /// The text of a comment, without markup and structure; empty if there is no such comment.
    #[must_use]
    pub fn comment(&self, at: usize) -> String {
        self.comments.get(at).map(|comment| text_of(&comment.body)).unwrap_or_default()
    }

    /// Assigns it.
    pub fn assign(&mut self, id: &str, now: Timestamp) {
        self.assignee = Some(id.to_owned());
        self.changed("assignee", Some(id.to_owned()), now);
    }

    /// Gives it a priority.
    pub fn prioritise(&mut self, name: &str, now: Timestamp) {
        self.priority = Some(name.to_owned());
        self.changed("priority", Some(name.to_owned()), now);
    }

    pub(super) fn changed(&mut self, field: &'static str, to: Option<String>, at: Timestamp) {
        self.history.push(Change { at, field, to });
    }

    /// All of it, for a test.
    pub(super) fn state(&self) -> Value {
        let comment =
            |Comment { created, body }: &Comment| json!({"created": created, "text": text_of(body), "body": body});
        let change = |Change { at, field, to }: &Change| json!({"at": at, "field": field, "to": to});
        json!({
            "id": self.number.to_string(),
            "key": self.key,
            "summary": self.summary,
            "description": self.description,
            "text": text_of(&self.description),
            "labels": self.labels,
            "priority": self.priority,
            "assignee": self.assignee,
            "status": self.status,
            "isClosed": self.is_closed(),
            "resolution": self.resolution,
            "resolved": self.resolved,
            "comments": self.comments.iter().map(comment).collect::<Vec<_>>(),
            "links": self.links,
            "isDeleted": self.deleted,
            "history": self.history.iter().map(change).collect::<Vec<_>>(),
        })
    }
}

/// The text of a tree or of wiki markup.
#[must_use]
pub fn text_of(value: &Value) -> String {
    fn collect(value: &Value, text: &mut String) {
        match value {
            Value::Object(node) => {
                text.push_str(node.get("text").and_then(Value::as_str).unwrap_or_default());
                collect(node.get("content").unwrap_or(&Value::Null), text);
                if node.get("type").is_some_and(|kind| kind == "paragraph") {
                    text.push('\n');
                }
            }
            Value::Array(nodes) => nodes.iter().for_each(|node| collect(node, text)),
            _ => {}
        }
    }
    let mut text = value.as_str().unwrap_or_default().to_owned();
    collect(value, &mut text);
    text
}
