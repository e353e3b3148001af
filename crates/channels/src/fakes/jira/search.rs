//! The search, by an index that lags.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Issue, Jira, Reply, refused};

impl Jira {
    /// A ticket as an answer has it.
    pub(super) fn shown(&self, issue: &Issue, status: &str) -> Value {
        let category = match status {
            "Done" => "done",
            "In Progress" => "indeterminate",
            _ => "new",
        };
        let links: Vec<Value> = issue.links.iter().map(|key| json!({"outwardIssue": {"key": key}})).collect();
        let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
        json!({"id": issue.number.to_string(), "key": issue.key, "fields": {
            "summary": issue.summary,
            "status": {"name": status, "statusCategory": {"key": category}},
            "resolutiondate": issue.resolved.map(time),
            "labels": issue.labels,
            "priority": issue.priority.as_ref().map(|name| json!({"name": name})),
            "assignee": issue.assignee.as_ref().map(|id| json!({self.user_id(): id})),
            "description": issue.description,
            "issuelinks": links,
        }})
    }

    /// Only the JQL of the channel is understood.
    pub(super) fn search(&mut self, body: &Value, now: Timestamp) -> Reply {
        let jql = body.get("jql").and_then(Value::as_str).unwrap_or_default();
        let label = jql.strip_prefix("labels = \"").and_then(|rest| rest.strip_suffix("\" ORDER BY created DESC"));
        let Some(label) = label.filter(|label| !label.contains('"')) else {
            self.note("search", vec![format!("JQL that this Jira does not know: {jql}")]);
            return refused(400, "Error in the JQL Query.");
        };
        if body.get("fields").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            self.note("search", vec!["without fields, only ids are returned".to_owned()]);
        }
        let reconciled = body.get("reconcileIssues").cloned().unwrap_or(Value::Array(Vec::new()));
        let reconciled: Vec<u64> = serde_json::from_value(reconciled).unwrap_or_default();
        if !self.is_cloud() && !reconciled.is_empty() {
            return refused(400, "Unrecognized field \"reconcileIssues\"");
        }
        let lag = SignedDuration::from_secs(self.settings.lag_seconds);
        let seen = now.checked_sub(lag).unwrap_or(Timestamp::MIN);
        let mut found = Vec::new();
        for issue in self.issues.iter().rev().filter(|issue| !issue.deleted) {
            let indexed = issue.indexed.iter().rfind(|(since, _)| *since <= seen).map(|(_, status)| status);
            let status = if reconciled.contains(&issue.number) { Some(&issue.status) } else { indexed };
            let is_found = issue.labels.iter().any(|known| known == label);
            found.extend(status.filter(|_| is_found).map(|status| self.shown(issue, status)));
        }
        self.page(body, &found)
    }

    fn page(&self, body: &Value, found: &[Value]) -> Reply {
        let number =
            |name: &str| body.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let start = if self.is_cloud() {
            let token = body.get("nextPageToken").and_then(Value::as_str).unwrap_or("0");
            let Ok(start) = token.parse() else { return refused(400, "The provided next page token is invalid.") };
            start
        } else {
            number("startAt").unwrap_or(0)
        };
        let length = self.settings.page.min(number("maxResults").unwrap_or(50));
        let page: Vec<Value> = found.iter().skip(start).take(length).cloned().collect();
        let end = start.saturating_add(length);
        let next = (end < found.len()).then(|| end.to_string());
        if self.is_cloud() {
            (200, json!({"issues": page, "nextPageToken": next, "isLast": next.is_none()}))
        } else {
            (200, json!({"issues": page, "startAt": start, "maxResults": length, "total": found.len()}))
        }
    }
}
