//! What the rule-evaluator needs of each AWS service; the role in the template allows exactly these calls.

use aws_traits::Services;
use aws_traits::config::{ConfigurationHistory, Evaluations};
use aws_traits::ec2::{ManagedPrefixLists, SecurityGroups};
use aws_traits::ssm::Parameters;

/// The services of the rule-evaluator.
pub trait EvaluatorServices:
    Services<Config: Evaluations + ConfigurationHistory, Ec2: SecurityGroups + ManagedPrefixLists, Ssm: Parameters>
{
}

impl<S> EvaluatorServices for S where
    S: Services<Config: Evaluations + ConfigurationHistory, Ec2: SecurityGroups + ManagedPrefixLists, Ssm: Parameters>
{
}
