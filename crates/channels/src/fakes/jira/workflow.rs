//! The workflow: from open to `Done` and back.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Jira, Reply, invalid, missing, refused};

impl Jira {
    /// Statuses to which a ticket can go.
    fn available(&self, at: usize) -> Vec<String> {
        let Some(issue) = self.issues.get(at) else { return Vec::new() };
        let names = self.settings.transitions.iter();
        names.filter(|name| (name.as_str() == "Done") != issue.is_closed()).cloned().collect()
    }

    /// The field that a transition demands.
    fn demanded(&self, name: &str) -> Option<&str> {
        self.settings.demanded.as_deref().filter(|_| name == "Done")
    }

    pub(super) fn transitions(&self, at: usize) -> Reply {
        let field = |field: &str| {
            let values = [json!({"name": "Won't Do"}), json!({"name": "Done"})];
            json!({field: {"required": true, "name": field, "allowedValues": values}})
        };
        let shown = self.available(at).into_iter().map(|name| {
            let fields = self.demanded(&name).filter(|_| !self.settings.validated).map_or(json!({}), field);
            json!({"id": format!("id-{name}"), "name": format!("{name} now"), "to": {"name": name}, "fields": fields})
        });
        (200, json!({"transitions": shown.collect::<Vec<_>>()}))
    }

    pub(super) fn transition(&mut self, at: usize, body: &Value, now: Timestamp) -> Reply {
        let id = body.pointer("/transition/id").and_then(Value::as_str).unwrap_or_default();
        let Some(name) = self.available(at).into_iter().find(|name| format!("id-{name}") == id) else {
            return refused(400, "It is not valid for the current status.");
        };
        let has = |field: &str| body.get("fields").is_some_and(|fields| fields.get(field).is_some());
        if let Some(field) = self.demanded(&name).filter(|field| !has(field)) {
            return invalid(field, "Resolution is required.");
        }
        let Some(issue) = self.issues.get_mut(at) else { return missing() };
        issue.set(&name, now);
        issue.resolution = body.pointer("/fields/resolution/name").and_then(Value::as_str).map(str::to_owned);
        (204, Value::Null)
    }
}
