//! AWS services that the remediation calls. The roles in the template allow exactly these calls.

use aws_traits::Services;
use aws_traits::config::{Reevaluations, RemediationExceptions};
use aws_traits::ec2::{ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use aws_traits::network_acl::NetworkAcls;
use aws_traits::object_store::ObjectStore;

/// AWS services that the remediation calls. The policy comes from a [`PolicySource`](judgement::PolicySource).
pub trait RemediationServices:
    Services<
        Config: RemediationExceptions + Reevaluations,
        Ec2: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls,
        Store: ObjectStore,
    >
{
}

impl<S> RemediationServices for S where
    S: Services<
            Config: RemediationExceptions + Reevaluations,
            Ec2: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls,
            Store: ObjectStore,
        >
{
}
