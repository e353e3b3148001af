//! `PagerDuty`: the Events API v2 of one service, and the incidents that follow from events.
//!
//! Source: <https://developer.pagerduty.com/docs/events-api-v2-overview>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Call, Service, Violation, json_response, note};
use crate::check::{EVENT_MAX, pagerduty_event};
use crate::http::Response;

/// What of a service a test may change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PagerDutySettings {
    /// Integration key.
    pub routing_key: String,
}

impl Default for PagerDutySettings {
    fn default() -> Self {
        Self { routing_key: "0123456789abcdef0123456789ABCDEF".to_owned() }
    }
}

/// An incident.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// Key by which events belong to it while it is open.
    pub dedup_key: String,
    /// `triggered`, `acknowledged` or `resolved`.
    pub status: &'static str,
    /// Summary of the first event.
    pub summary: String,
    /// Severity of the first event.
    pub severity: String,
    /// Its events, the oldest first, without the integration key.
    pub events: Vec<IncidentEvent>,
}

/// An event of an incident.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentEvent {
    /// When it arrived.
    pub at: Timestamp,
    /// What it says.
    pub event: Value,
}

impl Incident {
    /// Whether it is not resolved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status != "resolved"
    }
}

/// A service.
#[derive(Debug, Clone, Default)]
pub struct PagerDuty {
    settings: PagerDutySettings,
    /// Incidents in the order of their beginnings.
    pub incidents: Vec<Incident>,
    dropped: usize,
    violations: Vec<Violation>,
}

impl PagerDuty {
    /// Takes an event that is within the limits. One that ends nothing is dropped.
    pub fn take(&mut self, event: &Value, now: Timestamp) {
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (key, action) = (text("/dedup_key"), text("/event_action"));
        let mut kept = event.clone();
        if let Some(kept) = kept.as_object_mut() {
            kept.remove("routing_key");
        }
        let status = match action.as_str() {
            "trigger" => "triggered",
            "acknowledge" => "acknowledged",
            _ => "resolved",
        };
        let kept = IncidentEvent { at: now, event: kept };
        let open = self.incidents.iter_mut().find(|incident| incident.is_open() && incident.dedup_key == key);
        match open {
            Some(incident) => {
                incident.events.push(kept);
                // A trigger is added to an incident, and does not take an acknowledgement back.
                if status != "triggered" {
                    incident.status = status;
                }
            }
            None if status == "triggered" => {
                let (summary, severity) = (text("/payload/summary"), text("/payload/severity"));
                self.incidents.push(Incident { dedup_key: key, status, summary, severity, events: vec![kept] });
            }
            None => self.dropped = self.dropped.saturating_add(1),
        }
    }

    fn note(&mut self, operation: &'static str, faults: Vec<String>) -> bool {
        note(&mut self.violations, operation, faults)
    }
}

impl Service for PagerDuty {
    type Settings = PagerDutySettings;

    fn operation(&self, call: &Call) -> &'static str {
        let action = call.json().and_then(|event| event.get("event_action")?.as_str().map(str::to_owned));
        match action.as_deref().filter(|_| call.path == "/v2/enqueue") {
            Some("trigger") => "trigger",
            Some("acknowledge") => "acknowledge",
            Some("resolve") => "resolve",
            _ => "",
        }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["trigger", "acknowledge", "resolve"]
    }

    fn serve(&mut self, call: &Call, now: Timestamp) -> Response {
        let operation = self.operation(call);
        if call.method != "POST" || call.path != "/v2/enqueue" {
            self.note(operation, vec![format!("there is no {} {}", call.method, call.path)]);
            return json_response(404, &Value::Null);
        }
        if call.body.len() > EVENT_MAX {
            self.note(operation, vec!["the event is too large".to_owned()]);
            return json_response(413, &Value::Null);
        }
        let invalid = |errors: &[String]| {
            let body = json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors});
            json_response(400, &body)
        };
        let Some(event) = call.json() else {
            let errors = ["JSON cannot be parsed".to_owned()];
            self.note(operation, errors.to_vec());
            return invalid(&errors);
        };
        let mut faults = pagerduty_event(&event);
        if event.get("routing_key").and_then(Value::as_str) != Some(self.settings.routing_key.as_str()) {
            faults.push("Invalid routing key".to_owned());
        }
        if self.note(operation, faults.clone()) {
            return invalid(&faults);
        }
        self.take(&event, now);
        let key = event.get("dedup_key");
        json_response(202, &json!({"status": "success", "message": "Event processed", "dedup_key": key}))
    }

    fn limited(&self) -> Response {
        json_response(
            429,
            &json!({"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."}),
        )
    }

    fn state(&self) -> Value {
        json!({"incidents": self.incidents, "dropped": self.dropped})
    }

    fn clear(&mut self) {
        self.incidents.clear();
        self.dropped = 0;
        self.violations.clear();
    }

    fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn settings(&self) -> &PagerDutySettings {
        &self.settings
    }

    fn set(&mut self, settings: PagerDutySettings) {
        self.settings = settings;
    }
}
