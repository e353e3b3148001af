//! What an open group is answered with.

use std::collections::{BTreeMap, BTreeSet};

use exposure::{Assessment, PortRange, PortSet};

use crate::asked::Asked;
use crate::settings::{InspectorResponse, Mode, Settings};
use crate::whereabouts::Whereabouts;

/// An action of the SSM documents that the function starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Close,
    Quarantine,
    Release,
}

impl Action {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Quarantine => "quarantine",
            Self::Release => "release",
        }
    }

    /// The action that undoes it, if the function starts that.
    pub(crate) fn undone_by(self) -> Option<Self> {
        match self {
            Self::Quarantine => Some(Self::Release),
            Self::Close | Self::Release => None,
        }
    }

    /// Name of its document.
    pub(crate) fn document(self, stack: &Whereabouts) -> &str {
        match self {
            Self::Close => &stack.close_document,
            Self::Quarantine | Self::Release => &stack.quarantine_document,
        }
    }
}

/// What an open group is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is announced.
    Report,
    /// It is announced, and closed.
    Close,
    /// It is announced, and these ports are denied by network ACLs: those of its subnets, if none is named.
    Quarantine { ports: PortSet, network_acls: BTreeSet<String> },
}

impl Answer {
    /// The answer to what the triggers ask for; `None` if only findings about other ports ask for it.
    pub(crate) fn to(asked: &Asked<'_>, assessment: &Assessment<'_>, settings: &Settings) -> Option<Self> {
        let ports = exposed_of_findings(asked, assessment);
        let inspector = if ports.is_empty() { Mode::Off } else { settings.modes.inspector };
        let response = settings.inspector_response;
        if asked.mode == Mode::Close || (inspector == Mode::Close && response == InspectorResponse::SecurityGroup) {
            return Some(Self::Close);
        }
        if inspector == Mode::Close && response == InspectorResponse::NetworkAcl {
            // Whoever may put events on a bus can name any network ACL. Those of the subnets of the group count instead.
            let by_aws = asked.reachable.iter().filter(|finding| !finding.simulated);
            let network_acls = by_aws.flat_map(|finding| finding.network_acl_ids.iter().cloned());
            return Some(Self::Quarantine { ports, network_acls: network_acls.collect() });
        }
        (asked.mode.max(inspector) != Mode::Off).then_some(Self::Report)
    }

    /// The action, and parameters of its document; `None` if it is announced only.
    pub(crate) fn action(&self, group: &str, rule: &str) -> Option<(Action, BTreeMap<String, String>)> {
        let mut parameters = vec![("SecurityGroupId", group.to_owned()), ("ConfigRuleName", rule.to_owned())];
        let action = match self {
            Self::Report => return None,
            Self::Close => Action::Close,
            Self::Quarantine { ports, network_acls } => {
                parameters.push(("Ports", ports.to_string()));
                if !network_acls.is_empty() {
                    let ids: Vec<&str> = network_acls.iter().map(String::as_str).collect();
                    parameters.push(("NetworkAclIds", ids.join(",")));
                }
                Action::Quarantine
            }
        };
        Some((action, parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }
}

/// The release of a quarantine.
pub(crate) fn release(group: &str, rule: &str) -> (Action, BTreeMap<String, String>) {
    let parameters = [("Action", "release"), ("SecurityGroupId", group), ("ConfigRuleName", rule)];
    (Action::Release, parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The ports of the findings that the group exposes.
fn exposed_of_findings(asked: &Asked<'_>, assessment: &Assessment<'_>) -> PortSet {
    let mut exposed = PortSet::default();
    for exposure in &assessment.exposures {
        exposed.extend(&exposure.ports);
    }
    let mut of_findings = PortSet::default();
    for finding in &asked.reachable {
        if let Some(range) = PortRange::new(*finding.ports.start(), *finding.ports.end()) {
            of_findings.extend(&exposed.within(finding.protocol, range));
        }
    }
    of_findings
}
