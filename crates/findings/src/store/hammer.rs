//! The attribute `issue_details` of Dow Jones Hammer, so that what reads Hammer's table reads ours.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Openness;
use crate::finding::{ExposureList, Finding, KeptExposure, Text};

/// Details of an issue, as Hammer writes them for insecure services.
///
/// Source: <https://github.com/dowjones/hammer/blob/dev/hammer/library/ddb_issues.py>
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IssueDetails<'f> {
    /// Name of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'f Text<256>>,
    /// Region.
    pub region: &'f str,
    /// VPC. Hammer added it later than the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<&'f Text<32>>,
    /// How far the group is open.
    pub status: Openness,
    /// Rules that expose ports; of a finding that is no longer open, those that did last.
    pub perms: Vec<Permission<'f>>,
    /// Tags of the group.
    pub tags: BTreeMap<&'f Text<128>, &'f Text<128>>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission<'f> {
    /// Protocol.
    pub protocol: &'f Text<16>,
    /// First port.
    pub from_port: Option<i64>,
    /// Last port.
    pub to_port: Option<i64>,
    /// Source: a range of addresses, or a prefix list.
    pub cidr: &'f Text<64>,
    /// How much of the internet the source covers.
    pub status: Openness,
}

impl<'f> From<&'f KeptExposure> for Permission<'f> {
    fn from(exposure: &'f KeptExposure) -> Self {
        Self {
            protocol: &exposure.rule.protocol,
            from_port: exposure.rule.from_port,
            to_port: exposure.rule.to_port,
            cidr: &exposure.rule.source,
            status: exposure.openness,
        }
    }
}

impl<'f> IssueDetails<'f> {
    /// The details of a finding.
    #[must_use]
    pub fn of(finding: &'f Finding) -> Self {
        let group = finding.group();
        let listed: &[KeptExposure] = finding.exposures().map_or(&[], |ExposureList { listed, .. }| listed);
        Self {
            name: group.and_then(|group| group.name.as_ref()),
            region: finding.key().region(),
            vpc_id: group.and_then(|group| group.vpc_id.as_ref()),
            status: finding.openness(),
            perms: listed.iter().map(Permission::from).collect(),
            tags: group.into_iter().flat_map(|group| &group.tags).collect(),
        }
    }
}
