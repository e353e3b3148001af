//! What the remediation needs of each AWS service; the roles in the template allow exactly these calls.

use aws_traits::Services;
use aws_traits::config::RemediationExceptions;
use aws_traits::ec2::{ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use aws_traits::network_acl::NetworkAcls;
use aws_traits::object_store::ObjectStore;

/// The services of the remediation. The policy comes from a [`PolicySource`](judgement::PolicySource).
pub trait RemediationServices:
    Services<
        Config: RemediationExceptions,
        Ec2: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls,
        Store: ObjectStore,
    >
{
}

impl<S> RemediationServices for S where
    S: Services<
            Config: RemediationExceptions,
            Ec2: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls,
            Store: ObjectStore,
        >
{
}
