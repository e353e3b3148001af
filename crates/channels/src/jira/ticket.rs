//! A ticket, as Jira has it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::client::{Answer, Call, Client, encoded};
use crate::answer::Effect;
use crate::channel::Failure;
use crate::http::Http;

/// Fields of a ticket that are read.
const FIELDS: [&str; 9] = [
    "status",
    "resolutiondate",
    "statuscategorychangedate",
    "updated",
    "labels",
    "assignee",
    "priority",
    "description",
    "issuelinks",
];

/// A ticket.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Ticket {
    /// The number that it keeps when it moves to another project.
    pub(super) id: String,
    /// `SEC-12`.
    pub(super) key: String,
    #[serde(default)]
    pub(super) fields: Fields,
}

/// The fields that are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    pub(super) status: Option<Status>,
    #[serde(rename = "resolutiondate")]
    resolved: Option<String>,
    #[serde(rename = "statuscategorychangedate")]
    changed: Option<String>,
    updated: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) assignee: Option<Value>,
    pub(super) priority: Option<Named>,
    pub(super) description: Option<Value>,
    #[serde(rename = "issuelinks")]
    links: Vec<Link>,
}

/// A status of a workflow.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) name: String,
    #[serde(rename = "statusCategory")]
    category: Category,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Category {
    key: String,
}

/// A thing with a name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Link {
    #[serde(rename = "inwardIssue")]
    inward: Option<Linked>,
    #[serde(rename = "outwardIssue")]
    outward: Option<Linked>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Linked {
    key: String,
}

impl Ticket {
    /// Whether the status is of the category *done*. A status of a team has any name.
    pub(super) fn is_closed(&self) -> bool {
        self.fields.status.as_ref().is_some_and(|status| status.category.key == "done")
    }

    /// When it was closed: when it was resolved, or, in a workflow without resolutions, when its status changed.
    pub(super) fn closed_at(&self) -> Option<Timestamp> {
        let Fields { resolved, changed, updated, .. } = &self.fields;
        [resolved, changed, updated].into_iter().flatten().find_map(|text| time(text))
    }

    /// Whether it is linked to another one.
    pub(super) fn is_linked_to(&self, key: &str) -> bool {
        let links = self.fields.links.iter();
        links.flat_map(|link| [&link.inward, &link.outward]).flatten().any(|linked| linked.key == key)
    }

    /// Number by which tickets sort in the order of their creation.
    pub(super) fn number(&self) -> u64 {
        self.id.parse().unwrap_or(u64::MAX)
    }
}

/// `2026-12-01T10:00:00.000+0000`: the offset has no colon.
fn time(text: &str) -> Option<Timestamp> {
    let (time, offset) = text.split_at_checked(text.len().checked_sub(5)?)?;
    match offset.split_at_checked(3) {
        Some((hours, minutes)) if offset.starts_with(['+', '-']) => format!("{time}{hours}:{minutes}").parse().ok(),
        _ => text.parse().ok(),
    }
}

impl<H: Http> Client<'_, H> {
    /// The ticket as it is now: unlike a search, this does not lag. `None` if it was deleted, or is not visible.
    pub(super) async fn ticket(&self, key: &str) -> Result<Option<Ticket>, Failure> {
        let what = format!("read ticket `{}`", plain_text::one_line(key, 40));
        let call = Call { what: &what, permission: "Browse projects", effect: Effect::Harmless };
        let path = format!("/issue/{}?fields={}", encoded(key), FIELDS.join(","));
        match self.get(call, &path).await? {
            Answer::Missing => Ok(None),
            answer => call.done(answer).and_then(|value| call.read(value)).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-12-01T10:00:00.000+0000", Some("2026-12-01T10:00:00Z"))]
    #[case("2026-12-01T10:00:00.000-0530", Some("2026-12-01T15:30:00Z"))]
    #[case("2026-12-01T10:00:00Z", Some("2026-12-01T10:00:00Z"))]
    #[case("2026-12-01T10:00:00+01:00", Some("2026-12-01T09:00:00Z"))]
    #[case("yesterday", None)]
    #[case("", None)]
    fn times_of_jira_are_read(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(time(text), expected.map(|text| text.parse().unwrap()));
    }
}
