//! An incoming webhook.
//!
//! Source: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{SlackWebhookSettings, Version, post};
use crate::check::slack_message;
use crate::fakes::{Call, Service, Violation, note, text_response};
use crate::http::Response;

/// An incoming webhook of one channel.
#[derive(Debug, Clone, Default)]
pub struct SlackWebhook {
    settings: SlackWebhookSettings,
    /// What was posted, the oldest first.
    pub messages: Vec<Version>,
    violations: Vec<Violation>,
}

impl SlackWebhook {
    fn note(&mut self, faults: Vec<String>) -> bool {
        note(&mut self.violations, "post", faults)
    }
}

impl Service for SlackWebhook {
    type Settings = SlackWebhookSettings;

    fn operation(&self, call: &Call) -> &'static str {
        if call.method == "POST" { "post" } else { "" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["post"]
    }

    fn serve(&mut self, call: &Call, now: Timestamp) -> Response {
        if call.method != "POST" || call.path != self.settings.path {
            self.note(vec!["there is no such webhook".to_owned()]);
            return text_response(404, "no_service");
        }
        let Some(body) = call.json().filter(Value::is_object) else {
            self.note(vec!["the body is no JSON".to_owned()]);
            return text_response(400, "invalid_payload");
        };
        let faults = slack_message(&body);
        self.note(faults.clone());
        if let Some(refusal) = post::refusal(&body, faults) {
            return text_response(400, refusal.word);
        }
        self.messages.push(Version::of(&body, now));
        text_response(200, "ok")
    }

    fn state(&self) -> Value {
        json!({"messages": self.messages})
    }

    fn clear(&mut self) {
        self.messages.clear();
        self.violations.clear();
    }

    fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn settings(&self) -> &SlackWebhookSettings {
        &self.settings
    }

    fn set(&mut self, settings: SlackWebhookSettings) {
        self.settings = settings;
    }
}
