//! Conversations and their messages.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// A channel, or the messages to a user.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// Id, such as `C0000000001`.
    pub id: String,
    /// `#security`, or the e-mail address of the user.
    pub name: String,
    /// Messages and replies, the oldest first.
    pub messages: Vec<Message>,
}

/// A message or a reply.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its time stamp, which is its name in the conversation.
    pub ts: String,
    /// That of the message to which it is a reply.
    pub thread_ts: Option<String>,
    /// Whether the reply is shown in the channel, too.
    pub is_broadcast: bool,
    /// What it said in the course of time, the oldest first: never empty.
    pub versions: Vec<Version>,
}

/// A message as it was for a time.
#[derive(Debug, Clone, Serialize)]
pub struct Version {
    /// Since when.
    pub at: Timestamp,
    /// Text for notifications.
    pub text: String,
    /// Blocks.
    pub blocks: Value,
    /// Metadata, or `null`.
    pub metadata: Value,
}

impl Version {
    pub(super) fn of(body: &Value, at: Timestamp) -> Self {
        let part = |key: &str| body.get(key).cloned().unwrap_or_default();
        Self {
            at,
            text: part("text").as_str().unwrap_or_default().to_owned(),
            blocks: part("blocks"),
            metadata: part("metadata"),
        }
    }
}

impl Conversation {
    /// The replies to a message.
    pub fn thread(&self, ts: &str) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| message.thread_ts.as_deref() == Some(ts))
    }

    /// The messages that are no replies.
    pub fn top(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| message.thread_ts.is_none())
    }

    /// All of it, for a test.
    pub(super) fn state(&self) -> Value {
        let with_thread = |message: &Message| {
            let mut shown = message.state();
            if let Some(shown) = shown.as_object_mut() {
                let thread: Vec<Value> = self.thread(&message.ts).map(Message::state).collect();
                shown.insert("thread".to_owned(), thread.into());
            }
            shown
        };
        json!({"id": self.id, "messages": self.top().map(with_thread).collect::<Vec<_>>()})
    }
}

impl Message {
    /// What it says now.
    #[must_use]
    pub fn now(&self) -> Option<&Version> {
        self.versions.last()
    }

    fn state(&self) -> Value {
        let now = self.now();
        json!({
            "ts": self.ts,
            "text": now.map(|version| &version.text),
            "blocks": now.map(|version| &version.blocks),
            "metadata": now.map(|version| &version.metadata),
            "isBroadcast": self.is_broadcast,
            "updates": self.versions.get(1..).unwrap_or_default(),
        })
    }

    /// As a history has it.
    pub(super) fn shown(&self, with_metadata: bool) -> Value {
        let now = self.now();
        let mut shown = json!({
            "type": "message",
            "ts": self.ts,
            "text": now.map(|version| &version.text),
            "blocks": now.map(|version| &version.blocks),
        });
        if let Some(shown) = shown.as_object_mut() {
            shown.extend(self.thread_ts.iter().map(|ts| ("thread_ts".to_owned(), ts.as_str().into())));
            let metadata =
                now.map(|version| version.metadata.clone()).filter(|metadata| with_metadata && !metadata.is_null());
            shown.extend(metadata.map(|metadata| ("metadata".to_owned(), metadata)));
        }
        shown
    }
}
