//! The reach of several sources together.
//!
//! A group can admit most of the internet by many sources none of which is large: 128 rules for a /8 each, say. Sources
//! that carry the same port and together reach at least half of the internet of a family therefore count as the world.
//! IPv4 and IPv6 are measured separately.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use crate::address::{AddressSet, Family};
use crate::internet::Reach;
use crate::policy::Policy;
use crate::port::{PortRange, Transport};
use crate::prefix_list::PrefixLists;

/// Highest number of rules that can apply to one network interface, and so the highest number in one group, even with
/// raised quotas. Input with more rules does not come from EC2. For such input the exact measurement would take
/// unbounded time, and all partial sources are assumed to belong together.
///
/// Source: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
const MOST_RULES: usize = 1000;

/// Sets [`Candidate::joint`] to the ports on which sources of partial reach together reach half of the internet.
///
/// Sources that reach the world on their own are left out: they are exposing anyway, and must not make a small source
/// beside them exposing.
pub(super) fn join(candidates: &mut [Candidate<'_>], policy: &Policy, prefix_lists: &PrefixLists) {
    for family in Family::ALL {
        let half = policy.internet.whole().of(family).div_ceil(2);
        let mut members: Vec<&mut Candidate<'_>> = candidates
            .iter_mut()
            .filter(|candidate| Reach::of(candidate.sizes) == Reach::Partial && candidate.sizes.of(family) > 0)
            .collect();
        // Most groups end here: even without overlaps their partial sources are too small.
        if members.iter().map(|member| member.sizes.of(family)).fold(0, u128::saturating_add) < half {
            continue;
        }
        if members.len() > MOST_RULES {
            for member in members {
                member.joint = member.ports.clone();
            }
            continue;
        }
        let reached: Vec<AddressSet> =
            members.iter().map(|member| member.reached(&policy.internet, prefix_lists).of(family)).collect();
        for (transport, segment) in segments(&members) {
            let carries = |member: &Candidate<'_>| member.ports.contains(transport, segment.from());
            let carrying = || members.iter().zip(&reached).filter(|(member, _)| carries(member));
            // Networks of which only the size is known may lie anywhere, so they count in full.
            let unplaced =
                carrying().filter(|(_, reached)| reached.is_empty()).map(|(member, _)| member.sizes.of(family));
            let placed = AddressSet::union_of(carrying().map(|(_, reached)| reached)).sizes().of(family);
            if unplaced.fold(placed, u128::saturating_add) >= half {
                for member in members.iter_mut().filter(|member| carries(member)) {
                    member.joint.insert(transport, segment);
                }
            }
        }
    }
}

/// Cuts the ports of the members into ranges such that each member carries all ports of a range or none.
fn segments(members: &[&mut Candidate<'_>]) -> Vec<(Transport, PortRange)> {
    let mut segments = Vec::new();
    for transport in Transport::ALL {
        let ranges = || members.iter().flat_map(|member| member.ports.ranges_of(transport));
        let mut starts: BTreeSet<u32> = ranges().map(|range| range.from().into()).collect();
        starts.extend(ranges().map(|range| u32::from(range.to()) + 1));
        let starts: Vec<u32> = starts.into_iter().collect();
        for pair in starts.windows(2) {
            if let &[from, next] = pair
                && let (Ok(from), Ok(to)) = (u16::try_from(from), u16::try_from(next - 1))
                && let Some(range) = PortRange::new(from, to)
            {
                segments.push((transport, range));
            }
        }
    }
    segments
}
