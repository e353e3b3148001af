//! Quarantine and release: deny entries in a network ACL that block some ports to the internet, and their removal.
//!
//! An ACL is an ordered list, in which the matching entry with the lowest rule number decides. A deny is therefore
//! effective only ahead of the entry that admits the internet, and it blocks all addresses that this entry admits.
//! [`quarantine()`] plans the denies, and ahead of them an allow for each address that must stay admitted;
//! [`release()`] plans their removal.
//!
//! ```
//! use exposure::{AclAction, AclEntry, AclError, AddressSet, NetworkAcl, Source, Traffic, quarantine};
//!
//! let admit_all = |number| NetworkAcl {
//!     id: "acl-0a".into(),
//!     ingress: vec![AclEntry {
//!         number,
//!         action: AclAction::Allow,
//!         traffic: Traffic::All,
//!         source: Source::from_cidr("0.0.0.0/0"),
//!     }],
//! };
//! let ports = "tcp/22".parse()?;
//! let plan = quarantine(&admit_all(100), &ports, &AddressSet::default(), 20)?;
//! assert_eq!(plan.add[0].to_string(), "99 deny tcp 22 from 0.0.0.0/0");
//!
//! // No rule number precedes 1.
//! let refusal = quarantine(&admit_all(1), &ports, &AddressSet::default(), 20);
//! assert!(matches!(refusal, Err(AclError::NoRoom { needed: 1, free: 0, .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The steps of [`quarantine()`], each in a file of its own:
//!
//! | Step | Type |
//! |---|---|
//! | take the entries of one address family, in the order of their numbers | `Lane` |
//! | cut the ports into ranges that no entry divides | `PortSlice` |
//! | draft the allows and denies for one position in the list | `InsertionPoint` |
//! | find positions and free rule numbers for the drafts of both families | `Search` |
//!
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html>

mod entry;
mod insertion;
mod lane;
mod port_slice;
mod quarantine;
mod release;
mod search;

pub use entry::{AclAction, AclEntry, NetworkAcl};
pub use quarantine::{AclError, AclPlan, AclShortage, quarantine};
pub use release::{AclLeft, AclRelease, release};

use ipnetwork::IpNetwork;

use crate::address::AddressSet;
use crate::internet::{v4, v6};

/// The highest rule number that an operator can assign. AWS reserves 32767 and 32768 for the final denies of IPv4 and
/// IPv6.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html> (`RuleNumber`) and
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html> (final denies)
const LAST_NUMBER: u16 = 32766;

/// Default quota of entries per direction and address family, including the final deny. AWS raises it to at most 40.
///
/// Source: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
pub const DEFAULT_ACL_QUOTA: usize = 20;

/// Private address space (RFC 1918), shared address space (RFC 6598) and unique local addresses (RFC 4193).
const PRIVATE_BLOCKS: [IpNetwork; 5] = [
    IpNetwork::V4(v4([10, 0, 0, 0], 8)),
    IpNetwork::V4(v4([100, 64, 0, 0], 10)),
    IpNetwork::V4(v4([172, 16, 0, 0], 12)),
    IpNetwork::V4(v4([192, 168, 0, 0], 16)),
    IpNetwork::V6(v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7)),
];

/// Returns the private blocks that every quarantine keeps: RFC 1918, `100.64.0.0/10` (RFC 6598) and `fc00::/7` (RFC
/// 4193).
///
/// The caller adds the CIDRs of the VPC and the authorised CIDRs to them.
#[must_use]
pub fn private_addresses() -> AddressSet {
    AddressSet::from_iter(PRIVATE_BLOCKS)
}
