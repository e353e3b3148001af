//! What functions remember beside the findings: how far a sweep came, which daily summaries were sent.

use jiff::Timestamp;

use super::StoreError;

/// Name of a mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkName {
    /// What it is about. It contains a `#`, and so is no key of a finding.
    pub of: String,
    /// What it says of that.
    pub name: String,
}

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// JSON.
    pub content: String,
    /// Number of the writes until now; 0 if there were none.
    pub version: u64,
}

/// Keeps marks.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Marks {
    /// Reads a mark, as the last write left it; one without content and with version 0 if there is none.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    async fn read_mark(&self, name: &MarkName) -> Result<Mark, StoreError>;

    /// Replaces a mark if it still has the version of `read`. Returns the mark as it is then, or `None` if another writer was
    /// faster. It is forgotten at `expires`.
    ///
    /// # Errors
    ///
    /// If the store could not be written, or did not answer.
    async fn write_mark(
        &self,
        name: &MarkName,
        read: &Mark,
        content: String,
        expires: Timestamp,
    ) -> Result<Option<Mark>, StoreError>;
}

impl<S: Marks> Marks for &S {
    async fn read_mark(&self, name: &MarkName) -> Result<Mark, StoreError> {
        S::read_mark(self, name).await
    }

    async fn write_mark(
        &self,
        name: &MarkName,
        read: &Mark,
        content: String,
        expires: Timestamp,
    ) -> Result<Option<Mark>, StoreError> {
        S::write_mark(self, name, read, content, expires).await
    }
}
