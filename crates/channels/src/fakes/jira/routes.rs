//! The calls that a Jira answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Jira, Reply, invalid, missing, refused};
use crate::check::jira_text;
use crate::fakes::Call;

/// The name of what is called, or an empty one.
pub(super) fn operation(jira: &Jira, call: &Call) -> &'static str {
    let path: Vec<&str> = call.path.strip_prefix(jira.api()).unwrap_or_default().split('/').collect();
    match (call.method.as_str(), path.as_slice()) {
        ("GET", ["mypermissions"]) => "getMyPermissions",
        ("GET", ["user", "search"]) => "findUsers",
        ("POST", ["search", "jql"]) if jira.is_cloud() => "search",
        ("POST", ["search"]) if !jira.is_cloud() => "search",
        ("POST", ["issue"]) => "createIssue",
        ("GET", ["issueLinkType"]) => "getIssueLinkTypes",
        ("POST", ["issueLink"]) => "linkIssues",
        ("GET", ["issue", _]) => "getIssue",
        ("PUT", ["issue", _]) => "editIssue",
        ("GET", ["issue", _, "comment"]) => "getComments",
        ("POST", ["issue", _, "comment"]) => "addComment",
        ("GET", ["issue", _, "transitions"]) => "getTransitions",
        ("POST", ["issue", _, "transitions"]) => "doTransition",
        _ => "",
    }
}

impl Jira {
    /// Carries a call out.
    pub(super) fn route(&mut self, call: &Call, now: Timestamp) -> Reply {
        let operation = operation(self, call);
        if call.header("authorization") != self.authorization() {
            self.note(operation, vec!["the token is not accepted".to_owned()]);
            return refused(401, "Client must be authenticated to access this resource.");
        }
        if !call.body.is_empty() && !call.header("content-type").starts_with("application/json") {
            self.note(operation, vec!["a body without its content type".to_owned()]);
            return refused(415, "Unsupported Media Type");
        }
        let Some(body) = call.json() else {
            self.note(operation, vec!["the body is no JSON".to_owned()]);
            return refused(400, "Invalid request payload. Refer to the REST API documentation and try again.");
        };
        match operation {
            "getMyPermissions" => self.my_permissions(call),
            "findUsers" => self.find_users(call),
            "search" => self.search(&body, now),
            "createIssue" => self.create(&body, now),
            "getIssueLinkTypes" => {
                let kinds: Vec<Value> = self.settings.link_types.iter().map(|name| json!({"name": name})).collect();
                (200, json!({"issueLinkTypes": kinds}))
            }
            "linkIssues" => self.link(&body),
            "" if call.path.starts_with(&format!("{}search", self.api())) => {
                refused(410, "The requested API has been removed.")
            }
            "" => {
                self.note(operation, vec![format!("there is no {} {}", call.method, call.path)]);
                refused(404, "Not Found")
            }
            of_issue => self.route_of_issue(of_issue, call, &body, now),
        }
    }

    fn route_of_issue(&mut self, operation: &'static str, call: &Call, body: &Value, now: Timestamp) -> Reply {
        let rest = call.path.strip_prefix(self.api()).and_then(|path| path.strip_prefix("issue/")).unwrap_or_default();
        let id = rest.split('/').next().unwrap_or_default();
        let Some(at) = self.issues.iter().position(|issue| issue.is(id)) else { return missing() };
        match operation {
            "getIssue" => self.issues.get(at).map_or_else(missing, |issue| (200, self.shown(issue, &issue.status))),
            "editIssue" => self.edit(at, body, now),
            "getComments" => self.comments(at, call),
            "addComment" => self.comment(at, body, now),
            "getTransitions" => self.transitions(at),
            _ => self.transition(at, body, now),
        }
    }

    fn authorization(&self) -> String {
        let secret = &self.settings.secret;
        if self.is_cloud() { format!("Basic {}", STANDARD.encode(secret)) } else { format!("Bearer {secret}") }
    }

    fn my_permissions(&self, call: &Call) -> Reply {
        let project = call.parameter("projectKey").unwrap_or_default();
        if !self.settings.projects.contains(&project) {
            return refused(404, &format!("No project could be found with key '{project}'."));
        }
        let asked = call.parameter("permissions").unwrap_or_default();
        let has = |key: &str| {
            let has = self.settings.permissions.iter().any(|known| known == key);
            (key.to_owned(), json!({"key": key, "havePermission": has}))
        };
        let permissions: serde_json::Map<String, Value> = asked.split(',').map(has).collect();
        (200, json!({"permissions": permissions}))
    }

    fn find_users(&self, call: &Call) -> Reply {
        let name = if self.is_cloud() { "query" } else { "username" };
        let Some(text) = call.parameter(name) else { return refused(400, &format!("{name} is missing")) };
        let found = self.settings.users.iter().filter(|user| user.email.starts_with(&text)).map(|user| {
            if self.is_cloud() {
                // Cloud hides addresses by default.
                json!({"accountId": user.id, "accountType": "atlassian", "active": true})
            } else {
                json!({"name": user.name(), "key": user.id, "emailAddress": user.email, "active": true})
            }
        });
        (200, Value::Array(found.collect()))
    }

    fn comments(&self, at: usize, call: &Call) -> Reply {
        let (start, max) = (call.number("startAt").unwrap_or(0), call.number("maxResults").unwrap_or(50));
        let comments = self.issues.get(at).map(|issue| issue.comments.as_slice()).unwrap_or_default();
        let mut sorted: Vec<_> = comments.iter().collect();
        if call.parameter("orderBy").is_some_and(|order| order == "-created") {
            sorted.reverse();
        }
        let shown = sorted.into_iter().skip(start).take(max);
        let shown = shown.map(|comment| json!({"created": comment.created, "body": comment.body}));
        let total = comments.len();
        (200, json!({"comments": shown.collect::<Vec<_>>(), "startAt": start, "maxResults": max, "total": total}))
    }

    fn comment(&mut self, at: usize, body: &Value, now: Timestamp) -> Reply {
        let text = body.get("body").unwrap_or(&Value::Null);
        let faults = jira_text(text, self.flavour);
        let error = faults.first().cloned().unwrap_or_default();
        if self.note("addComment", faults) {
            return invalid("comment", &error);
        }
        let Some(issue) = self.issues.get_mut(at) else { return missing() };
        issue.comments.push(super::Comment { created: now, body: text.clone() });
        (201, json!({"id": issue.comments.len().to_string()}))
    }

    fn link(&mut self, body: &Value) -> Reply {
        let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, inward, outward) = (text("/type/name"), text("/inwardIssue/key"), text("/outwardIssue/key"));
        if !self.settings.link_types.contains(&kind) {
            return refused(404, &format!("No issue link type with name '{kind}' found."));
        }
        let exists = |key: &String| self.issues.iter().any(|issue| !issue.deleted && issue.key == *key);
        if !exists(&outward) && !self.settings.other_issues.contains(&outward) {
            return missing();
        }
        let Some(issue) = self.issues.iter_mut().find(|issue| !issue.deleted && issue.key == inward) else {
            return missing();
        };
        // Jira takes the same link twice without a word.
        if !issue.links.insert(outward) {
            self.note("linkIssues", vec![format!("{inward} is linked twice")]);
        }
        (201, Value::Null)
    }
}
