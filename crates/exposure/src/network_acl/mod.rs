//! Network ACLs: the entries that shut the internet out of some ports, and their removal.
//!
//! An ACL is an ordered list; the lowest rule number that matches decides. So a deny works only ahead of the entry that
//! lets the internet in, and it takes along everybody whom that entry lets in: what is to be kept needs an allow ahead of
//! the deny.

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

/// The last rule number that anybody can use: 32767 (IPv4) and 32768 (IPv6) are the final denies.
const LAST_NUMBER: u16 = 32766;

/// Entries per direction and family, the final deny included, unless AWS has raised the quota (40 at most).
pub const DEFAULT_ACL_QUOTA: usize = 20;

/// RFC 1918, shared address space (RFC 6598) and unique local addresses (RFC 4193).
const PRIVATE_BLOCKS: [IpNetwork; 5] = [
    IpNetwork::V4(v4([10, 0, 0, 0], 8)),
    IpNetwork::V4(v4([100, 64, 0, 0], 10)),
    IpNetwork::V4(v4([172, 16, 0, 0], 12)),
    IpNetwork::V4(v4([192, 168, 0, 0], 16)),
    IpNetwork::V6(v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7)),
];

/// The private blocks that a quarantine keeps whatever the operator says: RFC 1918, 100.64.0.0/10 and `fc00::/7`. The
/// VPC's own CIDRs and the authorised ones come on top.
#[must_use]
pub fn private_addresses() -> AddressSet {
    AddressSet::from_iter(PRIVATE_BLOCKS)
}
