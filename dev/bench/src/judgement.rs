//! The steps of a judgement: from the bytes of an event to the changes that close the group.

use aws_events::config::{Notification, RuleInvocation};
use exposure::{Exemptions, Plan, Policy, PrefixLists, SecurityGroup, Strategy, Verdict, assess, plan};
use jiff::Timestamp;
use judgement::RuleParameters;

/// Reads the group in an event.
///
/// # Errors
///
/// If it is not a change notification.
pub fn parse(event: &[u8]) -> anyhow::Result<(SecurityGroup, Policy)> {
    let invocation = RuleInvocation::from_payload(serde_json::from_slice(event)?)?;
    let Notification::Change { item, .. } = &invocation.notification else { anyhow::bail!("no change") };
    let parameters = RuleParameters::from_json(invocation.rule_parameters.as_deref())?;
    Ok((item.security_group()?, parameters.policy))
}

/// Returns the verdict on a group.
#[must_use]
pub fn judge(group: &SecurityGroup, policy: &Policy) -> Verdict {
    assess(group, policy, &Exemptions::default(), &PrefixLists::default(), Timestamp::UNIX_EPOCH).verdict()
}

/// Returns the plan that closes a group.
#[must_use]
pub fn planned(group: &SecurityGroup, policy: &Policy, strategy: &Strategy) -> Plan {
    let assessment = assess(group, policy, &Exemptions::default(), &PrefixLists::default(), Timestamp::UNIX_EPOCH);
    plan(group, &assessment, strategy, &PrefixLists::default())
}
