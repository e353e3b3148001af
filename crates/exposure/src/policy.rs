//! The policy: the settings of the operator that an assessment depends on.

use std::collections::BTreeSet;

use crate::address::AddressSet;
use crate::group::{SecurityGroup, Source};
use crate::internet::Internet;
use crate::port::PortSet;
use crate::traffic::Traffic;

/// The reach from which on a rule is an exposure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SourceScope {
    /// Only [`Reach::World`](crate::Reach::World) is an exposure.
    #[default]
    World,
    /// [`Reach::World`](crate::Reach::World) and [`Reach::Partial`](crate::Reach::Partial) are exposures.
    Public,
}

/// The ports to keep closed, to which addresses, and which tag exempts a group.
///
/// ```
/// use exposure::{Policy, SourceScope};
///
/// let authorized = ["192.0.2.0/24".parse()?].into_iter().collect();
/// let policy = Policy { scope: SourceScope::Public, ..Policy::new("22, 3389".parse()?) }.authorizing(&authorized);
/// assert_eq!(policy.focus_ports.to_string(), "tcp/22, tcp/3389, udp/22, udp/3389");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Focus ports: the ports that must be closed to the internet.
    pub focus_ports: PortSet,
    /// The reach from which on a rule is an exposure.
    pub scope: SourceScope,
    /// The internet without the authorised CIDRs.
    pub internet: Internet,
    /// Key of the tag that exempts a group; `None` if no tag does.
    pub exemption_tag_key: Option<String>,
}

impl Policy {
    /// Creates a policy with these focus ports and [`SourceScope::World`], without authorised CIDRs and without a tag
    /// that exempts.
    #[must_use]
    pub fn new(focus_ports: PortSet) -> Self {
        Self {
            focus_ports,
            scope: SourceScope::default(),
            internet: Internet::without(&AddressSet::default()),
            exemption_tag_key: None,
        }
    }

    /// Returns the policy with `authorized` as the only authorised addresses.
    #[must_use]
    pub fn authorizing(mut self, authorized: &AddressSet) -> Self {
        self.internet = Internet::without(authorized);
        self
    }

    /// Returns the ids of the prefix lists whose entries the assessment of `group` needs, sorted. Lists of rules that
    /// carry no focus port are left out.
    #[must_use]
    pub fn prefix_lists_of<'g>(&self, group: &'g SecurityGroup) -> BTreeSet<&'g str> {
        group
            .ingress
            .iter()
            .filter_map(|rule| match &rule.source {
                Source::PrefixList(id) if !self.ignores_traffic(&rule.traffic) => Some(id.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Returns true if no rule with this traffic can be an exposure: it is known to carry no focus port.
    #[must_use]
    pub fn ignores_traffic(&self, traffic: &Traffic) -> bool {
        !traffic.may_carry(&self.focus_ports)
    }

    /// Returns true if no rule with this source can be an exposure: it is known to reach no unauthorised address of the
    /// internet.
    #[must_use]
    pub fn ignores_source(&self, source: &Source) -> bool {
        match source {
            Source::Cidr(network) => self.internet.reach_of(*network).is_empty(),
            Source::SecurityGroup { .. } => true,
            Source::PrefixList(_) | Source::Unrecognized(_) => false,
        }
    }
}
