//! Room for rules in a group.

use exposure::{IngressRule, Source};

/// Rules of one address family that a group can have by default.
///
/// Source: Amazon VPC user guide, [Amazon VPC quotas](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups).
const QUOTA: usize = 60;

/// Returns false if a group with the rules `live` has certainly no room for `rules`. A prefix list counts as many rules as
/// it can have entries, which are not known here; and a group with more rules than the default quota has a raised one.
pub(crate) fn for_rules(live: &[IngressRule], rules: &[IngressRule]) -> bool {
    [true, false].into_iter().all(|is_ipv4| {
        let counts = |rule: &&IngressRule| match &rule.source {
            Source::Cidr(network) => network.is_ipv4() == is_ipv4,
            Source::SecurityGroup { .. } => true,
            Source::PrefixList(_) | Source::Unrecognized(_) => false,
        };
        let (there, more) = (live.iter().filter(counts).count(), rules.iter().filter(counts).count());
        more == 0 || there > QUOTA || there + more <= QUOTA
    })
}
