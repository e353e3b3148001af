//! A finding in the document.

use std::collections::BTreeMap;

use findings::finding::{
    AttemptStatus, ClosedBy, Closing, ExposureList, Finding, GroupFacts, KeptExposure, State, Text,
};
use findings::{Openness, Severity};
use jiff::Timestamp;
use routing::{OwnerSource, Ownership, RejectedOwner};
use serde::Serialize;

use crate::notice::Notice;
use crate::words;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingPart<'n> {
    key: String,
    label: String,
    account: &'n str,
    region: &'n str,
    config_rule_name: &'n str,
    security_group: GroupPart<'n>,
    revision: u64,
    state: State,
    severity: Option<Severity>,
    status: Openness,
    exposure_count: usize,
    /// The worst exposures, at most 20.
    exposures: Vec<ExposurePart<'n>>,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    reopenings: u64,
    closed: Option<ClosedPart>,
    /// When automatic mode closes it, with days of grace.
    #[serde(skip_serializing_if = "Option::is_none")]
    closes: Option<Timestamp>,
    parked: Option<&'n str>,
    contested: bool,
    quarantined: bool,
    unjudged: Option<&'n str>,
    muted: bool,
    exemption: Option<ExemptionPart<'n>>,
    failed_closing: Option<AttemptPart<'n>>,
    interfaces: Option<InterfacesPart<'n>>,
    opened_by: Option<OpenerPart<'n>>,
    owners: Vec<OwnerPart<'n>>,
    owners_omitted: usize,
    rejected_owners: Vec<RejectedPart<'n>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupPart<'n> {
    id: &'n str,
    name: Option<&'n str>,
    vpc_id: Option<&'n str>,
    owner_id: Option<&'n str>,
    tags: Option<BTreeMap<&'n str, &'n str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExposurePart<'n> {
    rule_id: Option<&'n str>,
    protocol: &'n str,
    from_port: Option<i64>,
    to_port: Option<i64>,
    source: &'n str,
    ports: Vec<&'n str>,
    port_range_count: usize,
    status: Openness,
    description: Option<&'n str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClosedPart {
    at: Timestamp,
    by: &'static str,
    execution_id: Option<String>,
}

#[derive(Serialize)]
struct ExemptionPart<'n> {
    reason: &'n str,
    expires: Option<&'n str>,
    owner: Option<&'n str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptPart<'n> {
    status: AttemptStatus,
    execution_id: &'n str,
    message: &'n str,
}

#[derive(Serialize)]
struct InterfacesPart<'n> {
    count: u32,
    public: bool,
    example: Option<&'n str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenerPart<'n> {
    at: Timestamp,
    principal: &'n str,
    user_agent: Option<&'n str>,
    stack: Option<&'n str>,
}

#[derive(Serialize)]
struct OwnerPart<'n> {
    name: &'n str,
    source: OwnerSource,
}

#[derive(Serialize)]
struct RejectedPart<'n> {
    text: &'n str,
    source: OwnerSource,
    error: String,
}

fn text<const MAX: usize>(text: Option<&Text<MAX>>) -> Option<&str> {
    text.map(Text::as_str)
}

impl<'n> FindingPart<'n> {
    pub(super) fn new(notice: &Notice<'n>) -> Self {
        let Notice { finding, ownership, now, .. } = *notice;
        let key = finding.key();
        let exposures = words::exposures(finding);
        Self {
            key: key.to_string(),
            label: key.label(),
            account: key.account(),
            region: key.region(),
            config_rule_name: key.rule(),
            security_group: GroupPart::new(key.group_id(), finding.group()),
            revision: notice.due.revision,
            state: finding.state(),
            severity: finding.severity(),
            status: finding.openness(),
            exposure_count: exposures.map_or(0, |list| list.total),
            exposures: exposures.map(ExposurePart::all).unwrap_or_default(),
            first_seen: finding.first_seen(),
            last_seen: finding.last_seen(),
            reopenings: finding.episodes().reopenings(),
            closed: finding.closing().map(ClosedPart::from),
            closes: finding.closes(),
            parked: text(finding.parked()),
            contested: finding.is_contested(),
            quarantined: finding.is_quarantined(),
            unjudged: text(finding.unjudged()),
            muted: finding.mute(now).is_some(),
            exemption: exemption(finding),
            failed_closing: failed_closing(finding),
            interfaces: interfaces(finding),
            opened_by: opener(finding),
            owners: owners(ownership),
            owners_omitted: ownership.omitted,
            rejected_owners: rejected(ownership),
        }
    }
}

