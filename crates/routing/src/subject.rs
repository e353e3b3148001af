//! A finding, as far as routing asks for it.

use std::collections::BTreeMap;

use exposure::{PortRange, PortSet, Traffic, Transport};
use findings::Severity;
use findings::finding::{ExposureList, Finding, KeptExposure, OwnerSource, State};
use jiff::Timestamp;
use serde::Serialize;

use crate::document::Document;

/// A word for the state in a condition. Several may hold for a finding: one that is parked is open, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StateFilter {
    /// The group is exposed.
    Open,
    /// The group is no longer exposed.
    Closed,
    /// The group is exposed, and AWS Config has given up on closing it.
    Parked,
    /// The group was closed again and again, and is opened again each time.
    Contested,
}

pub(crate) const STATES: [(&str, StateFilter); 4] = [
    ("open", StateFilter::Open),
    ("closed", StateFilter::Closed),
    ("parked", StateFilter::Parked),
    ("contested", StateFilter::Contested),
];

impl StateFilter {
    pub(crate) fn holds_for(self, subject: &Subject) -> bool {
        match self {
            Self::Open => subject.state == State::Open,
            Self::Closed => subject.state == State::Closed,
            Self::Parked => subject.parked,
            Self::Contested => subject.contested,
        }
    }
}

/// A finding that is to be sent. Names and values of tags are untrusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Account of the rule, which is known for certain: an event counts only if its account is the sender's.
    pub account: String,
    /// Region of the group.
    pub region: String,
    /// Name of the AWS Config rule.
    pub rule: String,
    /// Name of the group.
    pub group_name: Option<String>,
    /// VPC of the group.
    pub vpc_id: Option<String>,
    /// Tags of the group.
    pub tags: BTreeMap<String, String>,
    /// Tags of each instance that uses the group.
    pub instances: Vec<BTreeMap<String, String>>,
    /// Name of the caller who opened the group: of a user, or of the session of a role.
    pub opener: Option<String>,
    /// Severity of the finding; of a closed one, the last.
    pub severity: Severity,
    /// Exposed ports; of a closed finding, the last. Empty while they are not known.
    pub ports: PortSet,
    /// State of the finding. One that is exempt or was never open is not sent.
    pub state: State,
    /// Whether the group is open and AWS Config has given up on closing it.
    pub parked: bool,
    /// Whether the group was closed again and again.
    pub contested: bool,
    /// Whether the finding is muted. A muted finding is not sent.
    pub muted: bool,
}

impl Subject {
    /// A finding as it is at `now`. The document says which tag of an instance names an owner.
    #[must_use]
    pub fn new(document: &Document, finding: &Finding, now: Timestamp) -> Self {
        let (key, group) = (finding.key(), finding.group());
        let tags = group.iter().flat_map(|group| &group.tags);
        // A finding keeps the owner that the tags of its instances name, and not the tags.
        let by_instances = finding.owner().filter(|owner| owner.source == OwnerSource::InstanceTag);
        let instance = |name: String| BTreeMap::from([(document.owners.tag.clone(), name)]);
        Self {
            account: key.account().to_owned(),
            region: key.region().to_owned(),
            rule: key.rule().to_owned(),
            group_name: group.and_then(|group| group.name.as_ref()).map(ToString::to_string),
            vpc_id: group.and_then(|group| group.vpc_id.as_ref()).map(ToString::to_string),
            tags: tags.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            instances: by_instances.map(|owner| instance(owner.name.to_string())).into_iter().collect(),
            opener: finding.opener().map(|opener| opener.principal.to_string()),
            severity: finding.last_severity(),
            ports: finding.exposures().map(ports).unwrap_or_default(),
            state: finding.state(),
            parked: finding.parked().is_some(),
            contested: finding.is_contested(),
            muted: finding.mute(now).is_some(),
        }
    }
}

/// The ports that the exposures open. A list that was cut has more of them, which no condition must miss: without all
/// exposures every port counts, and without all ranges of one every port of its rule.
fn ports(exposures: &ExposureList) -> PortSet {
    if exposures.listed.len() < exposures.total {
        return every_port();
    }
    union(exposures.listed.iter().map(ports_of))
}

fn ports_of(exposure: &KeptExposure) -> PortSet {
    let KeptExposure { rule, ports, ports_total, .. } = exposure;
    let listed: Result<Vec<PortSet>, _> = ports.iter().map(|range| range.as_str().parse::<PortSet>()).collect();
    match listed {
        Ok(listed) if listed.len() >= *ports_total => union(listed),
        _ => {
            let traffic = Traffic::parse(rule.protocol.as_str(), rule.from_port, rule.to_port);
            traffic.carries(&every_port()).unwrap_or_else(every_port)
        }
    }
}

fn union(sets: impl IntoIterator<Item = PortSet>) -> PortSet {
    sets.into_iter().fold(PortSet::default(), |mut all, set| {
        all.extend(&set);
        all
    })
}

fn every_port() -> PortSet {
    let mut ports = PortSet::default();
    if let Some(range) = PortRange::new(0, u16::MAX) {
        ports.insert(Transport::Tcp, range);
        ports.insert(Transport::Udp, range);
    }
    ports
}
