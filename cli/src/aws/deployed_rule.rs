//! The rule of Portcullis that is deployed in an account and region, found by itself.

use std::sync::Arc;

use anyhow::{Result, bail};
use aws_adapters::terminal::FunctionRule;
use aws_adapters::{Config, Ssm};
use aws_traits::AwsError;
use aws_traits::ssm::Parameters;
use findings::{ScanPolicy, ScanTarget, ScanTargets};
use futures::{StreamExt, TryStreamExt};
use judgement::RuleParameters;
use plain_text::printable;

use super::policy::{CommandPolicy, RequestedPolicy};
use super::session::Target;
use crate::args::EXEMPTIONS_PARAMETER;
use crate::exit::{Usage, in_one_line};
use crate::policy::OptionsPolicy;

/// Lookups at the same time.
const AT_ONCE: usize = 16;

/// Origin of the policy in one account and region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// The command line states it.
    Stated,
    /// This deployed rule was found.
    Rule(String),
    /// There is no rule, but this SSM parameter with exemptions.
    Exemptions(String),
    /// There is neither.
    Defaults,
    /// It is unknown whether there is a rule, for this reason.
    Unknown(String),
}

impl Origin {
    /// Name in the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Stated => "options",
            Self::Rule(_) => "deployed rule",
            Self::Exemptions(_) => "exemptions without a rule",
            Self::Defaults => "defaults",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// The policies of a command in its accounts and regions, and where they come from.
#[derive(Debug)]
pub(crate) struct Policies {
    /// One for each target, in their order.
    pub(crate) places: Vec<(Target, CommandPolicy)>,
    origins: Vec<Origin>,
}

/// Finds the policy for each target.
///
/// # Errors
///
/// If a region has several rules of Portcullis, or a rule of it with invalid parameters.
pub(crate) async fn policies(requested: &RequestedPolicy, targets: Vec<Target>) -> Result<Policies> {
    let found: Vec<(CommandPolicy, Origin)> = futures::stream::iter(&targets)
        .map(|target| of_target(requested, target))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (target, (policy, origin)) in targets.iter().zip(&found) {
        tracing::info!(
            account.id = target.account,
            region = target.region,
            rule = policy.deployed().unwrap_or_default(),
            origin = origin.name(),
            "policy found"
        );
    }
    let (policies, origins): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    Ok(Policies { places: targets.into_iter().zip(policies).collect(), origins })
}

/// The rules of Portcullis in a region, sorted by name.
pub(crate) async fn rules(target: &Target) -> Result<Vec<FunctionRule>, AwsError> {
    let mut rules = Config::new(&target.sdk).function_rules().await?;
    rules.retain(|rule| RuleParameters::are_ours(rule.input_parameters.as_deref()));
    Ok(rules)
}

async fn of_target(requested: &RequestedPolicy, target: &Target) -> Result<(CommandPolicy, Origin)> {
    let defaults = match requested {
        RequestedPolicy::Options(options) => return Ok((CommandPolicy::Options(options.clone()), Origin::Stated)),
        RequestedPolicy::Rule(name) => return Ok((named(name, target).await, Origin::Stated)),
        RequestedPolicy::Deployed(defaults) | RequestedPolicy::DeployedName(defaults) => defaults,
    };
    let is_name_enough = matches!(requested, RequestedPolicy::DeployedName(_));
    let rules = match rules(target).await {
        Ok(rules) => rules,
        Err(problem) => return Ok(unknown(defaults, problem)),
    };
    match rules.as_slice() {
        [] if is_name_enough => Ok((CommandPolicy::Options(defaults.clone()), Origin::Defaults)),
        [] => without_rule(defaults, target).await,
        [FunctionRule { name, .. }] if is_name_enough => {
            Ok((CommandPolicy::Rule(name.clone()), Origin::Rule(name.clone())))
        }
        [FunctionRule { name, input_parameters }] => {
            let parameters = Arc::new(RuleParameters::of_rule(name, input_parameters.as_deref())?);
            let policy = CommandPolicy::KnownRule { name: name.clone(), parameters };
            Ok((policy, Origin::Rule(name.clone())))
        }
        several => {
            let names: Vec<String> = several.iter().map(|rule| format!("`{}`", printable(&rule.name))).collect();
            bail!(Usage(format!(
                "there are {} rules of Portcullis {}: {}; pass --rule NAME, or --no-rule to {}",
                several.len(),
                target.place(),
                names.join(", "),
                if is_name_enough {
                    "keep none of them from closing the group again"
                } else {
                    "judge by the options alone"
                }
            )))
        }
    }
}

/// The rule of this name. One that cannot be read is an error of this account and region, when it is judged.
async fn named(name: &str, target: &Target) -> CommandPolicy {
    let unread = CommandPolicy::Rule(name.to_owned());
    match unread.in_account(&target.sdk).rule_parameters(name).await {
        Ok(parameters) => CommandPolicy::KnownRule { name: name.to_owned(), parameters },
        Err(_) => unread,
    }
}

/// The defaults, with the exemptions that `portcullis exempt add` has written.
async fn without_rule(defaults: &OptionsPolicy, target: &Target) -> Result<(CommandPolicy, Origin)> {
    match Ssm::new(&target.sdk).parameter(EXEMPTIONS_PARAMETER).await {
        Ok(_) => {
            let exemptions_parameter = Some(EXEMPTIONS_PARAMETER.to_owned());
            let parameters = RuleParameters { exemptions_parameter, ..(*defaults.parameters).clone() };
            let options = OptionsPolicy { parameters: Arc::new(parameters), ..defaults.clone() };
            Ok((CommandPolicy::Options(options), Origin::Exemptions(EXEMPTIONS_PARAMETER.to_owned())))
        }
        Err(error) if error.code() == Some("ParameterNotFound") => {
            Ok((CommandPolicy::Options(defaults.clone()), Origin::Defaults))
        }
        Err(problem) => Ok(unknown(defaults, problem)),
    }
}

fn unknown(defaults: &OptionsPolicy, problem: AwsError) -> (CommandPolicy, Origin) {
    let reason = in_one_line(&anyhow::Error::new(problem));
    (CommandPolicy::Options(defaults.clone()), Origin::Unknown(reason))
}

impl Policies {
    /// The accounts and regions as the reports state them, and the policy if it is the same in all of them.
    pub(crate) fn stated(&self) -> (ScanPolicy, ScanTargets) {
        let stated: Vec<ScanPolicy> = self.places.iter().map(|(_, policy)| policy.stated()).collect();
        let common = stated.first().filter(|first| stated.iter().all(|other| other == *first)).cloned();
        let targets = self
            .places
            .iter()
            .zip(stated)
            .map(|((target, _), policy)| ScanTarget { policy: common.is_none().then_some(policy), ..target.scanned() });
        let targets = targets.collect();
        (common.unwrap_or(ScanPolicy::PerTarget { per_target: true }), targets)
    }

