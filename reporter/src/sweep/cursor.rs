//! Where a sweep begins: where the one before has stopped.

use std::fmt;

use findings::finding::State;
use findings::store::{Mark, MarkName, Marks};
use jiff::SignedDuration;
use plain_text::error_message;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::Sweeper;
use crate::SERVICE;
use crate::time::plus;

/// The lists that a sweep reads. What was never open is told to nobody.
pub(super) const SECTIONS: [State; 3] = [State::Open, State::Exempt, State::Closed];
/// For how long it is remembered where a sweep stopped.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A place in the lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The list.
    pub(super) state: State,
    /// The page: the [`next`](findings::store::Page::next) of the one before.
    pub(super) from: Option<String>,
}

impl Cursor {
    /// The beginning of a list.
    pub(super) fn start(state: State) -> Self {
        Self { state, from: None }
    }

    /// The index of the list.
    pub(super) fn section(&self) -> usize {
        SECTIONS.iter().position(|state| *state == self.state).unwrap_or(0)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => write!(f, "{} {from}", self.state.as_str()),
            None => f.write_str(self.state.as_str()),
        }
    }
}

fn name() -> MarkName {
    MarkName { of: "sweep#findings".to_owned(), name: "cursor".to_owned() }
}

impl<S: Marks, D, Q> Sweeper<S, D, Q> {
    /// Where to begin: if that cannot be read, at the beginning.
    pub(super) async fn read_cursor(&self) -> (Option<Mark>, Cursor) {
        let start = Cursor::start(State::Open);
        match self.store.read_mark(&name()).await {
            Ok(mark) => {
                let cursor = serde_json::from_str(&mark.content).unwrap_or(start);
                (Some(mark), cursor)
            }
            Err(error) => {
                let error = error_message(&error);
                warn!(service = SERVICE, error, "where the last sweep stopped not read: it begins anew");
                (None, start)
            }
        }
    }

    /// Remembers where the next sweep begins. If another one was faster, its word is as good.
    pub(super) async fn write_cursor(&self, known: Option<Mark>, next: Option<&Cursor>) {
        let Some(known) = known else { return };
        let content = next.map(serde_json::to_string).and_then(Result::ok).unwrap_or_default();
        if content == known.content {
            return;
        }
        let expires = plus((self.now)(), KEPT);
        if let Err(error) = self.store.write_mark(&name(), &known, content, expires).await {
            let error = error_message(&error);
            warn!(service = SERVICE, error, "where this sweep stopped not stored: the next one begins as it did");
        }
    }
}
