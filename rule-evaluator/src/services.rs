//! AWS services that the rule-evaluator calls. The role in the template allows exactly these calls.

use aws_traits::Services;
use aws_traits::config::{ConfigurationHistory, Evaluations, RuleResults};
use aws_traits::ec2::{ManagedPrefixLists, SecurityGroups};
use aws_traits::events::Events;
use aws_traits::ssm::Parameters;
use aws_traits::state::ItemLookup;

/// AWS services that the rule-evaluator calls.
pub trait EvaluatorServices:
    Services<
        Config: Evaluations + ConfigurationHistory + RuleResults,
        Ec2: SecurityGroups + ManagedPrefixLists,
        Events: Events,
        Ssm: Parameters,
        State: ItemLookup,
    >
{
}

impl<S> EvaluatorServices for S where
    S: Services<
            Config: Evaluations + ConfigurationHistory + RuleResults,
            Ec2: SecurityGroups + ManagedPrefixLists,
            Events: Events,
            Ssm: Parameters,
            State: ItemLookup,
        >
{
}
