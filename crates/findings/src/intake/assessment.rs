//! `Portcullis Assessment`: the judgement of a group with its reasons.

use exposure::Expiry;
use jiff::Timestamp;

use super::Intake;
use super::envelope::Envelope;
use super::error::IntakeError;
use crate::event::{AssessmentEvent, EventExemption, EventExposure, EventGroup, EventUnjudged, Trigger};
use crate::finding::{
    Assessed, AssessedVerdict, ExemptionFacts, ExposureList, FindingKey, GroupFacts, Moment, Observation, Observed,
    Source, Text,
};
use crate::{ComplianceType, FoundExposure, Openness};

pub(super) fn read(envelope: &Envelope) -> Result<Intake, IntakeError> {
    let event: AssessmentEvent = envelope.detail()?;
    // The account of the rule. An evaluator that does not know it names the owner of the group.
    let account = event.account.as_ref().or(event.security_group.owner_id.as_ref()).unwrap_or(&envelope.account);
    envelope.is_about(account)?;
    let key = FindingKey::new(account, &event.region, &event.security_group.id, &event.config_rule_name)?;
    let at = Moment::new(event.ordering_timestamp, envelope.time);
    let assessed = Assessed {
        source: event.trigger.into(),
        verdict: verdict(envelope.kind, &event)?,
        group: (&event.security_group).into(),
        closes: event.closes,
    };
    Ok(Intake::observed(key, Observation { at, what: Observed::Assessed(Box::new(assessed)) }))
}

fn verdict(kind: &'static str, event: &AssessmentEvent) -> Result<AssessedVerdict, IntakeError> {
    let contradiction = |field: &str| {
        let problem = format!("contradicts compliance {}", event.compliance.as_str());
        Err(IntakeError::field(kind, &format!("detail.{field}"), &problem))
    };
    match event.compliance {
        ComplianceType::NonCompliant if event.exposure_count == 0 => contradiction("exposureCount"),
        ComplianceType::NonCompliant => {
            let digest = event.exposures_digest.as_deref();
            let exposures = listed(&event.exposures, event.exposure_count, Some(event.openness), digest);
            Ok(AssessedVerdict::Open { exposures, exempted: event.exempted_count })
        }
        // No verdict closes a finding but one that leaves nothing open.
        ComplianceType::Compliant if event.exposure_count > 0 => contradiction("exposureCount"),
        ComplianceType::Compliant if event.unjudged_count > 0 => contradiction("unjudgedCount"),
        ComplianceType::Compliant => match first_to_end(event) {
            Some(exemption) => {
                let exempted = event.exempted.iter().map(|exempted| &exempted.exposure);
                let exempted = listed(exempted, event.exempted_count, None, None);
                Ok(AssessedVerdict::Exempt { exempted, exemption: exemption.into() })
            }
            None if event.exempted_count > 0 => contradiction("exemption"),
            None => Ok(AssessedVerdict::Compliant),
        },
        ComplianceType::InsufficientData => Ok(AssessedVerdict::Unjudged { reason: reason(event) }),
    }
}

/// The exposures that an event has room for, of `total`.
fn listed<'e>(
    exposures: impl IntoIterator<Item = &'e EventExposure>,
    total: usize,
    openness: Option<Openness>,
    digest: Option<&str>,
) -> ExposureList {
    let found: Vec<FoundExposure> = exposures.into_iter().map(FoundExposure::from).collect();
    ExposureList::cut(&found, total.saturating_sub(found.len()), openness, digest)
}

/// The exemption that ends first. One without an end is the last, and one whose end is not understood the first.
fn first_to_end(event: &AssessmentEvent) -> Option<&EventExemption> {
    let end = |exemption: &&EventExemption| match exemption.expires.as_deref() {
        Some(text) => Expiry::parse(text).map_or(Timestamp::MIN, |expiry| expiry.at()),
        None => Timestamp::MAX,
    };
    // Of several with the same end, the first one of the event.
    event.exemption.iter().chain(event.exempted.iter().map(|exempted| &exempted.exemption)).min_by_key(end)
}

/// The first reason, and the number of the others.
fn reason(event: &AssessmentEvent) -> Text<256> {
    let more = match event.unjudged_count.saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let first =
        event.unjudged.first().map_or("a rule could not be judged", |EventUnjudged { reason, .. }| reason.as_str());
    // Shorter than the whole, so that the number stays.
    format!("{}{more}", Text::<220>::from(first)).into()
}

impl From<Trigger> for Source {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Change | Trigger::Oversized => Self::Change,
            Trigger::Scheduled => Self::Periodic,
        }
    }
}

impl From<&EventGroup> for GroupFacts {
    fn from(group: &EventGroup) -> Self {
        let facts = Self {
            name: group.name.as_deref().map(Text::from),
            vpc_id: group.vpc_id.as_deref().map(Text::from),
            owner_account: group.owner_id.as_deref().map(Text::from),
            ..Self::default()
        };
        facts.with_tags(group.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

impl From<&EventExemption> for ExemptionFacts {
    fn from(exemption: &EventExemption) -> Self {
        Self {
            reason: exemption.reason.as_str().into(),
            expires: exemption.expires.as_deref().map(Text::from),
            owner: exemption.owner.as_deref().map(Text::from),
        }
    }
}
