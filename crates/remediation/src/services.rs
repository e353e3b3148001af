//! AWS services that the remediation calls. The roles in the template allow exactly these calls.

use aws_traits::Services;
use aws_traits::config::{Reevaluations, RemediationExceptions, RuleResults};
use aws_traits::ec2::{ManagedPrefixLists, PrefixListChanges, SecurityGroupRules, SecurityGroups, SelectedGroups};
use aws_traits::network_acl::NetworkAcls;
use aws_traits::object_store::ObjectStore;
use aws_traits::schedules::Schedules;
use aws_traits::state::{Admissions, ItemDeletion, ItemLookup, StateTable};

/// AWS services that the remediation calls. The policy comes from a [`PolicySource`](judgement::PolicySource).
pub trait RemediationServices:
    Services<
        Config: RemediationExceptions + Reevaluations,
        Ec2: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls,
        State: Admissions + ItemDeletion + ItemLookup + StateTable,
        Store: ObjectStore,
    >
{
}

impl<S> RemediationServices for S where
    S: Services<
            Config: RemediationExceptions + Reevaluations,
            Ec2: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls,
            State: Admissions + ItemDeletion + ItemLookup + StateTable,
            Store: ObjectStore,
        >
{
}

/// AWS services that the sweep and the watch over the inputs of the policy call besides.
pub trait InputServices:
    RemediationServices + Services<Ec2: SelectedGroups + PrefixListChanges, Events: Schedules>
{
}

impl<S> InputServices for S where
    S: RemediationServices + Services<Ec2: SelectedGroups + PrefixListChanges, Events: Schedules>
{
}

/// AWS services that the comparison with AWS Config calls besides.
pub trait ComparisonServices: InputServices + Services<Config: RuleResults> {}

impl<S> ComparisonServices for S where S: InputServices + Services<Config: RuleResults> {}
