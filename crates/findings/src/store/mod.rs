//! Where findings are kept: the trait of a store, and how an observation is recorded in one.
//!
//! A store has one item per finding, and the history as items of their own. It is written by many at once, so a write names
//! the version that the writer has read.

mod expiry;
#[cfg(any(test, feature = "fakes"))]
mod fake;
mod hammer;
mod marks;
mod pace;
mod record;

use std::error::Error;

use jiff::Timestamp;

pub use self::expiry::forgotten_at;
#[cfg(any(test, feature = "fakes"))]
pub use self::fake::{FakeStore, Fault};
pub use self::hammer::{IssueDetails, Permission};
pub use self::marks::{Mark, MarkName, Marks};
pub use self::pace::{Admission, Pace, Waiting, Window};
pub use self::record::{Recorded, record};
use crate::finding::{Finding, FindingKey, HistoryEntry, State};

/// A call of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store throttles requests. Nothing was written.
    #[error("{operation} of `{subject}` was throttled: try again later")]
    Throttled {
        /// `reading`, `writing` or `listing`.
        operation: &'static str,
        /// Key of the finding, or what was listed.
        subject: String,
    },
    /// The store did not answer. A write may have been carried out.
    #[error("{operation} of `{subject}` was not answered, and may have been carried out: try again")]
    Unanswered {
        /// `reading`, `writing` or `listing`.
        operation: &'static str,
        /// Key of the finding, or what was listed.
        subject: String,
    },
    /// Other writers were faster, several times.
    #[error("finding `{0}` was changed by others at each attempt to write it: try again")]
    Contended(FindingKey),
    /// The store refused the call, or its answer is not understood.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It was written, and is this finding now, with its next version.
    Stored(Box<Finding>),
    /// The item has another version than the one that was read. Nothing was written.
    Changed,
}

/// Findings to list. Each has an index, so that no list reads all items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Of an account.
    Account(String),
    /// In a state.
    State(State),
    /// Closed, at this time or later.
    ClosedSince(Timestamp),
    /// Of an owner, by name.
    Owner(String),
}

/// Part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Findings, in the order of their keys.
    pub findings: Vec<Finding>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<String>,
    /// Why items of this page could not be read, such as one that a newer version has written. They hide no other one.
    pub unreadable: Vec<String>,
}

/// Stores findings and their history.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait FindingStore {
    /// Reads a finding, as the last write left it; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    async fn get(&self, key: &FindingKey) -> Result<Option<Finding>, StoreError>;

    /// Writes a finding and appends to its history, both or neither, if the item still has the version of `finding`. A
    /// finding with version 0 is written only if there is no item.
    ///
    /// # Errors
    ///
    /// If the store could not be written, or did not answer.
    async fn put(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Put, StoreError>;

    /// Lists findings page by page, from `from`, the [`Page::next`] of the page before.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    async fn list(&self, listing: &Listing, from: Option<&str>) -> Result<Page, StoreError>;

    /// The history of a finding, in the order in which it was recorded.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    async fn history(&self, key: &FindingKey) -> Result<Vec<HistoryEntry>, StoreError>;
}

impl<S: FindingStore> FindingStore for &S {
    async fn get(&self, key: &FindingKey) -> Result<Option<Finding>, StoreError> {
        S::get(self, key).await
    }

    async fn put(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Put, StoreError> {
        S::put(self, finding, history).await
    }

    async fn list(&self, listing: &Listing, from: Option<&str>) -> Result<Page, StoreError> {
        S::list(self, listing, from).await
    }

    async fn history(&self, key: &FindingKey) -> Result<Vec<HistoryEntry>, StoreError> {
        S::history(self, key).await
    }
}
