//! The operator's settings.

use std::collections::BTreeSet;

use crate::address::AddressSet;
use crate::group::{SecurityGroup, Source};
use crate::internet::Internet;
use crate::port::PortSet;

/// Which reach is flagged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SourceScope {
    /// Only [`Reach::World`](crate::Reach::World).
    #[default]
    World,
    /// [`Reach::World`](crate::Reach::World) and [`Reach::Partial`](crate::Reach::Partial).
    Public,
}

/// What is blocked, for whom, and who is left in peace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The ports that must be closed to the internet.
    pub focus_ports: PortSet,
    /// Which reach is flagged.
    pub scope: SourceScope,
    /// The internet, less the authorised CIDRs.
    pub internet: Internet,
    /// A group with this tag key is exempt. `None`: no tag exempts anything.
    pub exemption_tag_key: Option<String>,
}

impl Policy {
    /// These ports, world scope, nothing authorised, no tag exempts.
    #[must_use]
    pub fn new(focus_ports: PortSet) -> Self {
        Self {
            focus_ports,
            scope: SourceScope::default(),
            internet: Internet::without(&AddressSet::default()),
            exemption_tag_key: None,
        }
    }

    /// The same policy with these addresses left out of the internet.
    #[must_use]
    pub fn authorizing(mut self, authorized: &AddressSet) -> Self {
        self.internet = Internet::without(authorized);
        self
    }

    /// The prefix lists that have to be looked up before `group` can be judged, sorted.
    #[must_use]
    pub fn prefix_lists_of<'g>(&self, group: &'g SecurityGroup) -> BTreeSet<&'g str> {
        group
            .ingress
            .iter()
            .filter_map(|rule| match &rule.source {
                Source::PrefixList(id) => {
                    let harmless = rule.traffic.carries(&self.focus_ports).is_some_and(|ports| ports.is_empty());
                    (!harmless).then_some(id.as_str())
                }
                _ => None,
            })
            .collect()
    }
}
