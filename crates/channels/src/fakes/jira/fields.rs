//! Creates and edits tickets.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Issue, Jira, Reply, invalid, missing, refused};
use crate::check::jira_fields;

fn fields_of(body: &Value) -> Map<String, Value> {
    body.get("fields").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A text below a field.
fn text<'f>(fields: &'f Map<String, Value>, name: &str, key: &str) -> Option<&'f str> {
    fields.get(name)?.get(key)?.as_str()
}

impl Jira {
    pub(super) fn create(&mut self, body: &Value, now: Timestamp) -> Reply {
        let fields = fields_of(body);
        if let Some(refused) = self.beyond_limits("createIssue", &fields) {
            return refused;
        }
        let project = text(&fields, "project", "key").unwrap_or_default().to_owned();
        if !self.settings.projects.contains(&project) {
            return invalid("project", "valid project is required");
        }
        let kind = text(&fields, "issuetype", "name").unwrap_or_default();
        if !self.settings.issue_types.iter().any(|known| known == kind) {
            return invalid("issuetype", "The issue type selected is invalid.");
        }
        let Some(summary) = fields.get("summary").and_then(Value::as_str) else {
            return invalid("summary", "You must specify a summary of the issue.");
        };
        if let Some(refused) = self.refused_field(&fields, &self.settings.create_screen) {
            return refused;
        }
        let ordinal = self.issues.len().saturating_add(1);
        let mut issue = Issue {
            number: 9_999_u64.saturating_add(u64::try_from(ordinal).unwrap_or(u64::MAX)),
            key: format!("{project}-{ordinal}"),
            summary: summary.to_owned(),
            labels: labels(&fields),
            ..Issue::default()
        };
        issue.set("To Do", now);
        take(&mut issue, &fields, self.user_id(), now);
        let reply = json!({"id": issue.number.to_string(), "key": issue.key});
        self.issues.push(issue);
        (201, reply)
    }

    pub(super) fn edit(&mut self, at: usize, body: &Value, now: Timestamp) -> Reply {
        let fields = fields_of(body);
        if let Some(refused) = self.beyond_limits("editIssue", &fields) {
            return refused;
        }
        if self.issues.get(at).is_some_and(Issue::is_closed) && !self.settings.closed_is_editable {
            return refused(400, "The issue is not editable in its status.");
        }
        if let Some(refused) = self.refused_field(&fields, &self.settings.edit_screen) {
            return refused;
        }
        let user_id = self.user_id();
        let Some(issue) = self.issues.get_mut(at) else { return missing() };
        take(issue, &fields, user_id, now);
        (204, Value::Null)
    }

    fn beyond_limits(&mut self, operation: &'static str, fields: &Map<String, Value>) -> Option<Reply> {
        let found = jira_fields(fields, self.flavour);
        let errors: Map<String, Value> =
            found.iter().map(|(field, fault)| ((*field).to_owned(), fault.as_str().into())).collect();
        let faults = found.into_iter().map(|(field, fault)| format!("{field}: {fault}")).collect();
        self.note(operation, faults).then(|| (400, json!({"errorMessages": [], "errors": errors})))
    }

    /// The first field that a screen or the content forbids, with what Jira says of it.
    fn refused_field(&self, fields: &Map<String, Value>, screen: &[String]) -> Option<Reply> {
        for name in fields.keys().filter(|name| !["project", "issuetype"].contains(&name.as_str())) {
            if !screen.contains(name) {
                let error = format!("Field '{name}' cannot be set. It is not on the appropriate screen, or unknown.");
                return Some(invalid(name, &error));
            }
        }
        let priority = text(fields, "priority", "name");
        if priority.is_some_and(|name| !self.settings.priorities.iter().any(|known| known == name)) {
            return Some(invalid("priority", "The priority selected is invalid."));
        }
        let assignee = text(fields, "assignee", self.user_id());
        let is_assignable = |id: &str| {
            let mut users = self.settings.users.iter();
            users.any(|user| user.is_assignable && (if self.is_cloud() { user.id.as_str() } else { user.name() }) == id)
        };
        if let Some(id) = assignee.filter(|id| !is_assignable(id)) {
            return Some(invalid("assignee", &format!("User '{id}' cannot be assigned issues.")));
        }
        None
    }
}

fn take(issue: &mut Issue, fields: &Map<String, Value>, user_id: &str, now: Timestamp) {
    if let Some(id) = text(fields, "assignee", user_id) {
        issue.assign(id, now);
    }
    if let Some(name) = text(fields, "priority", "name") {
        issue.prioritise(name, now);
    }
    if let Some(description) = fields.get("description") {
        issue.description = description.clone();
        issue.changed("description", None, now);
    }
}

fn labels(fields: &Map<String, Value>) -> Vec<String> {
    let labels = fields.get("labels").and_then(Value::as_array).into_iter().flatten();
    labels.filter_map(|label| label.as_str().map(str::to_owned)).collect()
}
