//! Links between tickets.

use serde_json::{Value, json};

use super::client::{Answer, Call, Client};
use super::ticket::Ticket;
use crate::answer::Effect;
use crate::channel::{Failure, Retry};
use crate::http::{Http, Method};

const KIND: &str = "Relates";

impl<H: Http> Client<'_, H> {
    /// Links the ticket to another one, unless it is. Returns what there is to say if that is not possible: a ticket without
    /// a link is better than none.
    pub(super) async fn link(&self, ticket: &Ticket, other: &str) -> Result<Option<String>, Failure> {
        if ticket.is_linked_to(other) || ticket.key == other {
            return Ok(None);
        }
        let refused = self.try_link(ticket, other).await?.err();
        Ok(refused.map(|reason| format!("Without a link to {other}: {reason}.")))
    }

    async fn try_link(&self, ticket: &Ticket, other: &str) -> Result<Result<(), String>, Failure> {
        let what = format!("link `{}` to `{other}`", ticket.key);
        let read = Call { what: &what, permission: "Link issues", effect: Effect::Harmless };
        let Answer::Done(kinds) = self.get(read, "/issueLinkType").await? else {
            return Ok(Err("links between tickets are switched off".to_owned()));
        };
        let kinds = kinds.get("issueLinkTypes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut names = kinds.iter().filter_map(|kind| kind.get("name")?.as_str());
        let Some(kind) = names.find(|name| name.eq_ignore_ascii_case(KIND)) else {
            return Ok(Err(format!("there is no type of links `{KIND}`")));
        };
        let call = Call { effect: Effect::Repeated, ..read };
        let body = json!({
            "type": {"name": kind}, "inwardIssue": {"key": ticket.key}, "outwardIssue": {"key": other},
        });
        let answer = match self.call(call, Method::Post, "/issueLink", &body).await {
            // Jira answers 401 if only the permission is missing: the token was accepted a moment ago.
            Err(Failure::Refused { error, retry: Retry::AfterRepair | Retry::AfterNewCredentials }) => {
                return Ok(Err(error));
            }
            answer => answer?,
        };
        Ok(match answer {
            Answer::Done(_) => Ok(()),
            Answer::Missing => Err(format!("there is no ticket {other}, or the user may not see it")),
            Answer::Denied => Err(call.denied()),
            Answer::Invalid(problems) => Err(problems.to_string()),
        })
    }
}
