//! What was looked up for a group already.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::asked::Asked;
use crate::time::{minus, plus};

/// Interfaces of a group that stays open are looked up again after this time.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(20);
/// How long a group is known after the last look.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Time after which an event of CloudTrail is in its event history for certain. On average it takes five minutes.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html>
const IN_HISTORY_AFTER: SignedDuration = SignedDuration::from_mins(20);

/// For which judgements of a group what was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Time of the newest judgement.
    ordering: Timestamp,
    /// When the interfaces were looked up.
    looked_up: Timestamp,
    /// The newest judgement for which the opener was found, or will not be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opener_of: Option<Timestamp>,
}

/// What is due for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) interfaces: bool,
    pub(super) opener: bool,
}

impl Due {
    pub(super) fn of(known: Option<&Known>, asked: &Asked<'_>, now: Timestamp) -> Self {
        let Some(known) = known else { return Self { interfaces: true, opener: true } };
        // What is asked for a newer judgement is asked for this one, too.
        if asked.ordering < known.ordering {
            return Self { interfaces: false, opener: false };
        }
        let is_news = asked.is_change && known.ordering < asked.ordering;
        let is_old = known.looked_up <= minus(now, AGAIN_AFTER);
        let opener = known.opener_of.is_none_or(|of| asked.is_change && of < asked.ordering);
        Self { interfaces: is_news || is_old, opener }
    }
}

impl Known {
    /// After the interfaces were looked up for a judgement.
    pub(super) fn looked_up(before: Option<&Self>, asked: &Asked<'_>, now: Timestamp) -> Self {
        Self { ordering: asked.ordering, looked_up: now, opener_of: before.and_then(|known| known.opener_of) }
    }

    /// After the opener was found, or given up.
    pub(super) fn with_opener(self, asked: &Asked<'_>) -> Self {
        Self { opener_of: Some(asked.ordering), ..self }
    }

    pub(super) fn expires(now: Timestamp) -> Timestamp {
        plus(now, KNOWN_FOR)
    }
}

/// Whether CloudTrail has the call by now that opened the group, if it has it at all. At a schedule, nothing was opened.
pub(super) fn is_in_history(asked: &Asked<'_>, now: Timestamp) -> bool {
    !asked.is_change || plus(asked.ordering, IN_HISTORY_AFTER) <= now
}

/// Whether a call was made after the state of the newest judgement whose opener is known, or given up.
pub(super) fn is_later(known: Option<&Known>, call: Timestamp) -> bool {
    known.and_then(|known| known.opener_of).is_none_or(|of| of < call)
}
