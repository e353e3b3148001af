//! The last line of each text that this channel writes: which revision of which finding the text is about.
//!
//! By it a comment is not written twice, and a ticket that this channel closed is told from one that a person closed. Text
//! of others is never on a line of its own, so no name of a group is taken for a mark.

use findings::finding::Told;

use super::client::{Call, Client};
use super::ticket::Ticket;
use crate::answer::Effect;
use crate::channel::Failure;
use crate::http::Http;
use serde_json::Value;

/// Comments of a page, and pages that are read at most. A text has at most 32,767 characters, a response a megabyte.
const PAGE: usize = 10;
const PAGES_MAX: usize = 10;

/// What a text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Revision of the finding.
    pub(super) revision: u64,
    /// Whether the ticket was told that the finding has ended.
    pub(super) ended: bool,
}

impl Mark {
    pub(super) fn new(revision: u64, tells: Told) -> Self {
        Self { revision, ended: tells == Told::Ended }
    }

    /// Last line of a comment.
    pub(super) fn of_comment(self, label: &str) -> String {
        let state = if self.ended { "ended" } else { "open" };
        format!("{label} (revision {}, {state})", self.revision)
    }

    /// Last line of a description: the revision that the ticket began with, if that is known.
    pub(super) fn of_description(began: Option<u64>, label: &str) -> String {
        began.map_or_else(|| label.to_owned(), |revision| format!("{label} (begun with revision {revision})"))
    }

    fn read_comment(line: &str, label: &str) -> Option<Self> {
        let rest = line.strip_prefix(label)?.strip_prefix(" (revision ")?.strip_suffix(')')?;
        let (revision, state) = rest.split_once(", ")?;
        let ended = match state {
            "ended" => true,
            "open" => false,
            _ => return None,
        };
        Some(Self { revision: revision.parse().ok()?, ended })
    }
}

impl<H: Http> Client<'_, H> {
    /// The revision that a ticket began with, by the end of its description.
    pub(super) fn began(&self, ticket: &Ticket, label: &str) -> Option<u64> {
        let line = self.dialect.last_line(ticket.fields.description.as_ref()?)?;
        line.strip_prefix(label)?.strip_prefix(" (begun with revision ")?.strip_suffix(')')?.parse().ok()
    }

    /// What the ticket was told last. People may have removed it: then `None`.
    pub(super) async fn told(&self, ticket: &Ticket, label: &str) -> Result<Option<Mark>, Failure> {
        let what = format!("read the comments of `{}`", ticket.key);
        let call = Call { what: &what, permission: "Browse projects", effect: Effect::Harmless };
        for page in 0..PAGES_MAX {
            let start = page.saturating_mul(PAGE);
            let path = format!("/issue/{}/comment?orderBy=-created&startAt={start}&maxResults={PAGE}", ticket.id);
            let answer = call.done(self.get(call, &path).await?)?;
            let comments = answer.get("comments").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let marks = comments.iter().filter_map(|comment| {
                let line = self.dialect.last_line(comment.get("body")?)?;
                Some((comment.get("created").and_then(Value::as_str), Mark::read_comment(&line, label)?))
            });
            // The newest first; of comments within the same second, the one with the higher revision.
            if let Some((_, mark)) = marks.max_by_key(|(created, mark)| (*created, mark.revision, mark.ended)) {
                return Ok(Some(mark));
            }
            if comments.len() < PAGE {
                break;
            }
        }
        Ok(self.began(ticket, label).map(|revision| Mark { revision, ended: false }))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LABEL: &str = "portcullis-db764ad4c66871de5c54";

    #[rstest]
    #[case(7, false)]
    #[case(71, true)]
    fn a_mark_is_read_back(#[case] revision: u64, #[case] ended: bool) {
        let mark = Mark { revision, ended };
        assert_eq!(Mark::read_comment(&mark.of_comment(LABEL), LABEL), Some(mark));
        assert_eq!(Mark::read_comment(&mark.of_comment(LABEL), "portcullis-00000000000000000000"), None);
        assert_eq!(Mark::read_comment(&format!("> {}", mark.of_comment(LABEL)), LABEL), None);
        assert_eq!(Mark::read_comment(&Mark::of_description(Some(revision), LABEL), LABEL), None);
    }
}
