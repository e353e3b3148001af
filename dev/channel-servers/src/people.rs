//! What people do to tickets. It is no call.

use serde::Deserialize;

use crate::service::Name;
use crate::world::Inner;

/// What a person does to a ticket, as the control interface takes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ByHand {
    service: Name,
    /// Key of the ticket.
    key: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    assignee: Option<String>,
    #[serde(default)]
    priority: Option<String>,
    /// The key after it has moved to another project.
    #[serde(default)]
    new_key: Option<String>,
    #[serde(default)]
    is_deleted: bool,
}

/// There is no ticket to do this to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} has no ticket `{key}`", .service.as_str())]
pub(crate) struct NoSuchTicketError {
    service: Name,
    key: String,
}

impl ByHand {
    pub(crate) fn carry_out(self, inner: &mut Inner) -> Result<(), NoSuchTicketError> {
        let Self { service, key, status, assignee, priority, new_key, is_deleted } = self;
        let now = inner.clock.now();
        let jira = match service {
            Name::Jira => Some(&mut inner.services.jira),
            Name::JiraDataCenter => Some(&mut inner.services.jira_data_center),
            _ => None,
        };
        let issue = jira.and_then(|jira| jira.issue_mut(&key)).ok_or(NoSuchTicketError { service, key })?;
        if let Some(status) = status {
            issue.set(&status, now);
        }
        if let Some(assignee) = assignee {
            issue.assign(&assignee, now);
        }
        if let Some(priority) = priority {
            issue.prioritise(&priority, now);
        }
        if let Some(new_key) = new_key {
            issue.key = new_key;
        }
        issue.deleted = is_deleted;
        Ok(())
    }
}
