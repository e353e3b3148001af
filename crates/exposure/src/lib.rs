#![doc = include_str!("../README.md")]

mod address;
mod assess;
mod exemption;
mod group;
mod internet;
mod network_acl;
mod plan;
mod policy;
mod port;
mod prefix_list;
mod restore;
mod traffic;

pub use address::{AddressSet, Family, FamilySizes};
pub use assess::{Assessment, Cause, Exempted, Exposure, Unjudged, Verdict, assess};
pub use exemption::{Exemption, ExemptionEntryError, ExemptionError, Exemptions, Expiry, GroupSelector, end_by_tag};
pub use group::{IngressRule, SecurityGroup, Source, is_account_id, is_security_group_id, is_vpc_id};
pub use internet::{INTERNET_TABLE_DATE, Internet, Reach};
pub use network_acl::{
    AclAction, AclEntry, AclError, AclLeft, AclPlan, AclRelease, AclShortage, DEFAULT_ACL_QUOTA, NetworkAcl,
    private_addresses, quarantine, release,
};
pub use plan::{Plan, Replacement, Strategy, plan};
pub use policy::{Policy, SourceScope};
pub use port::{PortError, PortRange, PortSet, Transport};
pub use prefix_list::{PossibleSource, PrefixList, PrefixLists};
pub use restore::{ClosingRecord, Restoration, Undo};
pub use traffic::{IcmpVersion, Traffic};