    /// Reports, on standard error, each policy that was found, and each that could not be looked up.
    pub(crate) fn announce(&self, quiet: bool) {
        let is_found = self.origins.iter().any(|origin| matches!(origin, Origin::Rule(_) | Origin::Exemptions(_)));
        for origin in self.distinct_origins() {
            let place = self.place(origin);
            match origin {
                Origin::Unknown(reason) => eprintln!(
                    "warning: the deployed rule could not be looked up {place}, so the default policy applies without its \
                     exemptions: {reason}; or pass --rule NAME or --no-rule"
                ),
                Origin::Rule(name) if !quiet => {
                    eprintln!("policy: AWS Config rule `{}` {place}; --no-rule ignores it", printable(name));
                }
                Origin::Exemptions(name) if !quiet => {
                    eprintln!("exemptions: SSM parameter {name} {place}; --no-rule ignores it");
                }
                Origin::Defaults if is_found && !quiet => {
                    eprintln!("policy: the defaults {place}, where no rule is deployed");
                }
                Origin::Stated | Origin::Defaults | Origin::Rule(_) | Origin::Exemptions(_) => {}
            }
        }
    }

    /// Refuses to change anything if a rule may exempt groups and could not be looked up.
    pub(crate) fn for_changes(self) -> Result<Self> {
        for origin in &self.origins {
            if let Origin::Unknown(reason) = origin {
                bail!(
                    "nothing was changed: the deployed rule and its exemptions could not be looked up {}: {reason}; or pass \
                     --rule NAME, or --no-rule to close by the options alone",
                    self.place(origin)
                );
            }
        }
        let read_each_time = |(target, policy): (Target, CommandPolicy)| (target, policy.read_each_time());
        Ok(Self { places: self.places.into_iter().map(read_each_time).collect(), ..self })
    }

    /// The rules for a restore. Refuses to change anything if one could not be looked up: it might close the group again.
    pub(crate) fn for_restore(self, dry_run: bool) -> Result<Self> {
        for origin in self.distinct_origins() {
            let place = self.place(origin);
            match origin {
                Origin::Unknown(reason) if dry_run => {
                    eprintln!(
                        "warning: the deployed rule could not be looked up {place}: {reason}; or pass --rule NAME or --no-rule"
                    );
                }
                Origin::Unknown(reason) => bail!(
                    "nothing was changed: the deployed rule, which may close the group again, could not be looked up {place}: \
                     {reason}; or pass --rule NAME, or --no-rule to restore without keeping it from that"
                ),
                Origin::Rule(name) => {
                    eprintln!("rule: AWS Config rule `{}` {place}; --no-rule ignores it", printable(name));
                }
                Origin::Stated | Origin::Exemptions(_) | Origin::Defaults => {}
            }
        }
        Ok(self)
    }

    /// The origins, each once, in the order of the places.
    fn distinct_origins(&self) -> Vec<&Origin> {
        let mut distinct: Vec<&Origin> = Vec::new();
        for origin in &self.origins {
            if !distinct.contains(&origin) {
                distinct.push(origin);
            }
        }
        distinct
    }

    /// `in us-east-1, account 123456789012, and 4 more places`.
    fn place(&self, origin: &Origin) -> String {
        let mut places = self.places.iter().zip(&self.origins).filter(|(_, other)| *other == origin);
        let first = places.next().map(|((target, _), _)| target.place()).unwrap_or_default();
        match places.count() {
            0 => first,
            1 => format!("{first}, and 1 more place"),
            more => format!("{first}, and {more} more places"),
        }
    }
}
