//! Microsoft Teams: a workflow that posts cards.
//!
//! The workflow answers before it posts. So a card that Teams refuses is answered as one that it takes, and is not shown.
//!
//! Source: <https://learn.microsoft.com/en-us/connectors/teams/#when-a-teams-webhook-request-is-received>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Call, Service, Violation, json_response, note};
use crate::check::teams_message;
use crate::http::Response;

/// What of a workflow a test may change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TeamsSettings {
    /// Path of the URL.
    pub path: String,
    /// Parameter `sig` of the URL, which is the key.
    pub signature: String,
}

impl Default for TeamsSettings {
    fn default() -> Self {
        Self { path: "/workflows/fake/triggers/manual/paths/invoke".to_owned(), signature: "fake".to_owned() }
    }
}

/// A workflow with the trigger "When a Teams webhook request is received".
#[derive(Debug, Clone, Default)]
pub struct Teams {
    settings: TeamsSettings,
    cards: Vec<(Timestamp, Value)>,
    violations: Vec<Violation>,
}

impl Teams {
    fn note(&mut self, faults: Vec<String>) -> bool {
        note(&mut self.violations, "post", faults)
    }
}

impl Service for Teams {
    type Settings = TeamsSettings;

    fn operation(&self, call: &Call) -> &'static str {
        if call.method == "POST" { "post" } else { "" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["post"]
    }

    fn serve(&mut self, call: &Call, now: Timestamp) -> Response {
        let error = |status, code: &str| json_response(status, &json!({"error": {"code": code, "message": "refused"}}));
        if call.path != self.settings.path {
            self.note(vec!["there is no such workflow".to_owned()]);
            return error(404, "WorkflowNotFound");
        }
        if call.parameter("sig").is_none_or(|signature| signature != self.settings.signature) {
            self.note(vec!["the signature of the URL is not accepted".to_owned()]);
            return error(401, "DirectApiInvalidAuthorizationScheme");
        }
        let Some(message) = call.json().filter(Value::is_object) else {
            self.note(vec!["the body is no JSON".to_owned()]);
            return error(400, "InvalidRequestContent");
        };
        if !self.note(teams_message(&message)) {
            self.cards.push((now, message));
        }
        json_response(202, &Value::Null)
    }

    fn state(&self) -> Value {
        let card = |(at, message): &(Timestamp, Value)| json!({"at": at, "message": message});
        json!({"cards": self.cards.iter().map(card).collect::<Vec<_>>()})
    }

    fn clear(&mut self) {
        self.cards.clear();
        self.violations.clear();
    }

    fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn settings(&self) -> &TeamsSettings {
        &self.settings
    }

    fn set(&mut self, settings: TeamsSettings) {
        self.settings = settings;
    }
}
