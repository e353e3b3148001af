//! How many messages a channel is sent within a time, and which findings wait until it is over.

use jiff::Timestamp;

use super::StoreError;
use crate::finding::FindingKey;

/// A time during which a recipient gets so many messages and no more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// Name of the channel.
    pub channel: String,
    /// Name of the recipient in the outboxes of findings.
    pub place: String,
    /// When it is over.
    pub end: Timestamp,
}

/// Whether a message is among those that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may be sent.
    Admitted,
    /// The recipient gets no more messages in this window.
    Full {
        /// Whether the job is queued that tells what waits.
        is_queued: bool,
    },
}

/// A finding that a channel is told of together with others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waiting {
    /// When it is told.
    pub until: Timestamp,
    /// The finding.
    pub finding: FindingKey,
}

/// Counts messages, and keeps what waits.
///
/// INVARIANT: a finding is noted as waiting before the message is dropped that asks to tell it. What is noted may have been
/// told by now, or have nothing to tell.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Pace {
    /// Admits the message of this name if fewer than `most` are, or if it is admitted already. So it can be asked again, and
    /// of any number of callers at once no more than `most` are admitted.
    ///
    /// # Errors
    ///
    /// If the store could not be written, or did not answer.
    async fn admit(&self, window: &Window, message: &str, most: u32) -> Result<Admission, StoreError>;

    /// Notes that the job is queued that tells what waits for the end of the window.
    ///
    /// # Errors
    ///
    /// If the store could not be written, or did not answer.
    async fn mark_queued(&self, window: &Window) -> Result<(), StoreError>;

    /// Notes that a finding waits. Noted again, it is there once.
    ///
    /// # Errors
    ///
    /// If the store could not be written, or did not answer.
    async fn wait(&self, channel: &str, waiting: &Waiting) -> Result<(), StoreError>;

    /// The findings that wait for a message in this channel: the first `most` of them, those first that wait for the earliest
    /// time.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    async fn waiting(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, StoreError>;

    /// Forgets that findings wait.
    ///
    /// # Errors
    ///
    /// If the store could not be written, or did not answer. Some may be forgotten.
    async fn forget(&self, channel: &str, waiting: &[Waiting]) -> Result<(), StoreError>;
}

impl<S: Pace> Pace for &S {
    async fn admit(&self, window: &Window, message: &str, most: u32) -> Result<Admission, StoreError> {
        S::admit(self, window, message, most).await
    }

    async fn mark_queued(&self, window: &Window) -> Result<(), StoreError> {
        S::mark_queued(self, window).await
    }

    async fn wait(&self, channel: &str, waiting: &Waiting) -> Result<(), StoreError> {
        S::wait(self, channel, waiting).await
    }

    async fn waiting(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, StoreError> {
        S::waiting(self, channel, most).await
    }

    async fn forget(&self, channel: &str, waiting: &[Waiting]) -> Result<(), StoreError> {
        S::forget(self, channel, waiting).await
    }
}
