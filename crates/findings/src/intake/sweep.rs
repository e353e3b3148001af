//! `Portcullis Compliance`: what AWS Config has of a group, as a sweep read it.

use super::Intake;
use super::envelope::Envelope;
use super::error::IntakeError;
use crate::event::{ComplianceEvent, EventException, SweptCompliance};
use crate::finding::{ConfigVerdict, FindingKey, Gone, Moment, Observation, Observed, Swept, Text};

pub(super) fn read(envelope: &Envelope) -> Result<Intake, IntakeError> {
    let event: ComplianceEvent = envelope.detail()?;
    envelope.is_about(&event.account)?;
    let key = FindingKey::new(&event.account, &event.region, &event.security_group_id, &event.config_rule_name)?;
    let verdict = match event.compliance {
        SweptCompliance::Compliant => ConfigVerdict::Compliant,
        SweptCompliance::NonCompliant => ConfigVerdict::NonCompliant,
        SweptCompliance::NotApplicable => ConfigVerdict::Gone(Gone::NotApplicable),
    };
    if event.exception.is_some() && !event.exceptions_read {
        let problem = "contradicts an exception: it was not read";
        return Err(IntakeError::field(envelope.kind, "detail.exceptionsRead", problem));
    }
    let swept = Swept {
        verdict,
        first_open: Moment::new(event.first_seen, event.first_recorded_time),
        looked: event.time,
        closes: event.closes,
        reminder_days: event.reminder_days,
        parked: event.exceptions_read.then(|| event.exception.as_ref().map(reason)),
    };
    let at = Moment::new(event.ordering_timestamp, event.result_recorded_time);
    Ok(Intake::observed(key, Observation { at, what: Observed::Swept(Box::new(swept)) }))
}

fn reason(exception: &EventException) -> Text<256> {
    exception.message.as_deref().unwrap_or_default().into()
}
