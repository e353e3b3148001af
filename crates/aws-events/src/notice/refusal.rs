//! Why a message is not acted upon.

use plain_text::one_line;

/// Longest text of a message that a reason quotes, in characters.
const QUOTED: usize = 100;

/// Why a message is not acted upon, as text for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    reason: String,
    is_noise: bool,
}

impl Refusal {
    /// What is expected, and asks for nothing.
    pub(super) fn noise(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_noise: true }
    }

    /// What is not understood.
    pub(super) fn strange(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_noise: false }
    }

    /// Returns true for what is expected and asks for nothing, such as a call that failed or an archived finding; false for
    /// what is not understood, at which somebody should look.
    #[must_use]
    pub fn is_noise(&self) -> bool {
        self.is_noise
    }
}

/// Text of a message as a reason quotes it: others wrote it.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", one_line(text, QUOTED))
}
