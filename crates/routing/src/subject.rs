//! A finding, as far as routing asks for it.

use std::collections::BTreeMap;

use exposure::PortSet;
use findings::Severity;
use serde::Serialize;

/// State of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The group is exposed.
    Open,
    /// The group is no longer exposed.
    Closed,
    /// The group is exposed, and AWS Config has given up on closing it.
    Parked,
    /// The group was closed again and again, and is opened again each time.
    Contested,
}

pub(crate) const STATES: [(&str, State); 4] =
    [("open", State::Open), ("closed", State::Closed), ("parked", State::Parked), ("contested", State::Contested)];

/// A finding that is to be sent. Names and values of tags are untrusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Account of the group.
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
    /// Exposed ports; of a closed finding, the last.
    pub ports: PortSet,
    /// State of the finding.
    pub state: State,
    /// Whether the finding is muted. A muted finding is not sent.
    pub muted: bool,
    /// Whether the group is exempt. An exempt finding is not sent.
    pub exempt: bool,
}
