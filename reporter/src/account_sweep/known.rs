//! A group as sweeps know it, and how it changes with what a sweep reads.

use aws_traits::config::{GroupResult, RemediationException, ResultType};
use findings::event::{ComplianceEvent, ComplianceSchema, EventException, SweptCompliance};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Origin;
use crate::grace::Grace;
use crate::time::plus;

/// A change is announced at each sweep for so long: an event that is lost is repeated.
const REPEATED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// A group that stays non-compliant is announced once in this time: once a day, as sweeps are not exactly an hour apart.
const ANNOUNCED_EVERY: SignedDuration = SignedDuration::from_mins(23 * 60 + 30);
/// A group without result is gone if a sweep finds none after this time again. Two reads are of two sweeps.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(30);
/// How long an open group is known after the last write, which is at most a day old as long as sweeps run.
const OPEN_IS_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long a group is known that is closed or gone.
const OVER_IS_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A group that was non-compliant at a sweep, until a while after it is no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The newest result.
    pub(crate) compliance: SweptCompliance,
    /// Time of the state that was judged.
    ordering: Timestamp,
    /// When the result was stored, or when a sweep first found none.
    recorded: Timestamp,
    /// Ordering time of the first non-compliant result since the group was last compliant.
    first_seen: Timestamp,
    /// When that result was stored.
    first_recorded: Timestamp,
    /// The last sweep that saw it non-compliant and wrote that down.
    last_seen: Timestamp,
    /// The exception by others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exception: Option<KnownException>,
    /// When automatic mode closes it, if not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closes: Option<Timestamp>,
    /// Days for which that is still to come, if it is time for a reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reminder_days: Option<u8>,
    /// When a sweep first saw it as it is.
    changed: Timestamp,
    /// When it was last announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<Timestamp>,
    /// Since when AWS Config has no result, if it was non-compliant before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing_since: Option<Timestamp>,
}

/// A remediation exception that Portcullis did not put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownException {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// When a sweep first saw it.
    pub(crate) since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Timestamp>,
}

impl Known {
    /// A group that no sweep has seen non-compliant yet; `None` if it is not.
    pub(crate) fn first(result: &GroupResult, now: Timestamp) -> Option<Self> {
        (result.compliance == ResultType::NonCompliant).then_some(Self {
            compliance: SweptCompliance::NonCompliant,
            ordering: result.ordering,
            recorded: result.recorded,
            first_seen: result.ordering,
            first_recorded: result.recorded,
            last_seen: now,
            exception: None,
            closes: None,
            reminder_days: None,
            changed: now,
            announced: None,
            missing_since: None,
        })
    }

    /// Takes the result that AWS Config has now.
    pub(crate) fn see(&mut self, result: &GroupResult, now: Timestamp) {
        self.missing_since = None;
        let compliance = match result.compliance {
            ResultType::Compliant => SweptCompliance::Compliant,
            ResultType::NonCompliant => SweptCompliance::NonCompliant,
            ResultType::NotApplicable => SweptCompliance::NotApplicable,
            // Unknown is never compliant, and no other verdict either.
            ResultType::Unknown => return,
        };
        // An answer that lags behind an earlier one.
        if result.recorded < self.recorded {
            return;
        }
        // The result that AWS Config has is its newest word, although a re-evaluation may be about an older state than a
        // scheduled one, or than the last one of a group that had no result for a while.
        self.ordering = self.ordering.max(result.ordering);
        self.recorded = result.recorded;
        if compliance == SweptCompliance::NonCompliant {
            self.last_seen = now;
        }
        if compliance != self.compliance {
            self.compliance = compliance;
            self.changed = now;
            if compliance == SweptCompliance::NonCompliant {
                (self.first_seen, self.first_recorded) = (self.ordering, self.recorded);
            }
        }
    }

