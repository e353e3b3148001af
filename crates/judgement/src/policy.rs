//! Where the policy comes from.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use aws_traits::AwsError;
use aws_traits::config::ConfigRules;
use aws_traits::ssm::Parameters;
use exposure::Exemptions;
use jiff::{SignedDuration, Timestamp};

use crate::cache::Cache;
use crate::exemptions::{CachedExemptions, ExemptionsError};
use crate::parameters::{ParameterError, RuleParameters};

/// A value that is being read. Boxed, so that a source of policies can be a trait object: one allocation beside a call over
/// the network.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Where the policy and the exemptions of a judgement come from: an AWS Config rule, or the options of a command.
pub trait PolicySource: fmt::Debug {
    /// The policy of the rule `rule_name`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not understood.
    fn rule_parameters<'a>(&'a self, rule_name: &'a str) -> Pending<'a, Result<Arc<RuleParameters>, PolicyError>>;

    /// The exemptions that these parameters name.
    ///
    /// # Errors
    ///
    /// When they cannot be read, or are not understood.
    fn exemptions<'a>(
        &'a self,
        parameters: &'a RuleParameters,
    ) -> Pending<'a, Result<Arc<Exemptions>, ExemptionsError>>;
}

/// Why it is not known what a group is judged by.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The rule's parameters are not understood.
    #[error("AWS Config rule {rule_name}")]
    RuleParameters {
        /// The rule.
        rule_name: String,
        /// Which key, which token.
        #[source]
        problem: ParameterError,
    },
    /// The rule could not be read.
    #[error(transparent)]
    Rule(#[from] AwsError),
    /// The exemptions are not known.
    #[error(transparent)]
    Exemptions(#[from] ExemptionsError),
}

impl RuleParameters {
    /// Reads the parameters of the rule `rule_name`.
    ///
    /// # Errors
    ///
    /// When a key or a value is not understood, or when no port is named. The message names rule, key and token.
    pub fn of_rule(rule_name: &str, json: Option<&str>) -> Result<Self, PolicyError> {
        Self::from_json(json)
            .map_err(|problem| PolicyError::RuleParameters { rule_name: rule_name.to_owned(), problem })
    }
}

/// How long the parameters of a rule are kept. Exemptions are not: a group that has just been exempted is not closed.
const PARAMETERS_TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// The policy of a deployed AWS Config rule: its `InputParameters`, the only place where the policy of a stack is kept.
#[derive(Debug)]
pub struct ConfigRulePolicy<C, P> {
    config: C,
    ssm: P,
    parameters: Cache<Arc<RuleParameters>>,
    exemptions: CachedExemptions,
    now: fn() -> Timestamp,
}

impl<C: ConfigRules, P: Parameters> ConfigRulePolicy<C, P> {
    /// The policies of the rules of an account and region. `now` decides how long parameters stay cached.
    pub fn new(config: C, ssm: P, now: fn() -> Timestamp) -> Self {
        Self {
            config,
            ssm,
            parameters: Cache::new(PARAMETERS_TIME_TO_LIVE),
            exemptions: CachedExemptions::new(SignedDuration::ZERO),
            now,
        }
    }

    async fn read(&self, rule_name: &str) -> Result<Arc<RuleParameters>, PolicyError> {
        let now = (self.now)();
        if let Some(parameters) = self.parameters.get(rule_name, now) {
            return Ok(parameters);
        }
        let json = self.config.input_parameters(rule_name).await?;
        let parameters = Arc::new(RuleParameters::of_rule(rule_name, json.as_deref())?);
        self.parameters.put(rule_name, Arc::clone(&parameters), now);
        Ok(parameters)
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
        Box::pin(self.exemptions.read(&self.ssm, parameters.exemptions_parameter.as_deref(), (self.now)()))
    }
}
