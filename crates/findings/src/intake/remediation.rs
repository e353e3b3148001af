//! `Portcullis Remediation`: how a request to the remediator ended.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::envelope::Envelope;
use super::error::IntakeError;
use super::{Ignored, Intake};
use crate::event::RemediationEvent;
use crate::finding::{
    Deferred, FindingKey, Moment, Observation, Observed, Outcome, Remediated, Revoked, RuleContent, Text,
};

/// A rule of a response.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    protocol: String,
    from_port: Option<i64>,
    to_port: Option<i64>,
    source: String,
}

pub(super) fn read(envelope: &Envelope) -> Result<Intake, IntakeError> {
    let event: RemediationEvent = envelope.detail()?;
    envelope.is_about(&event.account)?;
    let key = FindingKey::new(&event.account, &event.region, &event.security_group_id, &event.config_rule_name)?;
    if event.dry_run {
        return Ok(Intake::Ignored(Ignored::DryRun));
    }
    let outcome = match (event.action.as_str(), event.status.as_str()) {
        ("close", "CLOSED") => Outcome::Closed(revoked(envelope.kind, &event)?),
        ("close", "NOTHING_TO_DO") => Outcome::NothingToClose,
        ("close", "EXEMPT") => Outcome::LeftOpen,
        ("close", "DEFERRED") => Outcome::Deferred(deferred(envelope.kind, &event)?),
        ("close", "PARTIAL") => Outcome::PartlyClosed,
        ("close", "FAILED") => Outcome::CloseFailed,
        ("restore", "RESTORED") => Outcome::Restored,
        ("quarantine", "QUARANTINED") => Outcome::Quarantined,
        ("release", "RELEASED") => Outcome::Released,
        (action, status) => {
            return Ok(Intake::Ignored(Ignored::Outcome { action: action.into(), status: status.into() }));
        }
    };
    let remediated = Remediated { execution_id: execution(&event), outcome, message: message(&event), dry_run: false };
    let what = Observed::Remediated(remediated);
    Ok(Intake::observed(key, Observation { at: Moment::live(event.time), what }))
}

/// The execution. A request by hand has none; its time is the same in every copy of its event, as an execution would be.
fn execution(event: &RemediationEvent) -> Text<64> {
    let id = event.execution_id.as_deref();
    id.map_or_else(|| format!("invocation {}", event.time).into(), Text::from)
}

fn message(event: &RemediationEvent) -> Text<256> {
    let text = |response: &Map<String, Value>| response.get("message").and_then(Value::as_str).map(Text::from);
    let said = event.response.as_ref().and_then(text);
    let failed = || event.error.as_ref().map(|error| error.message.as_str().into());
    said.or_else(failed).unwrap_or_else(|| event.status.as_str().into())
}

/// What a closing waits for. The response may have left it out.
fn deferred(kind: &'static str, event: &RemediationEvent) -> Result<Deferred, IntakeError> {
    Ok(Deferred { until: field(kind, event, "deferredUntil")?, closings: field(kind, event, "closingsPerHour")? })
}

/// A field of the response, if it is there.
fn field<T: DeserializeOwned>(
    kind: &'static str,
    event: &RemediationEvent,
    key: &str,
) -> Result<Option<T>, IntakeError> {
    let value = event.response.as_ref().and_then(|response| response.get(key)).unwrap_or(&Value::Null);
    serde_path_to_error::deserialize(value)
        .map_err(|error| IntakeError::malformed(kind, &format!("detail.response.{key}"), error))
}

/// The rules that a closing revoked. The event has the number of all, if it has no room for them.
fn revoked(kind: &'static str, event: &RemediationEvent) -> Result<Revoked, IntakeError> {
    let rules = event.response.as_ref().and_then(|response| response.get("revoked"));
    let rules: Vec<Rule> = match rules {
        Some(rules) => serde_path_to_error::deserialize(rules)
            .map_err(|error| IntakeError::malformed(kind, "detail.response.revoked", error))?,
        None => Vec::new(),
    };
    let listed: Vec<RuleContent> =
        rules.iter().map(|rule| RuleContent::new(&rule.protocol, rule.from_port, rule.to_port, &rule.source)).collect();
    let counted = event.counts.get("revoked").copied().unwrap_or_default();
    Ok(Revoked { total: counted.max(listed.len()), listed })
}
