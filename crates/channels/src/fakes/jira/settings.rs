//! What of a Jira a test may change.

use routing::JiraFlavour;
use serde::{Deserialize, Serialize};

use crate::fakes::names;

/// What of a Jira a test may change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JiraSettings {
    /// Secret of the channel: `e-mail:token` for Cloud, a token for Data Center.
    pub secret: String,
    /// Time until a search finds what was changed, in seconds: by Atlassian, some seconds, and minutes in rare cases.
    pub lag_seconds: i64,
    /// Tickets of a page of a search, at most.
    pub page: usize,
    /// Keys of the projects.
    pub projects: Vec<String>,
    /// Types of tickets.
    pub issue_types: Vec<String>,
    /// Keys of tickets that were there before, such as parents.
    pub other_issues: Vec<String>,
    /// Fields on the screen that creates tickets.
    pub create_screen: Vec<String>,
    /// Fields on the screen that edits tickets.
    pub edit_screen: Vec<String>,
    /// Names of the priorities.
    pub priorities: Vec<String>,
    /// The users.
    pub users: Vec<JiraUser>,
    /// What the user of the channel may do in a project.
    pub permissions: Vec<String>,
    /// Names of the types of links.
    pub link_types: Vec<String>,
    /// Statuses to which the workflow leads. The transition to `Done` has the name `Done now`.
    pub transitions: Vec<String>,
    /// A field that the transition to `Done` demands.
    pub demanded: Option<String>,
    /// Whether a validator demands it, and not the screen.
    pub validated: bool,
    /// Whether closed tickets can be edited.
    pub closed_is_editable: bool,
}

/// A user of a Jira.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JiraUser {
    /// Id of the account.
    pub id: String,
    /// E-mail address. Its local part is the name of the user in Data Center.
    pub email: String,
    /// Whether tickets may be assigned to the user.
    pub is_assignable: bool,
}

impl JiraUser {
    /// Name of the user in Data Center.
    pub(super) fn name(&self) -> &str {
        self.email.split_once('@').map_or(self.email.as_str(), |(name, _)| name)
    }
}

impl JiraSettings {
    /// Those of an ordinary project.
    pub(super) fn of(flavour: JiraFlavour) -> Self {
        let secret = match flavour {
            JiraFlavour::Cloud => "bot@example.com:t0ken",
            JiraFlavour::DataCenter => "NjU0",
        };
        let user = |last: char, name: &str, is_assignable: bool| JiraUser {
            id: format!("5b10a2844c20165700ede21{last}"),
            email: format!("{name}@example.com"),
            is_assignable,
        };
        let screen = names(["priority", "assignee", "description", "labels", "summary"]);
        Self {
            secret: secret.to_owned(),
            lag_seconds: 60,
            page: 50,
            projects: names(["SEC"]),
            issue_types: names(["Task"]),
            other_issues: names(["SEC-900"]),
            create_screen: screen.clone(),
            edit_screen: screen,
            priorities: names(["Highest", "High", "Medium", "Low", "Lowest"]),
            users: vec![user('a', "ana", true), user('b', "bob", true), user('c', "eve", false)],
            permissions: names(["BROWSE_PROJECTS", "CREATE_ISSUES"]),
            link_types: names(["Blocks", "Relates"]),
            transitions: names(["Done", "To Do"]),
            demanded: None,
            validated: false,
            closed_is_editable: true,
        }
    }
}
