//! Slack: a workspace with its Web API, and an incoming webhook.

mod history;
mod message;
mod post;
mod settings;
mod webhook;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use self::message::{Conversation, Message, Version};
pub use self::settings::{SlackSettings, SlackWebhookSettings};
pub use self::webhook::SlackWebhook;
use super::{Call, Service, Violation, json_response, note};
use crate::http::Response;

/// The methods of the Web API that the channel calls, with the scope that each takes.
const METHODS: [(&str, &str); 5] = [
    ("chat.postMessage", "chat:write"),
    ("chat.update", "chat:write"),
    ("conversations.history", "channels:history"),
    ("conversations.replies", "channels:history"),
    ("users.lookupByEmail", "users:read.email"),
];
const OPERATIONS: [&str; 5] =
    ["chat.postMessage", "chat.update", "conversations.history", "conversations.replies", "users.lookupByEmail"];

/// What a method answers: its result, or a word with what else there is to say.
type Answer = Result<Value, Refusal>;

/// Slack carries nothing out.
#[derive(Debug)]
struct Refusal {
    word: &'static str,
    messages: Vec<String>,
}

impl From<&'static str> for Refusal {
    fn from(word: &'static str) -> Self {
        Self { word, messages: Vec::new() }
    }
}

/// A workspace.
#[derive(Debug, Clone, Default)]
pub struct Slack {
    /// What a test may change.
    pub settings: SlackSettings,
    conversations: BTreeMap<String, Conversation>,
    newest: u64,
    violations: Vec<Violation>,
}

impl Slack {
    /// Conversations by the names of their channels or the e-mail addresses of their users.
    pub fn conversations(&self) -> impl Iterator<Item = &Conversation> {
        self.conversations.values()
    }

    fn method(call: &Call) -> Option<(&'static str, &'static str)> {
        let name = call.path.strip_prefix("/api/")?;
        METHODS.into_iter().find(|(known, _)| *known == name)
    }

    fn answer(&mut self, call: &Call, now: Timestamp) -> Answer {
        let Some((method, scope)) = Self::method(call) else {
            self.note("", vec![format!("there is no method {}", call.path)]);
            return Err("unknown_method".into());
        };
        let Some(token) = call.header("authorization").strip_prefix("Bearer ") else {
            self.note(method, vec!["there is no token".to_owned()]);
            return Err("not_authed".into());
        };
        if token != self.settings.token {
            self.note(method, vec!["the token is not accepted".to_owned()]);
            return Err("invalid_auth".into());
        }
        if !self.settings.scopes.iter().any(|known| known == scope) {
            return Err("missing_scope".into());
        }
        if call.method == "POST" && !call.header("content-type").starts_with("application/json") {
            self.note(method, vec!["the body is not announced as JSON".to_owned()]);
            return Err("invalid_post_type".into());
        }
        let Some(body) = call.json() else {
            self.note(method, vec!["the body is no JSON".to_owned()]);
            return Err("invalid_json".into());
        };
        match method {
            "chat.postMessage" => self.post(&body, now),
            "chat.update" => self.update(&body, now),
            "conversations.history" => self.history(call),
            "conversations.replies" => self.replies(call),
            _ => self.user(call),
        }
    }

    fn user(&self, call: &Call) -> Answer {
        let email = call.parameter("email").unwrap_or_default();
        let id = self.settings.user_id(&email).ok_or("users_not_found")?;
        Ok(json!({"user": {"id": id, "profile": {"email": email}}}))
    }

    fn note(&mut self, method: &'static str, faults: Vec<String>) -> bool {
        note(&mut self.violations, method, faults)
    }
}

impl Service for Slack {
    type Settings = SlackSettings;

    fn operation(&self, call: &Call) -> &'static str {
        Self::method(call).map_or("", |(name, _)| name)
    }

    fn operations(&self) -> &'static [&'static str] {
        &OPERATIONS
    }

    fn serve(&mut self, call: &Call, now: Timestamp) -> Response {
        match self.answer(call, now) {
            Ok(mut answer) => {
                if let Some(answer) = answer.as_object_mut() {
                    answer.insert("ok".to_owned(), true.into());
                }
                json_response(200, &answer)
            }
            Err(Refusal { word: "ratelimited", .. }) => {
                let mut response = self.limited();
                response.headers.push(("retry-after".to_owned(), "1".to_owned()));
                response
            }
            Err(Refusal { word, messages }) => {
                let mut answer = json!({"ok": false, "error": word});
                if let Some(answer) = answer.as_object_mut().filter(|_| !messages.is_empty()) {
                    answer.insert("response_metadata".to_owned(), json!({"messages": messages}));
                }
                json_response(200, &answer)
            }
        }
    }

    fn limited(&self) -> Response {
        json_response(429, &json!({"ok": false, "error": "ratelimited"}))
    }

    fn state(&self) -> Value {
        let shown = |conversation: &Conversation| (conversation.name.clone(), conversation.state());
        let channels: serde_json::Map<String, Value> = self.conversations().map(shown).collect();
        json!({"channels": channels})
    }

    fn clear(&mut self) {
        self.conversations.clear();
        self.violations.clear();
    }

    fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn settings(&self) -> &SlackSettings {
        &self.settings
    }

    fn set(&mut self, settings: SlackSettings) {
        self.settings = settings;
    }
}
