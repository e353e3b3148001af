//! Policy of a command that calls AWS, from its options or from a deployed rule.

use std::sync::Arc;

use anyhow::Result;
use aws_adapters::{Config, SdkConfig, Ssm};
use exposure::Exemptions;
use findings::ScanPolicy;
use judgement::{
    ConfigRulePolicy, ExemptionsError, Pending, PolicyError, PolicySource, RuleParameters, read_exemptions,
};

use crate::args::PolicyArgs;
use crate::policy::OptionsPolicy;

/// Name of the rule in snapshots if the policy comes from options.
const NO_RULE: &str = "portcullis-cli";

/// Source of the policy of a command.
#[derive(Debug, Clone)]
pub(crate) enum CommandPolicy {
    /// From options.
    Options(OptionsPolicy),
    /// From a deployed AWS Config rule, by its name.
    Rule(String),
}

impl CommandPolicy {
    /// Parses the options, so that an invalid port is reported before any call to AWS.
    pub(crate) fn new(args: &PolicyArgs) -> Result<Self> {
        match &args.rule {
            Some(rule) => Ok(Self::Rule(rule.clone())),
            None => OptionsPolicy::new(args).map(Self::Options),
        }
    }

    /// The policy as the reports state it.
    pub(crate) fn stated(&self) -> ScanPolicy {
        match self {
            Self::Options(options) => options.stated(),
            Self::Rule(rule) => ScanPolicy::Rule { rule: rule.clone() },
        }
    }

    /// Name of the rule in snapshots.
    pub(crate) fn rule_name(&self) -> &str {
        match self {
            Self::Options(_) => NO_RULE,
            Self::Rule(name) => name,
        }
    }

    /// Policy and exemptions in one account and region.
    pub(crate) fn in_account(&self, sdk: &SdkConfig) -> Box<dyn PolicySource> {
        match self {
            Self::Options(options) => Box::new(OptionsInAccount { options: options.clone(), ssm: Ssm::new(sdk) }),
            Self::Rule(_) => Box::new(ConfigRulePolicy::new(Config::new(sdk), Ssm::new(sdk))),
        }
    }
}

/// Policy from options, with exemptions from a file or an SSM parameter.
#[derive(Debug)]
struct OptionsInAccount {
    options: OptionsPolicy,
    ssm: Ssm,
}

impl PolicySource for OptionsInAccount {
    fn rule_parameters<'a>(&'a self, _rule_name: &'a str) -> Pending<'a, Result<Arc<RuleParameters>, PolicyError>> {
        Box::pin(async { Ok(Arc::clone(&self.options.parameters)) })
    }

    fn exemptions<'a>(
        &'a self,
        parameters: &'a RuleParameters,
    ) -> Pending<'a, Result<Arc<Exemptions>, ExemptionsError>> {
        Box::pin(async {
            if let Some(exemptions) = &self.options.exemptions {
                return Ok(Arc::clone(exemptions));
            }
            read_exemptions(&self.ssm, parameters.exemptions_parameter.as_deref()).await
        })
    }
}
