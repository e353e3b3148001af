//! Automation documents, schema 0.3. An unsupported feature is an error, and never ignored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::parameter::ParameterDefinition;
use super::variable::References;

/// A valid document.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) schema_version: String,
    pub(crate) description: Option<String>,
    pub(crate) assume_role: Option<String>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, ParameterDefinition>,
    pub(crate) main_steps: Vec<Step>,
    #[serde(default)]
    pub(crate) outputs: Vec<String>,
}

const DAY: f64 = 86_400.0;

/// The action of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Action {
    #[serde(rename = "aws:invokeLambdaFunction")]
    InvokeLambdaFunction,
    #[serde(rename = "aws:executeScript")]
    ExecuteScript,
    #[serde(rename = "aws:executeAwsApi")]
    ExecuteAwsApi,
    #[serde(rename = "aws:assertAwsResourceProperty")]
    AssertAwsResourceProperty,
    #[serde(rename = "aws:branch")]
    Branch,
    #[serde(rename = "aws:approve")]
    Approve,
}

impl Action {
    /// Returns the name that AWS uses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InvokeLambdaFunction => "aws:invokeLambdaFunction",
            Self::ExecuteScript => "aws:executeScript",
            Self::ExecuteAwsApi => "aws:executeAwsApi",
            Self::AssertAwsResourceProperty => "aws:assertAwsResourceProperty",
            Self::Branch => "aws:branch",
            Self::Approve => "aws:approve",
        }
    }

    /// Returns the required inputs and the optional ones. `None` means that any are permitted: the parameters of the
    /// API.
    fn inputs(self) -> (&'static [&'static str], Option<&'static [&'static str]>) {
        match self {
            Self::InvokeLambdaFunction => (
                &["FunctionName"],
                Some(&[
                    "FunctionName",
                    "Qualifier",
                    "InvocationType",
                    "LogType",
                    "ClientContext",
                    "InputPayload",
                    "Payload",
                ]),
            ),
            Self::ExecuteScript => {
                (&["Runtime", "Script", "Handler"], Some(&["Runtime", "Script", "Handler", "InputPayload"]))
            }
            Self::ExecuteAwsApi => (&["Service", "Api"], None),
            Self::AssertAwsResourceProperty => (&["Service", "Api", "PropertySelector", "DesiredValues"], None),
            Self::Branch => (&["Choices"], Some(&["Choices", "Default"])),
            Self::Approve => {
                (&["Approvers"], Some(&["Approvers", "MinRequiredApprovals", "NotificationArn", "Message"]))
            }
        }
    }

    /// Returns the highest permitted timeout, in seconds.
    pub(crate) fn longest(self) -> f64 {
        match self {
            Self::InvokeLambdaFunction => 300.0,
            Self::ExecuteScript => 600.0,
            Self::ExecuteAwsApi | Self::AssertAwsResourceProperty | Self::Branch => 25.0,
            Self::Approve => 30.0 * DAY,
        }
    }

    /// Returns the default timeout, in seconds.
    pub(crate) fn usual(self) -> f64 {
        if self == Self::Approve { 7.0 * DAY } else { self.longest() }
    }
}

/// A step.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) action: Action,
    #[serde(rename = "description")]
    pub(crate) _description: Option<String>,
    #[serde(default = "one", deserialize_with = "number")]
    pub(crate) max_attempts: u32,
    #[serde(default, deserialize_with = "some_number")]
    pub(crate) timeout_seconds: Option<u32>,
    #[serde(default = "abort")]
    pub(crate) on_failure: String,
    #[serde(default = "abort")]
    pub(crate) on_cancel: String,
    #[serde(default, deserialize_with = "boolean")]
    pub(crate) is_end: bool,
    #[serde(rename = "nextStep")]
    pub(crate) next: Option<String>,
    #[serde(default, deserialize_with = "some_boolean")]
    pub(crate) is_critical: Option<bool>,
    #[serde(default)]
    pub(crate) inputs: Map<String, Value>,
    #[serde(default)]
    pub(crate) outputs: Vec<Output>,
}

/// A declared output of a step.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) selector: String,
    #[serde(rename = "Type", default = "string_type")]
    pub(crate) kind: String,
}

impl Step {
    /// Returns true if its failure fails the execution: by default, unless `onFailure` is `Continue`.
    pub(crate) fn critical(&self) -> bool {
        self.is_critical.unwrap_or(self.on_failure != "Continue")
    }
}

fn one() -> u32 {
    1
}

fn abort() -> String {
    "Abort".to_owned()
}

fn string_type() -> String {
    "String".to_owned()
}

/// Reads a number that may be written as text, which SSM accepts, too.
fn some_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let value = Value::deserialize(from)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or_else(|| serde::de::Error::custom(format!("{value} is not a number")))
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    some_number(from).map(|number| number.unwrap_or(1))
}

fn some_boolean<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    let value = Value::deserialize(from)?;
    let boolean = value.as_bool().or_else(|| value.as_str()?.to_ascii_lowercase().parse().ok());
    boolean.map(Some).ok_or_else(|| serde::de::Error::custom(format!("{value} is not a boolean")))
}

