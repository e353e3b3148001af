//! The reach of several sources together.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use crate::address::{AddressSet, Family};
use crate::internet::Reach;
use crate::policy::Policy;
use crate::port::{PortRange, Transport};
use crate::prefix_list::PrefixLists;

/// As many rules can apply to one network interface, and so be in one group, whatever quotas are raised:
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>. What claims to have more is not of EC2. To
/// find out which of its rules belong together would take time without bounds, so all of them do.
const MOST_RULES: usize = 1000;

/// Finds the ports on which partial sources together make a world, and marks every one of them.
///
/// Sources that are the world by themselves are left aside: they go anyway, and must not take an innocent one with them.
pub(super) fn join(candidates: &mut [Candidate<'_>], policy: &Policy, prefix_lists: &PrefixLists) {
    for family in Family::ALL {
        let half = policy.internet.whole().of(family).div_ceil(2);
        let mut members: Vec<&mut Candidate<'_>> = candidates
            .iter_mut()
            .filter(|candidate| Reach::of(candidate.sizes) == Reach::Partial && candidate.sizes.of(family) > 0)
            .collect();
        // Most groups end here: their partial sources are far too small, even if none overlapped another.
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
            let parts = members.iter().zip(&reached).filter(|(member, _)| carries(member)).map(|(_, reached)| reached);
            if AddressSet::union_of(parts).sizes().of(family) >= half {
                for member in members.iter_mut().filter(|member| carries(member)) {
                    member.joint.insert(transport, segment);
                }
            }
        }
    }
}

/// Cuts the ports that the members carry into ranges within which the same members carry every port.
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