    /// Takes that AWS Config has no result. One read is not enough: a page may lack a group whose result was stored
    /// meanwhile, and a rule that is evaluated anew has no results for a while.
    ///
    /// The group is gone in the state that was judged last, since when there was no result; so any later judgement of this
    /// state counts more.
    pub(crate) fn miss(&mut self, now: Timestamp) {
        if self.compliance != SweptCompliance::NonCompliant {
            return;
        }
        let since = *self.missing_since.get_or_insert(now);
        if now.duration_since(since) >= GONE_AFTER {
            self.missing_since = None;
            self.compliance = SweptCompliance::NotApplicable;
            self.recorded = self.recorded.max(since);
            self.changed = now;
        }
    }

    /// Takes the exception that the group has, if others put it.
    pub(crate) fn except(&mut self, exception: Option<&RemediationException>, now: Timestamp) {
        let since = self.exception.as_ref().map_or(now, |known| known.since);
        let was = self.exception.is_some();
        self.exception = exception.map(|exception| KnownException {
            message: exception.message.clone(),
            since,
            expires: exception.expires,
        });
        if was != self.exception.is_some() && self.compliance == SweptCompliance::NonCompliant {
            self.changed = now;
        }
    }

    /// Takes when automatic mode closes it.
    pub(crate) fn plan(&mut self, grace: Option<&Grace>, now: Timestamp) {
        let grace = grace.filter(|_| self.compliance == SweptCompliance::NonCompliant);
        let closes = grace.and_then(|grace| grace.closes);
        let reminder_days = grace.and_then(|grace| grace.reminder_days(now));
        if (closes, reminder_days) != (self.closes, self.reminder_days) {
            (self.closes, self.reminder_days, self.changed) = (closes, reminder_days, now);
        }
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.compliance == SweptCompliance::NonCompliant && self.exception.is_some()
    }

    /// Whether it is to be announced now: a change repeatedly, and what stays open once a day.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let Some(announced) = self.announced.filter(|announced| *announced >= self.changed) else { return true };
        now.duration_since(self.changed) < REPEATED_FOR
            || (self.compliance == SweptCompliance::NonCompliant && now.duration_since(announced) >= ANNOUNCED_EVERY)
    }

    /// What was not announced for longest is announced first, so that a sweep without enough time leaves out nothing twice.
    pub(crate) fn last_announced(&self) -> Option<Timestamp> {
        self.announced
    }

    pub(crate) fn announced(&mut self, now: Timestamp) {
        self.announced = Some(now);
    }

    /// Whether it is worth a write: not because it was seen once more, nor because of what is over, which is to be forgotten.
    pub(crate) fn differs(&self, before: Option<&Self>) -> bool {
        let Some(before) = before else { return true };
        if self.compliance == before.compliance && self.compliance != SweptCompliance::NonCompliant {
            return self.announced != before.announced;
        }
        Self { last_seen: before.last_seen, ..self.clone() } != *before
    }

    pub(crate) fn expires(&self, now: Timestamp) -> Timestamp {
        let known_for = match self.compliance {
            SweptCompliance::NonCompliant => OPEN_IS_KNOWN_FOR,
            SweptCompliance::Compliant | SweptCompliance::NotApplicable => OVER_IS_KNOWN_FOR,
        };
        plus(now, known_for)
    }

    /// The event about it.
    pub(crate) fn event(
        &self,
        origin: &Origin,
        group_id: &str,
        exceptions_read: bool,
        now: Timestamp,
    ) -> ComplianceEvent {
        let exception = self.exception.as_ref().filter(|_| exceptions_read);
        ComplianceEvent {
            schema: ComplianceSchema::V1,
            account: origin.account.clone(),
            region: origin.region.clone(),
            config_rule_name: origin.rule.clone(),
            security_group_id: group_id.to_owned(),
            time: now,
            compliance: self.compliance,
            ordering_timestamp: self.ordering,
            result_recorded_time: self.recorded,
            first_seen: self.first_seen,
            first_recorded_time: self.first_recorded,
            exceptions_read,
            exception: exception.map(|KnownException { message, since, expires }| {
                EventException::new(message.as_deref(), *since, *expires)
            }),
            closes: self.closes,
            reminder_days: self.reminder_days,
        }
    }
}
