//! A JSON object that is not a page of records: its kind and its content.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::cloudformation;
use super::configuration_item::{self, Item, ItemContent, Resource};
use super::described_group::{DescribedGroup, Text};
use super::described_rules::DescribedRule;
use super::error::{InputError, RecordError};
use super::terraform;
use super::{Options, Record};

/// A JSON object by its kind.
pub(super) enum Document<'a> {
    /// A security group.
    Group(Result<Record, Problem>),
    /// A security group rule.
    Rule(DescribedRule<'a>),
    /// A configuration item.
    Item((Option<Resource>, Option<jiff::Timestamp>, ItemContent)),
    /// JSON text within the JSON: the event of a Config rule, or a message that contains one.
    Nested(Cow<'a, str>),
    /// A template, in JSON or YAML, within the JSON.
    Template(Cow<'a, str>),
    /// A whole template or plan.
    Resources(Vec<Result<Record, RecordError>>),
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
    #[serde(borrow, rename = "configurationItemSummary")]
    configuration_item_summary: Option<&'a RawValue>,
    #[serde(rename = "invokingEvent")]
    invoking_event: Option<Text<'a>>,
    #[serde(borrow, rename = "Message")]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
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
    lineage: Option<&'a RawValue>,
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
) -> Result<Result<Document<'a>, InputError>, serde_json::Error> {
    let shape: Shape<'_> = serde_json::from_str(json)?;
    Ok(Ok(if shape.security_group_rule_id.is_some() || shape.group_id.is_some() && shape.is_egress.is_some() {
        Document::Rule(serde_json::from_str(json)?)
    } else if shape.group_id.is_some() || shape.ip_permissions.is_some() && shape.group_name.is_some() {
        let group: DescribedGroup<'_> = serde_json::from_str(json)?;
        let id = group.id().map(str::to_owned);
        Document::Group(group.record().map_err(|problem| Problem { id, problem: problem.to_owned() }))
    } else if shape.resource_type.is_some() || shape.resource_id.is_some() && shape.configuration.is_some() {
        let item: Item<'_> = serde_json::from_str(json)?;
        Document::Item(item.into_parts())
    } else if let Some(id) = shape.configured_group_id {
        let group = configuration_item::configuration(&id.0, json);
        let id = Some(id.into_owned());
        Document::Group(group.map_err(|problem| Problem { id, problem }))
    } else if let Some(event) = shape.invoking_event {
        Document::Nested(event.0)
    } else if shape.planned_values.is_some()
        || shape.resource_changes.is_some()
        || shape.values.is_some() && shape.terraform_version.is_some()
    {
        Document::Resources(terraform::records(&serde_json::from_str(json)?, file))
    } else if let Some(inner) = shape.configuration_item.or(shape.configuration).or(shape.message).or(shape.detail) {
        Document::Nested(unquoted(inner)?)
    } else if let Some(template) = shape.template_body {
        let text = unquoted(template)?;
        if text.trim_start().starts_with('{') { Document::Nested(text) } else { Document::Template(text) }
    } else if shape.configuration_item_summary.is_some() {
        Document::Other(
            "an oversized notification of AWS Config, whose configuration item is in a file of its own".to_owned(),
        )
    } else if let Some(resources) = shape.resources.filter(|resources| resources.get().starts_with('{')) {
        return Ok(cloudformation::from_json(json, resources, file, first_line, options).map(Document::Resources));
    } else if shape.lineage.is_some() && shape.terraform_version.is_some() {
        Document::Other("a raw Terraform state file, whose format is internal to Terraform".to_owned())
    } else {
        Document::Other(format!("an object {}", keys(json)))
    }))
}

/// A value, or the text in it if it is a string.
fn unquoted(json: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    if json.get().starts_with('"') {
        serde_json::from_str::<Text<'_>>(json.get()).map(|text| text.0)
    } else {
        Ok(Cow::Borrowed(json.get()))
    }
}

/// The first keys of an object, for a message: ``with the keys `a`, `b` ``.
fn keys(json: &str) -> String {
    const SHOWN: usize = 5;
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    let mut keys: Vec<String> = object
        .keys()
        .take(SHOWN)
        .map(|key| format!("`{}`", key.chars().take(40).flat_map(char::escape_debug).collect::<String>()))
        .collect();
    if object.len() > SHOWN {
        keys.push("…".to_owned());
    }
    if keys.is_empty() { "without keys".to_owned() } else { format!("with the keys {}", keys.join(", ")) }
}
