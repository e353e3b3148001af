//! AWS services that the function calls. The role in the template allows exactly these calls, and none that changes EC2.

use aws_traits::Services;
use aws_traits::ec2::{GroupsById, ManagedPrefixLists, PrefixListChanges, SelectedGroups};
use aws_traits::events::Events;
use aws_traits::ssm::{Automations, Parameters};

/// AWS services that the function calls. The policy comes from a [`PolicySource`](judgement::PolicySource).
pub trait ResponderServices:
    Services<
        Ec2: GroupsById + ManagedPrefixLists + PrefixListChanges + SelectedGroups,
        Events: Events,
        Ssm: Automations + Parameters,
    >
{
}

impl<S> ResponderServices for S where
    S: Services<
            Ec2: GroupsById + ManagedPrefixLists + PrefixListChanges + SelectedGroups,
            Events: Events,
            Ssm: Automations + Parameters,
        >
{
}
