//! Sources of the policy.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use aws_traits::AwsError;
use aws_traits::config::ConfigRules;
use aws_traits::ssm::Parameters;
use exposure::Exemptions;

use crate::exemptions::{ExemptionsError, read_exemptions};
use crate::parameters::{ParameterError, RuleParameters};

/// A value that is being read. Boxed, so that [`PolicySource`] can be a trait object; the allocation costs little
/// beside a network call.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Source of policy and exemptions: an AWS Config rule, or the options of a command.
pub trait PolicySource: fmt::Debug {
    /// The policy of the rule `rule_name`.
    ///
    /// # Errors
    ///
    /// If the policy cannot be read, or is malformed.
    fn rule_parameters<'a>(&'a self, rule_name: &'a str) -> Pending<'a, Result<Arc<RuleParameters>, PolicyError>>;

    /// The exemptions that these parameters name.
    ///
    /// # Errors
    ///
    /// If the exemptions cannot be read, or are malformed.
    fn exemptions<'a>(
        &'a self,
        parameters: &'a RuleParameters,
    ) -> Pending<'a, Result<Arc<Exemptions>, ExemptionsError>>;
}

/// The policy or the exemptions are unknown.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A parameter of the rule is invalid.
    #[error("AWS Config rule {rule_name}")]
    RuleParameters {
        /// The rule.
        rule_name: String,
        /// Defect, with key and token.
        #[source]
        problem: ParameterError,
    },
    /// The rule could not be read.
    #[error(transparent)]
    Rule(#[from] AwsError),
    /// The exemptions are unknown.
    #[error(transparent)]
    Exemptions(#[from] ExemptionsError),
}

impl RuleParameters {
    /// Reads the parameters of the rule `rule_name`.
    ///
    /// # Errors
    ///
    /// If a key or a value is invalid, or no port is named. The message names rule, key and token.
    pub fn of_rule(rule_name: &str, json: Option<&str>) -> Result<Self, PolicyError> {
        Self::from_json(json)
            .map_err(|problem| PolicyError::RuleParameters { rule_name: rule_name.to_owned(), problem })
    }
}

/// Policy of a deployed AWS Config rule: its `InputParameters`, the only place where a stack stores its policy. Nothing is
/// cached: a closing by a policy that was changed a moment ago would close a port that was just allowed.
#[derive(Debug)]
pub struct ConfigRulePolicy<C, P> {
    config: C,
    ssm: P,
}

impl<C: ConfigRules, P: Parameters> ConfigRulePolicy<C, P> {
    /// Policies of the rules of an account and region.
    pub fn new(config: C, ssm: P) -> Self {
        Self { config, ssm }
    }

    async fn read(&self, rule_name: &str) -> Result<Arc<RuleParameters>, PolicyError> {
        let json = self.config.input_parameters(rule_name).await?;
        Ok(Arc::new(RuleParameters::of_rule(rule_name, json.as_deref())?))
    }
}

impl<C: ConfigRules + fmt::Debug, P: Parameters + fmt::Debug> PolicySource for ConfigRulePolicy<C, P> {
    fn rule_parameters<'a>(&'a self, rule_name: &'a str) -> Pending<'a, Result<Arc<RuleParameters>, PolicyError>> {
        Box::pin(self.read(rule_name))
    }

    fn exemptions<'a>(
        &'a self,
        parameters: &'a RuleParameters,
    ) -> Pending<'a, Result<Arc<Exemptions>, ExemptionsError>> {
        Box::pin(read_exemptions(&self.ssm, parameters.exemptions_parameter.as_deref()))
    }
}
