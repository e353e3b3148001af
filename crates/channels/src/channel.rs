//! The trait of a channel, and what becomes of a delivery.

use std::time::Duration;

use findings::finding::Text;
use jiff::Timestamp;

use crate::notice::Notice;

/// A channel of the routing document, with its secrets and its way to the network.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Channel {
    /// Tells the channel of a finding: begins, updates or ends a ticket, an incident or a message.
    ///
    /// If [`unknown_since`](findings::finding::Due::unknown_since) is set, an earlier attempt may have been carried out: the
    /// channel is searched for its effect first, unless to tell it again changes nothing there.
    ///
    /// # Errors
    ///
    /// If the channel did not take it, or may not have.
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure>;
}

/// A channel took a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Name of the ticket, message or incident there; `None` leaves the known one.
    pub external_id: Option<Text<256>>,
}

/// A channel did not take a delivery, or may not have. No message contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing was carried out that the next attempt would repeat.
    #[error("{error}")]
    Refused {
        /// What the channel said, and the remedy if there is one.
        error: String,
        /// When to try again.
        retry: Retry,
    },
    /// It may have been carried out. The next attempt searches for its effect.
    #[error("{error}")]
    Unanswered {
        /// What happened.
        error: String,
        /// How long the receiver asks to be left alone, if it does.
        wait: Option<Duration>,
    },
    /// Nothing was carried out now. An earlier attempt may have been, and the channel does not find its effect before this
    /// time.
    #[error("waits until {0} for the outcome of an earlier attempt")]
    NotBefore(Timestamp),
}

impl Failure {
    /// The failure of a delivery of which a part was carried out. By a refusal, the outbox would learn that nothing was.
    #[must_use]
    pub(crate) fn in_doubt(self) -> Self {
        match self {
            Self::Unanswered { .. } => self,
            Self::Refused { error, retry: Retry::Later(wait) } => Self::Unanswered { error, wait },
            Self::Refused { .. } | Self::NotBefore(_) => Self::Unanswered { error: self.to_string(), wait: None },
        }
    }
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After this time, as the channel asks, or after a time that grows with the attempts.
    Later(Option<Duration>),
    /// Not before someone has changed something: a project, a permission, an owner. It is tried again rarely.
    AfterRepair,
    /// Not before the recipient exists, or lets itself be reached, or is another one. The channel itself works. It is tried again
    /// rarely.
    OtherRecipient,
    /// Not before someone has stored other credentials: the receiver did not accept these, or they have not the form of such.
    /// Whoever keeps secrets in memory reads them anew, and tries again at once if they have changed.
    AfterNewCredentials,
}
