//! Histories and threads, in pages.

use serde_json::{Value, json};

use super::{Answer, Conversation, Message, Refusal, Slack};
use crate::fakes::Call;

impl Slack {
    /// The messages of a channel, the newest first. A reply is among them only if it was broadcast.
    pub(super) fn history(&self, call: &Call) -> Answer {
        let Some(conversation) = self.read(call)? else { return Ok(page(call, &[])) };
        let is_shown = |message: &&Message| message.thread_ts.is_none() || message.is_broadcast;
        let messages: Vec<&Message> = conversation.messages.iter().rev().filter(is_shown).collect();
        Ok(page(call, &messages))
    }

    /// A message and its replies, the oldest first. The message is there whatever `oldest` is.
    pub(super) fn replies(&self, call: &Call) -> Answer {
        let ts = call.parameter("ts").unwrap_or_default();
        let conversation = self.read(call)?.ok_or("thread_not_found")?;
        let parent = conversation.top().find(|message| message.ts == ts).ok_or("thread_not_found")?;
        let replies: Vec<&Message> = conversation.thread(&ts).collect();
        let mut answer = page(call, &replies);
        if let Some(messages) = answer.get_mut("messages").and_then(Value::as_array_mut) {
            messages.insert(0, parent.shown(has_metadata(call)));
        }
        Ok(answer)
    }

    /// The conversation, by its id only; `None` if nothing was posted there.
    fn read(&self, call: &Call) -> Result<Option<&Conversation>, Refusal> {
        let id = call.parameter("channel").unwrap_or_default();
        let known = self.settings.conversation(&id).filter(|(known, _)| *known == id);
        let (id, _) = known.ok_or("channel_not_found")?;
        Ok(self.conversations.get(&id))
    }
}

fn has_metadata(call: &Call) -> bool {
    call.parameter("include_all_metadata").is_some_and(|value| value == "true" || value == "1")
}

fn page(call: &Call, messages: &[&Message]) -> Value {
    let oldest = call.parameter("oldest").unwrap_or_default();
    // Time stamps have six digits after the point, and limits may have none.
    let micros = |text: &str| {
        let (seconds, rest) = text.split_once('.').unwrap_or((text, ""));
        format!("{seconds:0>12}.{rest:0<6}")
    };
    let start = call.parameter("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(0_usize);
    let limit = call.number("limit").unwrap_or(100).clamp(1, 999);
    let newer: Vec<&&Message> =
        messages.iter().filter(|message| oldest.is_empty() || micros(&message.ts) > micros(&oldest)).collect();
    let shown = newer.iter().skip(start).take(limit).map(|message| message.shown(has_metadata(call)));
    let end = start.saturating_add(limit);
    let has_more = end < newer.len();
    let next = if has_more { end.to_string() } else { String::new() };
    json!({
        "messages": shown.collect::<Vec<_>>(),
        "has_more": has_more,
        "response_metadata": {"next_cursor": next},
    })
}
