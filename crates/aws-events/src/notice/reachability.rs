//! Findings of Amazon Inspector about ports that the internet reaches.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use exposure::{Transport, is_security_group_id, is_vpc_id};
use serde_json::Value;

use super::refusal::{Refusal, quoted};
use super::{ids, refuse_too_many};
use crate::tolerant::{elements, integer, member, text, text_at};

/// Status of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingStatus {
    /// The port is reachable.
    Active,
    /// The port is not reachable any more. Inspector opens the finding again if that changes within seven days.
    Closed,
    /// Somebody does not want to see the finding.
    Suppressed,
}

/// A finding of the type `NETWORK_REACHABILITY`.
///
/// Source: [Finding](https://docs.aws.amazon.com/inspector/v2/APIReference/API_Finding.html) in the API reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachability {
    /// ARN of the finding.
    pub finding_arn: String,
    /// The account that the finding is about.
    pub account: String,
    /// The region that the finding is about.
    pub region: String,
    /// Status.
    pub status: FindingStatus,
    /// Protocol of the ports.
    pub protocol: Transport,
    /// The ports that are reachable.
    pub ports: RangeInclusive<u16>,
    /// Security groups on the network path. There is at least one group or one instance.
    pub group_ids: BTreeSet<String>,
    /// Network ACLs on the network path. Of a placeholder such as `acl-xxxx`, nothing: then those of the groups count.
    pub network_acl_ids: BTreeSet<String>,
    /// Instances that are reachable.
    pub instance_ids: BTreeSet<String>,
    /// VPC of the instances.
    pub vpc_id: Option<String>,
    /// Whether somebody put the event on the bus: EventBridge takes a source that begins with `aws.` from AWS only.
    pub simulated: bool,
}

impl Reachability {
    /// Reads a finding in an event of EventBridge.
    pub(super) fn read(event: &Value, finding: &Value) -> Result<Self, Refusal> {
        let strange = |what: &str| Refusal::strange(format!("a finding of Amazon Inspector {what}"));
        let kind = text(finding, "type").ok_or_else(|| strange("without a type"))?;
        if !kind.eq_ignore_ascii_case("NETWORK_REACHABILITY") {
            return Err(Refusal::noise(format!("a finding of Amazon Inspector of the type {}", quoted(kind))));
        }
        let finding_arn = text(finding, "findingArn").filter(|arn| arn.starts_with("arn:"));
        let finding_arn = finding_arn.ok_or_else(|| strange("without an ARN"))?;
        let details = elements(member(finding, "networkReachabilityDetails")).first();
        let details = details.ok_or_else(|| strange("without its details"))?;
        let resources = elements(member(finding, "resources"));
        let path = Path::read(details, resources);
        if path.group_ids.is_empty() && path.instance_ids.is_empty() {
            return Err(strange("that names neither a security group nor an instance"));
        }
        refuse_too_many(path.group_ids.len().max(path.network_acl_ids.len()).max(path.instance_ids.len()))?;

        let arn = ids::Arn::parse(finding_arn);
        let accounts = [text(finding, "awsAccountId"), arn.map(|arn| arn.account), text(event, "account")];
        let of_resource = resources.iter().map(|resource| text(resource, "region"));
        let regions = of_resource.chain([arn.map(|arn| arn.region), text(event, "region")]);
        Ok(Self {
            finding_arn: finding_arn.to_owned(),
            account: ids::account(accounts).ok_or_else(|| strange("without an account"))?,
            region: ids::region(regions).ok_or_else(|| strange("without a region"))?,
            status: status(finding)?,
            protocol: protocol(details)?,
            ports: ports(details).ok_or_else(|| strange("without a range of ports"))?,
            group_ids: path.group_ids,
            network_acl_ids: path.network_acl_ids,
            instance_ids: path.instance_ids,
            vpc_id: path.vpc_id,
            simulated: !text(event, "source").is_some_and(|source| source.starts_with("aws.")),
        })
    }
}

fn status(finding: &Value) -> Result<FindingStatus, Refusal> {
    let status = text(finding, "status").unwrap_or_default();
    match status.to_ascii_uppercase().as_str() {
        "ACTIVE" => Ok(FindingStatus::Active),
        "CLOSED" => Ok(FindingStatus::Closed),
        "SUPPRESSED" => Ok(FindingStatus::Suppressed),
        _ => Err(Refusal::strange(format!("a finding of Amazon Inspector of the status {}", quoted(status)))),
    }
}

fn protocol(details: &Value) -> Result<Transport, Refusal> {
    let protocol = text(details, "protocol").unwrap_or_default();
    let known = Transport::ALL.into_iter().find(|known| protocol.eq_ignore_ascii_case(&known.to_string()));
    known.ok_or_else(|| Refusal::strange(format!("a finding of Amazon Inspector of the protocol {}", quoted(protocol))))
}

fn ports(details: &Value) -> Option<RangeInclusive<u16>> {
    let range = elements(member(details, "openPortRange")).first()?;
    let port = |key: &str| integer(range, key).and_then(|port| u16::try_from(port).ok());
    let (begin, end) = (port("begin")?, port("end")?);
    (begin <= end).then_some(begin..=end)
}

/// What lies on the way from the internet to an instance.
#[derive(Debug, Default)]
struct Path {
    group_ids: BTreeSet<String>,
    network_acl_ids: BTreeSet<String>,
    instance_ids: BTreeSet<String>,
    vpc_id: Option<String>,
}

impl Path {
    fn read(details: &Value, resources: &[Value]) -> Self {
        let mut path = Self::default();
        if let Some(steps) = member(details, "networkPath") {
            path.add_steps(steps);
        }
        for resource in resources {
            if let Some(id) = text(resource, "id") {
                path.add(id);
            }
            let vpc = text_at(resource, &["details", "awsEc2Instance", "vpcId"]).filter(|id| is_vpc_id(id));
            path.vpc_id = path.vpc_id.take().or_else(|| vpc.map(str::to_owned));
        }
        path
    }

    /// Adds the components of the steps in `value`, however they are nested.
    fn add_steps(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.add_steps(value)),
            Value::Object(members) => {
                if let Some(id) = text(value, "componentId") {
                    self.add(id);
                }
                members.values().for_each(|value| self.add_steps(value));
            }
            _ => {}
        }
    }

    /// Adds a component by its id, of which the form says what it is. The id may be at the end of an ARN.
    fn add(&mut self, id: &str) {
        let id = id.rsplit_once('/').map_or(id, |(_, id)| id);
        let ids = if is_security_group_id(id) {
            &mut self.group_ids
        } else if ids::is_id(id, "acl-") {
            &mut self.network_acl_ids
        } else if ids::is_id(id, "i-") {
            &mut self.instance_ids
        } else {
            return;
        };
        ids.insert(id.to_owned());
    }
}