fn boolean<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    some_boolean(from).map(Option::unwrap_or_default)
}

/// Names of the outputs of `aws:invokeLambdaFunction`. Declaring one of them again is an error.
const LAMBDA_OUTPUTS: [&str; 5] = ["LogResult", "OutputPayload", "FunctionError", "Payload", "StatusCode"];

impl Document {
    /// Reads a document in YAML or JSON.
    ///
    /// # Errors
    ///
    /// A message that names the mistake or the unsupported feature, and its place.
    pub(crate) fn parse(content: &str) -> Result<Self, String> {
        // JSON is valid YAML, but the JSON parser has clearer errors.
        let value: Value = if content.trim_start().starts_with('{') {
            serde_json::from_str(content).map_err(|error| error.to_string())?
        } else {
            serde_yaml_ng::from_str(content).map_err(|error| error.to_string())?
        };
        let document: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), String> {
        if self.schema_version != "0.3" {
            return Err(format!("schemaVersion is {}, and Automation documents have 0.3", self.schema_version));
        }
        if self.main_steps.is_empty() {
            return Err("mainSteps has no step".to_owned());
        }
        for (name, definition) in &self.parameters {
            definition.check(name)?;
        }
        let mut names = BTreeSet::new();
        for step in &self.main_steps {
            if step.name.is_empty() || !step.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(format!("the step name {:?} is not made of letters, digits and _", step.name));
            }
            if !names.insert(step.name.as_str()) {
                return Err(format!("there are two steps named {}", step.name));
            }
        }
        let references = References::new().ok_or("the pattern of references cannot be read")?;
        for step in &self.main_steps {
            self.check_step(step, &names, &references)?;
        }
        if let Some(role) = &self.assume_role {
            self.check_references(&Value::from(role.as_str()), "assumeRole", &names, &references)?;
        }
        for output in &self.outputs {
            let step = output.split('.').next().unwrap_or_default();
            if !names.contains(step) {
                return Err(format!("outputs names {output}, and there is no step {step}"));
            }
        }
        Ok(())
    }

    fn check_step(&self, step: &Step, names: &BTreeSet<&str>, references: &References) -> Result<(), String> {
        let name = &step.name;
        let (needed, allowed) = step.action.inputs();
        if let Some(missing) = needed.iter().find(|input| !step.inputs.contains_key(**input)) {
            return Err(format!("the step {name} ({}) has no input {missing}", step.action.name()));
        }
        if let Some(allowed) = allowed
            && let Some(unknown) = step.inputs.keys().find(|input| !allowed.contains(&input.as_str()))
        {
            return Err(format!("the step {name} ({}) has the unsupported input {unknown}", step.action.name()));
        }
        if step.action == Action::Branch {
            super::action_branch::check(&step.inputs).map_err(|error| format!("the step {name}: {error}"))?;
        }
        if step.action == Action::Approve {
            super::action_approve::check(&step.inputs).map_err(|error| format!("the step {name}: {error}"))?;
            if step.timeout_seconds.is_some_and(|seconds| f64::from(seconds) > step.action.longest()) {
                return Err(format!("the step {name} has a timeoutSeconds of more than 30 days"));
            }
        }
        if step.on_cancel != "Abort" {
            return Err(format!("the step {name} has onCancel {}, and only Abort is supported", step.on_cancel));
        }
        let targets = [step.next.as_deref(), step.on_failure.strip_prefix("step:")];
        if let Some(unknown) = targets.into_iter().flatten().find(|target| !names.contains(target)) {
            return Err(format!("the step {name} goes on with {unknown}, and there is no such step"));
        }
        if !matches!(step.on_failure.as_str(), "Abort" | "Continue") && !step.on_failure.starts_with("step:") {
            return Err(format!("the step {name} has the unknown onFailure {}", step.on_failure));
        }
        for output in &step.outputs {
            if step.action == Action::InvokeLambdaFunction && LAMBDA_OUTPUTS.contains(&output.name.as_str()) {
                return Err(format!("the step {name} declares the output {}, whose name is reserved", output.name));
            }
            super::action::check_selector(&output.selector)
                .map_err(|error| format!("the output {} of the step {name}: {error}", output.name))?;
        }
        let inputs = Value::Object(step.inputs.clone());
        self.check_references(&inputs, &format!("the step {name}"), names, references)
    }

    fn check_references(
        &self,
        value: &Value,
        place: &str,
        steps: &BTreeSet<&str>,
        references: &References,
    ) -> Result<(), String> {
        let known = |name: &str| match name.split_once('.') {
            Some((step, _)) => steps.contains(step),
            None => {
                name.starts_with("global:") || name.starts_with("automation:") || self.parameters.contains_key(name)
            }
        };
        match references.names(value).into_iter().find(|name| !known(name)) {
            Some(unknown) => Err(format!("{place} refers to {{{{ {unknown} }}}}, which is not defined")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
