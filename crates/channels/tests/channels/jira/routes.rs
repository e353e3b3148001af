//! The calls that the model answers.

use channels::{Method, Request};
use percent_encoding::percent_decode_str;
use routing::JiraFlavour;
use serde_json::{Map, Value, json};

use super::checks;
use super::model::{BASE, Issue, LAG, State};

const PROJECT: &str = "SEC";

type Reply = (u16, Value);

fn invalid(field: &str, error: &str) -> Reply {
    (400, json!({"errorMessages": [], "errors": {field: error}}))
}

fn missing() -> Reply {
    (404, json!({"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}))
}

impl State {
    /// Carries a call out, and checks that it is one that Jira takes.
    pub(super) fn serve(&mut self, request: &Request) -> Reply {
        let api = if self.flavour == JiraFlavour::Cloud { "/rest/api/3/" } else { "/rest/api/2/" };
        let path = request.url.expose().strip_prefix(BASE).and_then(|rest| rest.strip_prefix(api));
        let path = path.unwrap_or_else(|| panic!("{} is not below {api}", request.url.expose()));
        checks::headers(request, self.flavour);
        let body = if request.body.is_empty() { Value::Null } else { serde_json::from_slice(&request.body).unwrap() };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(key, _)| *key == name);
            values.next().map(|(_, value)| percent_decode_str(value).decode_utf8().unwrap().into_owned())
        };
        let segments: Vec<&str> = path.split('/').collect();
        self.calls.push(format!("{} {}", request.method.as_str(), segments.join("/")));
        self.bodies.push(body.clone());
        match (request.method, segments.as_slice()) {
            (Method::Get, ["mypermissions"]) => self.permissions(&parameter("projectKey").unwrap()),
            (Method::Get, ["user", "search"]) => {
                self.user_search(&parameter("query").or(parameter("username")).unwrap())
            }
            (Method::Post, ["search", "jql"]) if self.flavour == JiraFlavour::Cloud => self.search(&body),
            (Method::Post, ["search"]) if self.flavour == JiraFlavour::DataCenter => self.search(&body),
            (_, ["search", ..]) => (410, json!({"errorMessages": ["The requested API has been removed."]})),
            (Method::Post, ["issue"]) => self.create(&body),
            (Method::Get, ["issueLinkType"]) => {
                let kinds: Vec<Value> = self.link_types.iter().map(|name| json!({"name": name})).collect();
                (200, json!({"issueLinkTypes": kinds}))
            }
            (Method::Post, ["issueLink"]) => self.link(&body),
            (method, ["issue", id, rest @ ..]) => {
                let is = |issue: &Issue| !issue.deleted && (issue.key == *id || issue.number.to_string() == *id);
                let Some(at) = self.issues.iter().position(is) else { return missing() };
                match (method, rest) {
                    (Method::Get, []) => (200, self.shown(at, self.issues[at].status)),
                    (Method::Put, []) => self.edit(at, body["fields"].as_object().unwrap()),
                    (Method::Get, ["comment"]) => self.comments(at, parameter("startAt"), parameter("maxResults")),
                    (Method::Post, ["comment"]) => self.comment(at, &body),
                    (Method::Get, ["transitions"]) => self.transitions(at),
                    (Method::Post, ["transitions"]) => self.transition(at, &body),
                    _ => panic!("{method:?} {path}"),
                }
            }
            (method, _) => panic!("{method:?} {path}"),
        }
    }

    fn shown(&self, at: usize, status: &str) -> Value {
        let issue = &self.issues[at];
        let category = match status {
            "Done" => "done",
            "In Progress" => "indeterminate",
            _ => "new",
        };
        let user = if self.flavour == JiraFlavour::Cloud { "accountId" } else { "name" };
        let links: Vec<Value> = issue.links.iter().map(|key| json!({"outwardIssue": {"key": key}})).collect();
        let time = |time: jiff::Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
        json!({"id": issue.number.to_string(), "key": issue.key, "fields": {
            "status": {"name": status, "statusCategory": {"key": category}},
            "resolutiondate": issue.resolved.map(time),
            "labels": issue.labels,
            "priority": issue.priority.as_ref().map(|name| json!({"name": name})),
            "assignee": issue.assignee.as_ref().map(|id| json!({user: id})),
            "description": issue.description,
            "issuelinks": links,
        }})
    }

    fn permissions(&self, project: &str) -> Reply {
        if project != PROJECT {
            return (404, json!({"errorMessages": [format!("No project could be found with key '{project}'.")]}));
        }
        let has = |key: &str| json!({"key": key, "havePermission": self.permissions.contains(&key)});
        (
            200,
            json!({"permissions": {"BROWSE_PROJECTS": has("BROWSE_PROJECTS"), "CREATE_ISSUES": has("CREATE_ISSUES")}}),
        )
    }

    fn user_search(&self, text: &str) -> Reply {
        let shown = |(id, email, _): &(&str, &str, bool)| match self.flavour {
            // Cloud hides addresses by default.
            JiraFlavour::Cloud => json!({"accountId": id, "accountType": "atlassian", "active": true}),
            JiraFlavour::DataCenter => {
                json!({"name": email.split('@').next(), "key": id, "emailAddress": email, "active": true})
            }
        };
        let found = self.users.iter().filter(|(_, email, _)| email.starts_with(text));
        (200, Value::Array(found.map(shown).collect()))
    }

    fn search(&self, body: &Value) -> Reply {
        let jql = body["jql"].as_str().unwrap();
        let label =
            jql.strip_prefix("labels = \"").and_then(|rest| rest.strip_suffix("\" ORDER BY created DESC")).unwrap();
        assert!(!body["fields"].as_array().unwrap().is_empty(), "without fields only ids are returned");
        let reconciled: Vec<u64> = serde_json::from_value(body["reconcileIssues"].clone()).unwrap_or_default();
        assert!(self.flavour == JiraFlavour::Cloud || reconciled.is_empty());
        let seen = self.now.checked_sub(LAG).unwrap();
        let mut found = Vec::new();
        for (at, issue) in self.issues.iter().enumerate().filter(|(_, issue)| !issue.deleted).rev() {
            let indexed = issue.indexed.iter().rev().find(|(since, _)| *since <= seen).map(|(_, status)| *status);
            let status = if reconciled.contains(&issue.number) { Some(issue.status) } else { indexed };
            let is_found = issue.labels.iter().any(|known| known == label);
            found.extend(status.filter(|_| is_found).map(|status| self.shown(at, status)));
        }
        // Pages of two, so that they are turned.
        let start = match self.flavour {
            JiraFlavour::Cloud => body["nextPageToken"].as_str().map_or(0, |token| token.parse().unwrap()),
            JiraFlavour::DataCenter => usize::try_from(body["startAt"].as_u64().unwrap()).unwrap(),
        };
        let page: Vec<Value> = found.iter().skip(start).take(2).cloned().collect();
        let next = (start + 2 < found.len()).then(|| (start + 2).to_string());
        match self.flavour {
            JiraFlavour::Cloud => (200, json!({"issues": page, "nextPageToken": next})),
            JiraFlavour::DataCenter => (200, json!({"issues": page, "startAt": start, "total": found.len()})),
        }
    }

    /// The first field that a screen or the content forbids, with what Jira says of it.
    fn refused(&self, fields: &Map<String, Value>, screen: &[&str]) -> Option<Reply> {
        for name in fields.keys().filter(|name| !["project", "issuetype"].contains(&name.as_str())) {
            if !screen.contains(&name.as_str()) {
                let error = format!("Field '{name}' cannot be set. It is not on the appropriate screen, or unknown.");
                return Some(invalid(name, &error));
            }
        }
        let priority = fields.get("priority").map(|priority| priority["name"].as_str().unwrap());
        if priority.is_some_and(|name| !self.priorities.contains(&name)) {
            return Some(invalid("priority", "The priority selected is invalid."));
        }
        let assignee = fields.get("assignee").and_then(|user| self.assignable(user));
        if assignee == Some(false) {
            return Some(invalid("assignee", "User 'eve' cannot be assigned issues."));
        }
        None
    }

    fn assignable(&self, user: &Value) -> Option<bool> {
        let id = self.assignee(user)?;
        Some(self.users.iter().any(|(known, email, is_assignable)| {
            *is_assignable && (*known == id || email.split('@').next() == Some(id.as_str()))
        }))
    }

    fn assignee(&self, user: &Value) -> Option<String> {
        let name = if self.flavour == JiraFlavour::Cloud { "accountId" } else { "name" };
        user[name].as_str().map(str::to_owned)
    }

    fn create(&mut self, body: &Value) -> Reply {
        let fields = body["fields"].as_object().unwrap();
        checks::fields(fields, self.flavour);
        if fields["project"]["key"] != PROJECT {
            return invalid("project", "valid project is required");
        }
        if fields["issuetype"]["name"] != "Task" {
            return invalid("issuetype", "The issue type selected is invalid.");
        }
        if let Some(refused) = self.refused(fields, &self.create_screen) {
            return refused;
        }
        let number = 10_000 + u64::try_from(self.issues.len()).unwrap();
        let key = format!("{PROJECT}-{}", self.issues.len() + 1);
        let mut issue = Issue { number, key: key.clone(), ..Issue::default() };
        fields["summary"].as_str().unwrap().clone_into(&mut issue.summary);
        issue.labels = serde_json::from_value(fields["labels"].clone()).unwrap();
        issue.set("To Do", self.now);
        self.issues.push(issue);
        self.take(self.issues.len() - 1, fields);
        (201, json!({"id": number.to_string(), "key": key}))
    }

    fn take(&mut self, at: usize, fields: &Map<String, Value>) {
        let assignee = fields.get("assignee").and_then(|user| self.assignee(user));
        let issue = &mut self.issues[at];
        issue.assignee = assignee.or(issue.assignee.take());
        let priority = fields.get("priority").map(|priority| priority["name"].as_str().unwrap().to_owned());
        issue.priority = priority.or(issue.priority.take());
        if let Some(description) = fields.get("description") {
            issue.description = description.clone();
        }
    }

    fn edit(&mut self, at: usize, fields: &Map<String, Value>) -> Reply {
        checks::fields(fields, self.flavour);
        if self.issues[at].is_closed() && !self.closed_is_editable {
            return (400, json!({"errorMessages": ["The issue is not editable in its status."], "errors": {}}));
        }
        if let Some(refused) = self.refused(fields, &self.edit_screen) {
            return refused;
        }
        self.take(at, fields);
        (204, Value::Null)
    }

    fn comments(&self, at: usize, start: Option<String>, max: Option<String>) -> Reply {
        let number = |text: Option<String>| text.unwrap().parse::<usize>().unwrap();
        let (start, max) = (number(start), number(max));
        let newest = self.issues[at].comments.iter().rev().skip(start).take(max);
        let shown = newest.map(|(created, body)| json!({"created": created.to_string(), "body": body}));
        (200, json!({"comments": shown.collect::<Vec<_>>(), "startAt": start}))
    }

    fn comment(&mut self, at: usize, body: &Value) -> Reply {
        checks::text(&body["body"], self.flavour);
        let now = self.now;
        self.issues[at].comments.push((now, body["body"].clone()));
        (201, json!({"id": "1"}))
    }

    fn available(&self, at: usize) -> Vec<&'static str> {
        let (closed, known) = (self.issues[at].is_closed(), self.transitions.iter().copied());
        known.filter(|name| (*name == "Done") != closed).collect()
    }

    fn transitions(&self, at: usize) -> Reply {
        let shown = self.available(at).into_iter().map(|name| {
            let demanded = self.demanded.filter(|_| name == "Done" && !self.validated);
            let field = |field: &str| {
                json!({field: {"required": true, "name": field, "allowedValues": [
                {"name": "Won't Do"}, {"name": "Done"}]}})
            };
            json!({"id": format!("id-{name}"), "name": format!("{name} now"), "to": {"name": name},
                "fields": demanded.map_or(json!({}), field)})
        });
        (200, json!({"transitions": shown.collect::<Vec<_>>()}))
    }

    fn transition(&mut self, at: usize, body: &Value) -> Reply {
        let id = body["transition"]["id"].as_str().unwrap();
        let Some(name) = self.available(at).into_iter().find(|name| format!("id-{name}") == id) else {
            return (400, json!({"errorMessages": ["It is not valid for the current status."], "errors": {}}));
        };
        let demanded = self.demanded.filter(|_| name == "Done");
        if let Some(field) = demanded.filter(|field| body["fields"].get(field).is_none()) {
            return invalid(field, "Resolution is required.");
        }
        let now = self.now;
        self.issues[at].set(name, now);
        self.issues[at].resolution = body["fields"]["resolution"]["name"].as_str().map(str::to_owned);
        (204, Value::Null)
    }

    fn link(&mut self, body: &Value) -> Reply {
        assert!(self.link_types.iter().any(|name| body["type"]["name"] == *name));
        let key = |name: &str| body[name]["key"].as_str().unwrap().to_owned();
        let (inward, outward) = (key("inwardIssue"), key("outwardIssue"));
        let Some(issue) = self.issues.iter_mut().find(|issue| issue.key == inward) else { return missing() };
        assert!(issue.links.insert(outward), "linked twice");
        (201, Value::Null)
    }
}