impl<'n> GroupPart<'n> {
    fn new(id: &'n str, facts: Option<&'n GroupFacts>) -> Self {
        let tags =
            |facts: &'n GroupFacts| facts.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Self {
            id,
            name: facts.and_then(|facts| text(facts.name.as_ref())),
            vpc_id: facts.and_then(|facts| text(facts.vpc_id.as_ref())),
            owner_id: facts.and_then(|facts| text(facts.owner_account.as_ref())),
            tags: facts.map(tags),
        }
    }
}

impl<'n> ExposurePart<'n> {
    fn all(list: &'n ExposureList) -> Vec<Self> {
        list.listed.iter().map(Self::from).collect()
    }
}

impl<'n> From<&'n KeptExposure> for ExposurePart<'n> {
    fn from(exposure: &'n KeptExposure) -> Self {
        Self {
            rule_id: text(exposure.rule_id.as_ref()),
            protocol: exposure.rule.protocol.as_str(),
            from_port: exposure.rule.from_port,
            to_port: exposure.rule.to_port,
            source: exposure.rule.source.as_str(),
            ports: exposure.ports.iter().map(Text::as_str).collect(),
            port_range_count: exposure.ports_total,
            status: exposure.openness,
            description: text(exposure.description.as_ref()),
        }
    }
}

impl From<Closing> for ClosedPart {
    fn from(Closing { at, by }: Closing) -> Self {
        let (by, execution_id) = match by {
            ClosedBy::Remediation(execution) => ("remediation", Some(execution.into())),
            ClosedBy::Change => ("change", None),
            ClosedBy::Deletion => ("deletion", None),
            ClosedBy::LeftScope => ("left_scope", None),
            ClosedBy::NotApplicable => ("not_applicable", None),
        };
        Self { at, by, execution_id }
    }
}

fn exemption(finding: &Finding) -> Option<ExemptionPart<'_>> {
    finding.exemption().map(|exemption| ExemptionPart {
        reason: exemption.reason.as_str(),
        expires: text(exemption.expires.as_ref()),
        owner: text(exemption.owner.as_ref()),
    })
}

fn failed_closing(finding: &Finding) -> Option<AttemptPart<'_>> {
    let attempt = finding.failed_attempt()?;
    Some(AttemptPart {
        status: attempt.status,
        execution_id: attempt.execution_id.as_str(),
        message: attempt.message.as_str(),
    })
}

fn interfaces(finding: &Finding) -> Option<InterfacesPart<'_>> {
    finding.attachment().map(|attachment| InterfacesPart {
        count: attachment.interfaces,
        public: attachment.public,
        example: text(attachment.example.as_ref()),
    })
}

fn opener(finding: &Finding) -> Option<OpenerPart<'_>> {
    finding.opener().map(|opener| OpenerPart {
        at: opener.at,
        principal: opener.principal.as_str(),
        user_agent: text(opener.user_agent.as_ref()),
        stack: text(opener.stack.as_ref()),
    })
}

fn owners(ownership: &Ownership) -> Vec<OwnerPart<'_>> {
    ownership.owners.iter().map(|owner| OwnerPart { name: &owner.value, source: owner.from }).collect()
}

fn rejected(ownership: &Ownership) -> Vec<RejectedPart<'_>> {
    let part = |rejected: &'_ RejectedOwner| (rejected.from, rejected.error.to_string());
    let parts = ownership.rejected.iter().map(|rejected| (rejected.text.as_str(), part(rejected)));
    parts.map(|(text, (source, error))| RejectedPart { text, source, error }).collect()
}
