//! A JSON object that is not a page of records: its kind and its content.

use std::borrow::Cow;
use std::cell::Cell;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::cloudformation::{Contents, Template};
use super::configuration_item::{self, Item};
use super::described_group::{DescribedGroup, Text};
use super::described_rules::DescribedRule;
use super::error::RecordError;
use super::record::Record;
use super::{Options, foreign, terraform, tree};

/// A JSON object by its kind.
pub(super) enum Document<'a> {
    /// A security group.
    Group(Result<Record, Problem>),
    /// A security group rule.
    Rule(DescribedRule<'a>),
    /// A configuration item.
    Item(Item<'a>),
    /// JSON text within the JSON: the event of a Config rule, or a message that contains one.
    Nested(Cow<'a, str>),
    /// A template, in JSON or YAML, within the JSON.
    Template(Cow<'a, str>),
    /// A whole plan or state.
    Resources(Vec<Result<Record, RecordError>>),
    /// A whole template.
    Contents(Contents),
    /// An object that does not describe security groups; the text says what it is.
    Other(String),
}

/// Why an object that describes a security group is not understood.
pub(super) struct Problem {
    pub(super) id: Option<String>,
    pub(super) problem: String,
}

/// Keys that tell the kind of an object.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "GroupId")]
    group_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "IpPermissions")]
    ip_permissions: Option<&'a RawValue>,
    #[serde(borrow, rename = "GroupName")]
    group_name: Option<&'a RawValue>,
    #[serde(borrow, rename = "SecurityGroupRuleId")]
    security_group_rule_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "IsEgress")]
    is_egress: Option<&'a RawValue>,
    #[serde(rename = "groupId")]
    configured_group_id: Option<Text<'a>>,
    #[serde(borrow, rename = "resourceType")]
    resource_type: Option<&'a RawValue>,
    #[serde(borrow, rename = "resourceId")]
    resource_id: Option<&'a RawValue>,
    #[serde(borrow)]
    configuration: Option<&'a RawValue>,
    #[serde(borrow, rename = "configurationItem")]
    configuration_item: Option<&'a RawValue>,
    #[serde(borrow, rename = "ConfigurationItem")]
    aggregated_item: Option<&'a RawValue>,
    #[serde(rename = "invokingEvent")]
    invoking_event: Option<Text<'a>>,
    #[serde(borrow, rename = "Message")]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    /// Of a message in the answer of SQS.
    #[serde(borrow, rename = "Body")]
    body: Option<&'a RawValue>,
    /// Of a message of SQS in the event of a Lambda function.
    #[serde(borrow, rename = "body")]
    event_body: Option<&'a RawValue>,
    /// Of a message of SNS in the event of a Lambda function.
    #[serde(borrow, rename = "Sns")]
    sns: Option<&'a RawValue>,
    #[serde(borrow, rename = "TemplateBody")]
    template_body: Option<&'a RawValue>,
    #[serde(borrow, rename = "Resources")]
    resources: Option<&'a RawValue>,
    #[serde(borrow)]
    planned_values: Option<&'a RawValue>,
    #[serde(borrow)]
    resource_changes: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
    #[serde(borrow)]
    terraform_version: Option<&'a RawValue>,
    #[serde(borrow)]
    format_version: Option<&'a RawValue>,
}

/// Recognizes the object `json`. `first_line` is its line in the file; `None` if the object is text within JSON.
///
/// # Errors
///
/// If the object is malformed.
pub(super) fn recognize<'a>(
    json: &'a str,
    file: &str,
    first_line: Option<u64>,
    options: &Options,
) -> Result<Document<'a>, serde_json::Error> {
    let shape: Shape<'_> = serde_json::from_str(json)?;
    Ok(if shape.security_group_rule_id.is_some() || shape.group_id.is_some() && shape.is_egress.is_some() {
        Document::Rule(serde_json::from_str(json)?)
    } else if shape.group_id.is_some() || shape.ip_permissions.is_some() && shape.group_name.is_some() {
        let group: DescribedGroup<'_> = serde_json::from_str(json)?;
        let id = group.id().map(str::to_owned);
        Document::Group(
            group.record(options.policy.as_ref()).map_err(|problem| Problem { id, problem: problem.to_owned() }),
        )
    } else if shape.resource_type.is_some() || shape.resource_id.is_some() && shape.configuration.is_some() {
        Document::Item(serde_json::from_str(json)?)
    } else if let Some(id) = shape.configured_group_id {
        let group = configuration_item::configuration(&id.0, json);
        let id = Some(id.into_owned());
        Document::Group(group.map_err(|problem| Problem { id, problem }))
    } else if let Some(event) = shape.invoking_event {
        Document::Nested(event.0)
    } else if shape.resources.is_some() && (shape.planned_values.is_some() || shape.resource_changes.is_some()) {
        Document::Other("an object with a template and a plan (give each as an input of its own)".to_owned())
    } else if shape.planned_values.is_some()
        || shape.resource_changes.is_some()
        || shape.values.is_some() && shape.terraform_version.is_some()
    {
        Document::Resources(terraform::records(json, file, first_line, options)?)
    } else if let Some(inner) = shape.inner() {
        Document::Nested(unquoted(inner)?)
    } else if let Some(template) = shape.template_body {
        let text = unquoted(template)?;
        if text.trim_start().starts_with('{') { Document::Nested(text) } else { Document::Template(text) }
    } else if shape.resources.is_some_and(|resources| resources.get().starts_with('{')) {
        let templates = Cell::new(0);
        let template = Template::new(file, options, &templates);
        Document::Contents(template.read(&tree::load_json(json, first_line)?))
    } else if shape.format_version.is_some() && is_empty_state(json) {
        Document::Resources(Vec::new())
    } else {
        Document::Other(foreign::object(json))
    })
}

impl<'a> Shape<'a> {
    /// The value that an envelope contains.
    fn inner(&self) -> Option<&'a RawValue> {
        let items = self.configuration_item.or(self.aggregated_item).or(self.configuration);
        items.or(self.message).or(self.detail).or(self.body).or(self.event_body).or(self.sns)
    }
}

/// Whether an object is all that `terraform show -json` prints if there is no state: the versions.
fn is_empty_state(json: &str) -> bool {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    object.keys().all(|key| ["format_version", "terraform_version"].contains(&key.as_str()))
}

/// A value, or the text in it if it is a string.
fn unquoted(json: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    if json.get().starts_with('"') {
        serde_json::from_str::<Text<'_>>(json.get()).map(|text| text.0)
    } else {
        Ok(Cow::Borrowed(json.get()))
    }
}
