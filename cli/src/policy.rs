//! What is judged by: from flags, or from a deployed rule, through the one parser that there is for rule parameters.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use aws_adapters::{Config, SdkConfig, Ssm};
use aws_events::RuleParameters;
use aws_traits::AwsError;
use aws_traits::config::{ConfigRules, RemediationExceptions};
use aws_traits::ssm::Parameters;
use exposure::{Exemptions, Policy};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::args::{PolicyArgs, Scope};

/// The ports of the stack's own default.
const DEFAULT_PORTS: &str = "22,3389";
/// What the exemptions of a file are called where the name of an SSM parameter is asked for.
const FROM_FILE: &str = "the exemptions file";

/// Where policy and exemptions come from.
#[derive(Debug, Clone)]
pub(crate) struct PolicySource {
    /// The rule to read, if there is one.
    rule: Option<String>,
    /// Rule parameters as JSON, made from flags.
    parameters: String,
    /// The text of the exemptions file.
    document: Option<Arc<str>>,
    config: Option<Config>,
    ssm: Option<Ssm>,
}

impl PolicySource {
    /// From the flags alone, without AWS.
    pub(crate) fn new(args: &PolicyArgs) -> Result<Self> {
        let document = args.exemptions.as_deref().map(read_exemptions).transpose()?;
        let mut parameters = Map::new();
        let ports = if args.ports.is_empty() { DEFAULT_PORTS.to_owned() } else { args.ports.join(",") };
        parameters.insert("FocusOnPorts".into(), json!(ports));
        if let Some(scope) = args.scope {
            let scope = match scope {
                Scope::World => "World",
                Scope::Public => "Public",
            };
            parameters.insert("SourceScope".into(), json!(scope));
        }
        if !args.authorized_cidr.is_empty() {
            parameters.insert("AuthorizedCidrs".into(), json!(args.authorized_cidr));
        }
        let exemptions = args.exemptions_parameter.as_deref().or(document.as_ref().map(|_| FROM_FILE));
        if let Some(name) = exemptions {
            parameters.insert("ExemptionsParameter".into(), json!(name));
        }
        if let Some(key) = &args.exemption_tag_key {
            parameters.insert("ExemptionTagKey".into(), json!(key));
        }
        let source = Self {
            rule: args.rule.clone(),
            parameters: Value::Object(parameters).to_string(),
            document,
            config: None,
            ssm: None,
        };
        // A misspelt port is to be told before anything is asked of AWS.
        if source.rule.is_none() {
            RuleParameters::from_json(Some(&source.parameters)).map_err(|problem| flag_error(&problem))?;
        }
        Ok(source)
    }

    /// With the services of an account and region to read from.
    pub(crate) fn in_account(&self, sdk: &SdkConfig) -> Self {
        Self { config: Some(Config::new(sdk)), ssm: Some(Ssm::new(sdk)), ..self.clone() }
    }

    /// The policy and the exemptions.
    pub(crate) async fn read(&self) -> Result<(Policy, Arc<Exemptions>)> {
        let name = self.rule_name();
        let json = self.input_parameters(name).await?;
        let parameters = RuleParameters::from_json(json.as_deref()).map_err(|problem| match &self.rule {
            Some(rule) => anyhow::Error::new(problem).context(format!("AWS Config rule {rule}")),
            None => flag_error(&problem),
        })?;
        let exemptions = match &parameters.exemptions_parameter {
            None => Exemptions::default(),
            Some(name) => {
                let text = self.parameter(name).await?;
                Exemptions::from_json(&text).with_context(|| format!("SSM parameter {name}"))?
            }
        };
        Ok((parameters.policy, Arc::new(exemptions)))
    }

    /// The rule's name, or what stands for it where one is asked for.
    pub(crate) fn rule_name(&self) -> &str {
        self.rule.as_deref().unwrap_or("portcullis-cli")
    }
}

/// In the words of the flags.
fn flag_error(problem: &aws_events::ParameterError) -> anyhow::Error {
    let text = plain_text::error_chain(problem);
    let text = [
        ("FocusOnPorts", "--ports"),
        ("AuthorizedCidrs", "--authorized-cidr"),
        ("ExemptionTagKey", "--exemption-tag-key"),
    ]
    .iter()
    .fold(text, |text, (key, flag)| text.replace(&format!("rule parameter `{key}`"), flag));
    anyhow::Error::new(crate::exit::Usage(text))
}

fn read_exemptions(file: &Path) -> Result<Arc<str>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the exemptions file {name}"))?;
    Exemptions::from_json(&text).with_context(|| format!("{name}"))?;
    Ok(text.into())
}

impl ConfigRules for PolicySource {
    async fn input_parameters(&self, rule_name: &str) -> Result<Option<String>, AwsError> {
        match (&self.rule, &self.config) {
            (Some(_), Some(config)) => config.input_parameters(rule_name).await,
            _ => Ok(Some(self.parameters.clone())),
        }
    }
}

impl Parameters for PolicySource {
    async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        match (&self.document, &self.ssm) {
            (Some(document), _) => Ok(document.as_ref().to_owned()),
            (None, Some(ssm)) => ssm.parameter(name).await,
            (None, None) => Err(AwsError::new("ssm:GetParameter", name, None, "no account to read it from")),
        }
    }
}

impl RemediationExceptions for PolicySource {
    /// Only a deployed rule has an automatic mode to keep away.
    async fn put_remediation_exception(
        &self,
        rule_name: &str,
        group_id: &str,
        message: &str,
        expires: Timestamp,
    ) -> Result<Option<String>, AwsError> {
        match (&self.rule, &self.config) {
            (Some(_), Some(config)) => config.put_remediation_exception(rule_name, group_id, message, expires).await,
            _ => Ok(None),
        }
    }
}
