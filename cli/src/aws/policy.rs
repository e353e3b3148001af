//! Policy of a command that calls AWS, from its options or from a deployed rule.

use std::sync::Arc;

use anyhow::Result;
use aws_adapters::{Config, SdkConfig, Ssm};
use exposure::Exemptions;
use findings::ScanPolicy;
use judgement::{
    ConfigRulePolicy, ExemptionsError, Pending, PolicyError, PolicySource, RuleParameters, read_exemptions,
};

use crate::args::{PolicyArgs, Restore};
use crate::policy::{OptionsPolicy, stated};

/// Name of the rule in snapshots if the policy comes from options.
const NO_RULE: &str = "portcullis-cli";

/// Policy that a command line asks for.
#[derive(Debug, Clone)]
pub(crate) enum RequestedPolicy {
    /// That of the options.
    Options(OptionsPolicy),
    /// That of a deployed AWS Config rule, by its name.
    Rule(String),
    /// That of the deployed rule, or else these defaults.
    Deployed(OptionsPolicy),
    /// The deployed rule by its name, whatever its parameters are: a restore needs no policy. These defaults stand for none.
    DeployedName(OptionsPolicy),
}

impl RequestedPolicy {
    /// Parses the options, so that an invalid port is reported before any call to AWS.
    pub(crate) fn new(args: &PolicyArgs) -> Result<Self> {
        if let Some(rule) = &args.rule {
            return Ok(Self::Rule(rule.clone()));
        }
        let options = OptionsPolicy::new(args)?;
        Ok(if args.no_rule || args.has_options() { Self::Options(options) } else { Self::Deployed(options) })
    }

    /// The rule whose automatic remediation must not undo a restore.
    pub(crate) fn of_restore(args: &Restore) -> Result<Self> {
        let nothing = OptionsPolicy::new(&PolicyArgs::default())?;
        Ok(match &args.rule {
            Some(rule) => Self::Rule(rule.clone()),
            None if args.no_rule => Self::Options(nothing),
            None => Self::DeployedName(nothing),
        })
    }
}

/// Source of the policy of a command in one account and region.
#[derive(Debug, Clone)]
pub(crate) enum CommandPolicy {
    /// From options.
    Options(OptionsPolicy),
    /// From a deployed AWS Config rule, by its name. It is read for every judgement.
    Rule(String),
    /// From a deployed AWS Config rule that was read already.
    KnownRule { name: String, parameters: Arc<RuleParameters> },
}

impl CommandPolicy {
    /// The policy as the reports state it.
    pub(crate) fn stated(&self) -> ScanPolicy {
        match self {
            Self::Options(options) => options.stated(),
            Self::Rule(rule) => ScanPolicy::Rule { rule: rule.clone(), parameters: None },
            Self::KnownRule { name, parameters } => {
                let parameters = Some(Box::new(stated(parameters, None)));
                ScanPolicy::Rule { rule: name.clone(), parameters }
            }
        }
    }

    /// Name of the rule in snapshots.
    pub(crate) fn rule_name(&self) -> &str {
        self.deployed().unwrap_or(NO_RULE)
    }

    /// Name of the deployed rule, if the policy comes from one.
    pub(crate) fn deployed(&self) -> Option<&str> {
        match self {
            Self::Options(_) => None,
            Self::Rule(name) | Self::KnownRule { name, .. } => Some(name),
        }
    }

    /// Has a closing read the policy each time: a rule may be changed while a question waits for its answer.
    pub(crate) fn read_each_time(self) -> Self {
        match self {
            Self::KnownRule { name, .. } => Self::Rule(name),
            other => other,
        }
    }

    /// Policy and exemptions in one account and region.
    pub(crate) fn in_account(&self, sdk: &SdkConfig) -> Box<dyn PolicySource> {
        let known = |parameters: &Arc<RuleParameters>, exemptions: Option<Arc<Exemptions>>| {
            let parameters = Arc::clone(parameters);
            Box::new(KnownPolicy { parameters, exemptions, ssm: Ssm::new(sdk) })
        };
        match self {
            Self::Options(OptionsPolicy { parameters, exemptions, .. }) => known(parameters, exemptions.clone()),
            Self::Rule(_) => Box::new(ConfigRulePolicy::new(Config::new(sdk), Ssm::new(sdk))),
            Self::KnownRule { parameters, .. } => known(parameters, None),
        }
    }
}

/// A policy in memory, with exemptions from a file or an SSM parameter.
#[derive(Debug)]
struct KnownPolicy {
    parameters: Arc<RuleParameters>,
    /// Exemptions from a file.
    exemptions: Option<Arc<Exemptions>>,
    ssm: Ssm,
}

impl PolicySource for KnownPolicy {
    fn rule_parameters<'a>(&'a self, _rule_name: &'a str) -> Pending<'a, Result<Arc<RuleParameters>, PolicyError>> {
        Box::pin(async { Ok(Arc::clone(&self.parameters)) })
    }

    fn exemptions<'a>(
        &'a self,
        parameters: &'a RuleParameters,
    ) -> Pending<'a, Result<Arc<Exemptions>, ExemptionsError>> {
        Box::pin(async {
            if let Some(exemptions) = &self.exemptions {
                return Ok(Arc::clone(exemptions));
            }
            read_exemptions(&self.ssm, parameters.exemptions_parameter.as_deref()).await
        })
    }
}
