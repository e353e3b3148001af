//! Jira of either product: tickets, an index that lags, a workflow, screens, users and permissions.

mod fields;
mod issue;
mod routes;
mod search;
mod settings;
mod workflow;

use jiff::Timestamp;
use routing::JiraFlavour;
use serde_json::{Value, json};

pub use self::issue::{Change, Comment, Issue, text_of};
pub use self::settings::{JiraSettings, JiraUser};
use super::{Call, Service, Violation, json_response, note};
use crate::http::Response;

/// Names of the calls, as Atlassian has them.
const OPERATIONS: [&str; 12] = [
    "getMyPermissions",
    "findUsers",
    "search",
    "createIssue",
    "getIssueLinkTypes",
    "linkIssues",
    "getIssue",
    "editIssue",
    "getComments",
    "addComment",
    "getTransitions",
    "doTransition",
];

/// Status and content of an answer.
type Reply = (u16, Value);

/// A Jira.
#[derive(Debug, Clone)]
pub struct Jira {
    /// The product.
    pub flavour: JiraFlavour,
    /// What a test may change.
    pub settings: JiraSettings,
    /// The tickets in the order of their creation, deleted ones among them.
    pub issues: Vec<Issue>,
    violations: Vec<Violation>,
}

impl Jira {
    /// A Jira without tickets.
    #[must_use]
    pub fn new(flavour: JiraFlavour) -> Self {
        Self { flavour, settings: JiraSettings::of(flavour), issues: Vec::new(), violations: Vec::new() }
    }

    /// Number of tickets that are open.
    #[must_use]
    pub fn open_tickets(&self) -> usize {
        self.issues.iter().filter(|issue| !issue.deleted && !issue.is_closed()).count()
    }

    /// A ticket that was not deleted, by its key or id: for what people do to it.
    pub fn issue_mut(&mut self, name: &str) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.is(name))
    }

    /// Path of the interface below the base URL.
    fn api(&self) -> &'static str {
        match self.flavour {
            JiraFlavour::Cloud => "/rest/api/3/",
            JiraFlavour::DataCenter => "/rest/api/2/",
        }
    }

    fn is_cloud(&self) -> bool {
        self.flavour == JiraFlavour::Cloud
    }

    /// Name of the member that identifies a user.
    fn user_id(&self) -> &'static str {
        if self.is_cloud() { "accountId" } else { "name" }
    }

    fn note(&mut self, operation: &'static str, faults: Vec<String>) -> bool {
        note(&mut self.violations, operation, faults)
    }
}

impl Service for Jira {
    type Settings = JiraSettings;

    fn operation(&self, call: &Call) -> &'static str {
        routes::operation(self, call)
    }

    fn operations(&self) -> &'static [&'static str] {
        &OPERATIONS
    }

    fn serve(&mut self, call: &Call, now: Timestamp) -> Response {
        let (status, body) = self.route(call, now);
        json_response(status, &body)
    }

    fn limited(&self) -> Response {
        let mut response = json_response(429, &json!({"errorMessages": ["Rate limit exceeded."], "errors": {}}));
        response.headers.push(("ratelimit-reason".to_owned(), "jira-burst-based".to_owned()));
        response
    }

    fn state(&self) -> Value {
        let issues: Vec<Value> = self.issues.iter().map(Issue::state).collect();
        json!({"issues": issues, "open": self.open_tickets()})
    }

    fn clear(&mut self) {
        self.issues.clear();
        self.violations.clear();
    }

    fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn settings(&self) -> &JiraSettings {
        &self.settings
    }

    fn set(&mut self, settings: JiraSettings) {
        self.settings = settings;
    }
}

/// 400, for a field.
fn invalid(field: &str, error: &str) -> Reply {
    (400, json!({"errorMessages": [], "errors": {field: error}}))
}

/// An error of the whole.
fn refused(status: u16, error: &str) -> Reply {
    (status, json!({"errorMessages": [error], "errors": {}}))
}

fn missing() -> Reply {
    refused(404, "Issue does not exist or you do not have permission to see it.")
}
