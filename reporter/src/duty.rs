//! What a function of this program is there for.

use std::str::FromStr;

/// The duty of a function, by the variable `DUTY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Record what events say of findings.
    Record,
    /// Tell channels of findings.
    Notify,
    /// Queue again what was to be told and was not.
    Sweep,
    /// Compare what AWS Config has of one account with what is known, and announce it.
    AccountSweep,
    /// Look up what surrounds a group that was opened, and announce it.
    Context,
    /// Go on with closings that were deferred.
    FollowUp,
    /// Write a report on all findings into a bucket.
    Report,
}

/// `DUTY` is not set, or to another text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "DUTY is `{0}`, not `record`, `notify`, `sweep`, `account-sweep`, `context`, `follow-up` or `report`: this program runs as an AWS Lambda function of a stack of Portcullis"
)]
pub struct DutyError(String);

impl FromStr for Duty {
    type Err = DutyError;

    fn from_str(text: &str) -> Result<Self, DutyError> {
        match text {
            "record" => Ok(Self::Record),
            "notify" => Ok(Self::Notify),
            "sweep" => Ok(Self::Sweep),
            "account-sweep" => Ok(Self::AccountSweep),
            "context" => Ok(Self::Context),
            "follow-up" => Ok(Self::FollowUp),
            "report" => Ok(Self::Report),
            _ => Err(DutyError(plain_text::clip(text, 40).into_owned())),
        }
    }
}
