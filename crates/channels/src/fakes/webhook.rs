//! A receiver of webhooks by the convention of Standard Webhooks. It verifies as the specification says, by code of its own.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Call, Service, Violation, json_response, note};
use crate::http::Response;

/// Largest payload that a receiver should expect, in bytes: ours are larger than the 20 KB of the specification.
const PAYLOAD_MAX: usize = 100_000;

/// What of a receiver a test may change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookSettings {
    /// Key for signatures.
    pub secret: String,
    /// Age of a signature that is accepted, in seconds.
    pub tolerance_seconds: i64,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), tolerance_seconds: 300 }
    }
}

/// What arrived under one id.
#[derive(Debug, Clone, Serialize)]
pub struct WebhookDelivery {
    /// Id, by which a repetition is recognised.
    pub id: String,
    /// When it arrived first.
    pub at: Timestamp,
    /// How often it arrived.
    pub times: usize,
    /// What it says.
    pub document: Value,
}

/// A receiver.
#[derive(Debug, Clone, Default)]
pub struct Webhook {
    settings: WebhookSettings,
    /// Deliveries in the order of their arrival.
    pub deliveries: Vec<WebhookDelivery>,
    violations: Vec<Violation>,
}

impl Webhook {
    fn note(&mut self, faults: Vec<String>) -> bool {
        note(&mut self.violations, "post", faults)
    }

    /// What is wrong with the headers or the signature.
    fn faults(&self, call: &Call, now: Timestamp) -> Vec<String> {
        let (id, time) = (call.header("webhook-id"), call.header("webhook-timestamp"));
        let mut faults = Vec::new();
        if id.is_empty() || id.contains('.') {
            faults.push("webhook-id is missing, or has a full stop".to_owned());
        }
        let tolerance = SignedDuration::from_secs(self.settings.tolerance_seconds);
        match time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()) {
            Some(sent) if now.duration_since(sent).abs() <= tolerance => {}
            _ => faults.push(format!("webhook-timestamp {time} is not within the tolerance")),
        }
        let secret = &self.settings.secret;
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).unwrap_or_default();
        let is_signed = |signature: &str| {
            let Some(Ok(signature)) = signature.strip_prefix("v1,").map(|text| STANDARD.decode(text)) else {
                return false;
            };
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
            for part in [id.as_bytes(), b".", time.as_bytes(), b".", &call.body] {
                mac.update(part);
            }
            mac.verify_slice(&signature).is_ok()
        };
        if !call.header("webhook-signature").split(' ').any(is_signed) {
            faults.push("no signature is that of the content".to_owned());
        }
        faults
    }
}

impl Service for Webhook {
    type Settings = WebhookSettings;

    fn operation(&self, call: &Call) -> &'static str {
        if call.method == "POST" { "post" } else { "" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["post"]
    }

    fn serve(&mut self, call: &Call, now: Timestamp) -> Response {
        if self.note(self.faults(call, now)) {
            return json_response(401, &json!({"error": "the signature is not accepted"}));
        }
        let id = call.header("webhook-id");
        let document = call.json().unwrap_or_default();
        let mut faults = Vec::new();
        if call.body.len() > PAYLOAD_MAX {
            faults.push("the document is too large".to_owned());
        }
        if document.get("id").and_then(Value::as_str) != Some(id) {
            faults.push("the document has not the id of the header".to_owned());
        }
        if document.get("schema").and_then(Value::as_str) != Some(crate::NOTICE_FORMAT) {
            faults.push("the document is of another format".to_owned());
        }
        if self.note(faults) {
            return json_response(400, &json!({"error": "the document is not understood"}));
        }
        match self.deliveries.iter_mut().find(|delivery| delivery.id == id) {
            Some(delivery) => delivery.times = delivery.times.saturating_add(1),
            None => self.deliveries.push(WebhookDelivery { id: id.to_owned(), at: now, times: 1, document }),
        }
        json_response(204, &Value::Null)
    }

    fn state(&self) -> Value {
        json!({"deliveries": self.deliveries})
    }

    fn clear(&mut self) {
        self.deliveries.clear();
        self.violations.clear();
    }

    fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn settings(&self) -> &WebhookSettings {
        &self.settings
    }

    fn set(&mut self, settings: WebhookSettings) {
        self.settings = settings;
    }
}
