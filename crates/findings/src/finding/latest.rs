//! When something was true, and the newest of what is known of a fact.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A place in time: first the state that a statement is about, then the statement.
///
/// AWS Config judges the same state of a group again when its policy has changed, so one ordering time may have several
/// verdicts. The one that was reached last counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    /// Ordering time: when the group was in the state that was judged.
    pub ordering: Timestamp,
    /// When the statement was made.
    pub judged: Timestamp,
}

impl Moment {
    /// A statement about a state of the group at `ordering`.
    #[must_use]
    pub fn new(ordering: Timestamp, judged: Timestamp) -> Self {
        Self { ordering, judged }
    }

    /// A statement about the present of the time at which it was made.
    #[must_use]
    pub fn live(at: Timestamp) -> Self {
        Self { ordering: at, judged: at }
    }

    /// The later of the two times.
    #[must_use]
    pub fn newest(self) -> Timestamp {
        self.ordering.max(self.judged)
    }
}

/// One time, or two with a space between them if they differ.
impl From<Moment> for String {
    fn from(Moment { ordering, judged }: Moment) -> Self {
        if ordering == judged { ordering.to_string() } else { format!("{ordering} {judged}") }
    }
}

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        let (ordering, judged) = text.split_once(' ').unwrap_or((&text, &text));
        Ok(Self { ordering: ordering.parse()?, judged: judged.parse()? })
    }
}

/// The newest statement about a fact. Of two statements of the same moment the greater one counts, so that which of them
/// arrived first makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Latest<T>(Option<Dated<T>>);

/// A statement and its moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Dated<T> {
    pub(super) at: Moment,
    pub(super) value: T,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Ord> Latest<T> {
    /// Takes a statement, unless a newer one is known.
    pub(super) fn learn(&mut self, at: Moment, value: T) {
        let learned = Dated { at, value };
        if self.0.as_ref().is_none_or(|known| *known < learned) {
            self.0 = Some(learned);
        }
    }

    pub(super) fn dated(&self) -> Option<&Dated<T>> {
        self.0.as_ref()
    }

    pub(super) fn value(&self) -> Option<&T> {
        self.0.as_ref().map(|dated| &dated.value)
    }
}
