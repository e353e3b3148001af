//! Reading all findings, in a circle that begins where the last sweep stopped.

use aws_traits::sqs::SendMessages;
use findings::store::{FindingStore, Listing, Marks, Pace};
use plain_text::error_message;
use routing::Document;
use tokio::time::Instant;
use tracing::warn;

use super::cursor::{Cursor, SECTIONS};
use super::{Run, Sweeper};
use crate::SERVICE;
use crate::documents::Documents;
use crate::pages::read_page;

/// How the reading of a list ended.
enum Ended {
    /// All of it was read, or all up to the last page.
    Whole,
    /// There is no more time.
    NoTime(Cursor),
    /// A page cannot be read, and so none after it.
    Unreadable(Cursor),
}

impl<S: FindingStore + Pace + Marks, D: Documents, Q: SendMessages> Sweeper<S, D, Q> {
    /// Reads all findings, from `start` around to it. Returns where the next sweep is to begin, if not at the beginning.
    pub(super) async fn read_all(
        &self,
        document: &Document,
        start: &Cursor,
        end: Instant,
        run: &mut Run,
    ) -> Option<Cursor> {
        let first = start.section();
        let others = (1..SECTIONS.len()).filter_map(|step| SECTIONS.get((first + step) % SECTIONS.len()));
        let mut rounds = vec![(start.clone(), None)];
        rounds.extend(others.map(|state| (Cursor::start(*state), None)));
        // The part of the first list before the start comes last.
        rounds.extend(start.from.clone().map(|last| (Cursor::start(start.state), Some(last))));
        let mut unreadable = None;
        for (from, last) in rounds {
            match self.read_list(document, from, last.as_deref(), end, run).await {
                Ended::Whole => {}
                Ended::NoTime(cursor) => return Some(cursor),
                // The others come first, and the next sweep begins with it.
                Ended::Unreadable(cursor) => unreadable = unreadable.or(Some(cursor)),
            }
        }
        unreadable
    }

    /// Reads a list from a place on, to its end or beyond the key `last`.
    async fn read_list(
        &self,
        document: &Document,
        mut cursor: Cursor,
        last: Option<&str>,
        end: Instant,
        run: &mut Run,
    ) -> Ended {
        let listing = Listing::State(cursor.state);
        loop {
            if Instant::now() >= end {
                return Ended::NoTime(cursor);
            }
            let page = match read_page(&self.store, &listing, cursor.from.as_deref(), end).await {
                Ok(page) => page,
                Err(error) => {
                    let (at, error_text) = (cursor.to_string(), error_message(&error));
                    warn!(service = SERVICE, page = at, error = error_text, "page of findings not read");
                    run.swept.failed += 1;
                    run.store_error = Some(error);
                    return Ended::Unreadable(cursor);
                }
            };
            for problem in &page.unreadable {
                warn!(service = SERVICE, problem, "finding not read");
                run.swept.failed += 1;
            }
            for finding in &page.findings {
                run.swept.findings += 1;
                self.sweep_finding(document, finding, run).await;
            }
            let Some(next) = page.next else { return Ended::Whole };
            if last.is_some_and(|last| next.as_str() >= last) {
                return Ended::Whole;
            }
            cursor.from = Some(next);
        }
    }
}
