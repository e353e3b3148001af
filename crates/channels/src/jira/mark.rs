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
use crate::notice::Notice;
use serde_json::Value;

/// Comments of a page, and pages that are read at most. A text has at most 32,767 characters, a response a megabyte.
const PAGE: usize = 10;
const PAGES_MAX: usize = 10;

/// What a text is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Revision of the finding, and the news.
    pub(super) of: Revision,
    /// Whether the ticket was told that the finding has ended.
    pub(super) ended: bool,
}

/// A revision, and the name of its news: revisions are counted anew if the table of findings is lost. The version before
/// this one wrote no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Revision {
    number: u64,
    news: Option<String>,
}

impl Mark {
    pub(super) fn new(notice: &Notice<'_>) -> Self {
        let of = Revision { number: notice.due.revision, news: Some(notice.finding.news_name()) };
        Self { of, ended: notice.due.tells == Told::Ended }
    }

    /// Whether a text with this mark has told what `told` has.
    pub(super) fn is_told_by(&self, told: Option<&Self>) -> bool {
        told.is_some_and(|told| self.ended == told.ended && self.of.is(&told.of))
    }

    /// Last line of a comment.
    pub(super) fn of_comment(&self, label: &str) -> String {
        let state = if self.ended { "ended" } else { "open" };
        format!("{label} (revision {}, {state}{})", self.of.number, self.of.ending())
    }

    /// Last line of a description: the revision that the ticket began with, if that is known.
    pub(super) fn of_description(began: Option<&Revision>, label: &str) -> String {
        let began = began.map(|began| format!(" (begun with revision {}{})", began.number, began.ending()));
        format!("{label}{}", began.unwrap_or_default())
    }

    fn read_comment(line: &str, label: &str) -> Option<Self> {
        let rest = line.strip_prefix(label)?.strip_prefix(" (revision ")?.strip_suffix(')')?;
        let (number, state) = rest.split_once(", ")?;
        let (state, news) = with_news(state);
        let ended = match state {
            "ended" => true,
            "open" => false,
            _ => return None,
        };
        Some(Self { of: Revision { number: number.parse().ok()?, news }, ended })
    }
}

impl Revision {
    fn is(&self, other: &Self) -> bool {
        match (&self.news, &other.news) {
            (Some(one), Some(other)) => one == other,
            _ => self.number == other.number,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (number, news) = with_news(text);
        Some(Self { number: number.parse().ok()?, news })
    }

    fn ending(&self) -> String {
        self.news.as_ref().map(|news| format!(", {news}")).unwrap_or_default()
    }
}

/// A text, and the name of the news at its end, if it has one.
fn with_news(text: &str) -> (&str, Option<String>) {
    text.split_once(", ").map_or((text, None), |(text, news)| (text, Some(news.to_owned())))
}

impl<H: Http> Client<'_, H> {
    /// The revision that a ticket began with, by the end of its description.
    pub(super) fn began(&self, ticket: &Ticket, label: &str) -> Option<Revision> {
        let line = self.dialect.last_line(ticket.fields.description.as_ref()?)?;
        line.strip_prefix(label)?.strip_prefix(" (begun with revision ")?.strip_suffix(')').and_then(Revision::read)
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
            if let Some((_, mark)) = marks.max_by_key(|(created, mark)| (*created, mark.of.number, mark.ended)) {
                return Ok(Some(mark));
            }
            if comments.len() < PAGE {
                break;
            }
        }
        Ok(self.began(ticket, label).map(|of| Mark { of, ended: false }))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LABEL: &str = "portcullis-db764ad4c66871de5c54";

    fn revision(number: u64, news: Option<&str>) -> Revision {
        Revision { number, news: news.map(str::to_owned) }
    }

    #[rstest]
    #[case(7, false)]
    #[case(71, true)]
    fn a_mark_is_read_back(#[case] number: u64, #[case] ended: bool) {
        for news in [None, Some("1f2e3d4c5b6a7988")] {
            let mark = Mark { of: revision(number, news), ended };
            assert_eq!(Mark::read_comment(&mark.of_comment(LABEL), LABEL), Some(mark.clone()));
            assert_eq!(Mark::read_comment(&mark.of_comment(LABEL), "portcullis-00000000000000000000"), None);
            assert_eq!(Mark::read_comment(&format!("> {}", mark.of_comment(LABEL)), LABEL), None);
            assert_eq!(Mark::read_comment(&Mark::of_description(Some(&mark.of), LABEL), LABEL), None);
        }
    }

    #[rstest]
    #[case::earlier(2, None, true)]
    #[case::another_of_earlier(3, None, false)]
    #[case::counted_anew(1, Some("news"), true)]
    #[case::other_news(2, Some("other"), false)]
    fn what_was_told_is_known_by_its_news(#[case] number: u64, #[case] news: Option<&str>, #[case] is_told: bool) {
        let mark = Mark { of: revision(2, Some("news")), ended: false };
        let told = Mark { of: revision(number, news), ended: false };
        assert_eq!(mark.is_told_by(Some(&told)), is_told);
        assert!(!mark.is_told_by(Some(&Mark { ended: true, ..told })));
        assert!(!mark.is_told_by(None));
    }

    #[test]
    fn a_mark_of_the_version_before_is_read() {
        let read = Mark::read_comment(&format!("{LABEL} (revision 7, ended)"), LABEL);
        assert_eq!(read, Some(Mark { of: revision(7, None), ended: true }));
    }
}
