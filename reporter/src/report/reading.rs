//! Reading all findings of which a report says something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_traits::object_store::ObjectStore;
use findings::finding::{FindingKey, State};
use findings::store::{FindingStore, Listing, Marks};
use jiff::Timestamp;
use reports::ListedFinding;
use tokio::time::Instant;
use tracing::warn;

use super::{ReportError, ReportWriter};
use crate::SERVICE;
use crate::pages::read_page;

/// Time that is left for writing when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(30);

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) findings: BTreeMap<FindingKey, ListedFinding>,
    /// Why findings could not be read.
    pub(super) unreadable: BTreeSet<String>,
}

impl<S: FindingStore + Marks, B: ObjectStore> ReportWriter<S, B> {
    /// Reads the findings that are open, exempt, or were closed since a time, as they are said to be at `at`. A page that
    /// cannot be read is an error: a report without it would look complete. It ends early enough before the deadline to write.
    pub(super) async fn read_all(
        &self,
        since: Timestamp,
        at: Timestamp,
        deadline: Instant,
    ) -> Result<Read, ReportError> {
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let mut read = Read::default();
        let (open, exempt) = (Listing::State(State::Open), Listing::State(State::Exempt));
        // A group that is opened meanwhile leaves a list that is still to be read for one that was read: so these are read
        // again. What is read last counts.
        for listing in [&open, &exempt, &Listing::ClosedSince(since), &open, &exempt] {
            let mut from = None;
            loop {
                if Instant::now() >= end {
                    return Err(ReportError::NoTime(read.findings.len()));
                }
                let page = read_page(&self.store, listing, from.as_deref(), end).await?;
                for problem in page.unreadable {
                    if !read.unreadable.contains(&problem) {
                        warn!(service = SERVICE, problem, "finding left out of the report");
                        read.unreadable.insert(problem);
                    }
                }
                let listed = page.findings.iter().map(|finding| ListedFinding::new(finding, at));
                read.findings.extend(listed.map(|listed| (listed.key().clone(), listed)));
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(read)
    }
}
