//! Posts and updates.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Answer, Conversation, Message, Refusal, Slack, Version};
use crate::check::{Faults, slack_message};

impl Slack {
    pub(super) fn post(&mut self, body: &Value, now: Timestamp) -> Answer {
        let (id, name) = self.conversation_of(body)?;
        self.check("chat.postMessage", body)?;
        if self.settings.one_message_a_second && self.is_within_a_second(&id, now) {
            return Err("ratelimited".into());
        }
        let thread_ts = body.get("thread_ts").and_then(Value::as_str).map(str::to_owned);
        let ts = self.next_ts(now);
        let conversation = self.conversations.entry(id.clone()).or_default();
        if thread_ts.as_deref().is_some_and(|parent| !conversation.top().any(|message| message.ts == parent)) {
            return Err("thread_not_found".into());
        }
        let is_broadcast = body.get("reply_broadcast").and_then(Value::as_bool).unwrap_or(false);
        let message = Message { ts: ts.clone(), thread_ts, is_broadcast, versions: vec![Version::of(body, now)] };
        let shown = message.shown(true);
        *conversation = Conversation { id: id.clone(), name, messages: std::mem::take(&mut conversation.messages) };
        conversation.messages.push(message);
        Ok(json!({"channel": id, "ts": ts, "message": shown}))
    }

    pub(super) fn update(&mut self, body: &Value, now: Timestamp) -> Answer {
        let named = body.get("channel").and_then(Value::as_str).unwrap_or_default();
        let (id, _) = self.conversation_of(body)?;
        // Unlike a post, an update takes the id only.
        if named != id {
            return Err("channel_not_found".into());
        }
        self.check("chat.update", body)?;
        let ts = body.get("ts").and_then(Value::as_str).unwrap_or_default();
        let messages = self.conversations.get_mut(&id).map(|conversation| &mut conversation.messages);
        let message = messages.into_iter().flatten().find(|message| message.ts == ts);
        let message = message.ok_or("message_not_found")?;
        let mut version = Version::of(body, now);
        // An update without metadata leaves them as they are.
        if version.metadata.is_null() {
            version.metadata = message.now().map(|known| known.metadata.clone()).unwrap_or_default();
        }
        message.versions.push(version);
        Ok(json!({"channel": id, "ts": ts, "text": message.now().map(|known| &known.text)}))
    }

    fn conversation_of(&self, body: &Value) -> Result<(String, String), Refusal> {
        let named = body.get("channel").and_then(Value::as_str).unwrap_or_default();
        let (id, name) = self.settings.conversation(named).ok_or("channel_not_found")?;
        if self.settings.is_archived(&name) {
            return Err("is_archived".into());
        }
        Ok((id, name))
    }

    fn check(&mut self, method: &'static str, body: &Value) -> Result<(), Refusal> {
        let faults = slack_message(body);
        self.note(method, faults.clone());
        refusal(body, faults).map_or(Ok(()), Err)
    }

    fn is_within_a_second(&self, id: &str, now: Timestamp) -> bool {
        let newest = self.conversations.get(id).and_then(|conversation| conversation.messages.last());
        let posted = newest.and_then(|message| message.versions.first()).map(|version| version.at);
        posted.is_some_and(|posted| now.duration_since(posted) < SignedDuration::from_secs(1))
    }

    /// A time stamp that no message has.
    fn next_ts(&mut self, now: Timestamp) -> String {
        let micros = u64::try_from(now.as_microsecond()).unwrap_or(0).max(self.newest.saturating_add(1));
        self.newest = micros;
        format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

/// What Slack answers a message with these faults.
pub(super) fn refusal(body: &Value, faults: Faults) -> Option<Refusal> {
    if faults.is_empty() {
        return None;
    }
    let is_blank = body.get("text").and_then(Value::as_str).is_none_or(|text| text.trim().is_empty());
    if is_blank && body.get("blocks").is_none() {
        return Some("no_text".into());
    }
    let messages = faults.into_iter().map(|fault| format!("[ERROR] {fault}")).collect();
    Some(Refusal { word: "invalid_blocks", messages })
}
