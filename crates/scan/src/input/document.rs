//! One JSON object that is no list of records: what it is, and what is in it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::cloudformation;
use super::error::{InputError, RecordError};
use super::group::{Group, Text};
use super::item::{self, Item, Outcome, Resource};
use super::rules::Rule;
use super::terraform;
use super::{Options, Record};

/// What a JSON object turned out to be.
pub(super) enum Document<'a> {
    /// A security group.
    Group(Result<Record, Problem>),
    /// A security group rule.
    Rule(Rule<'a>),
    /// A configuration item.
    Item((Option<Resource>, Option<jiff::Timestamp>, Outcome)),
    /// JSON text within the JSON: an event of a Config rule, or a message about one.
    Nested(Cow<'a, str>),
    /// A template, in JSON or YAML, within the JSON.
    Template(Cow<'a, str>),
    /// A whole template or plan.
    Resources(Vec<Result<Record, RecordError>>),
    /// Nothing that says anything of security groups; what it is instead.
    Other(String),
}

/// Why an object that is about a security group cannot be understood.
pub(super) struct Problem {
    pub(super) id: Option<String>,
    pub(super) problem: String,
}

/// Keys that tell what an object is.
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

/// Finds out what the object `json` is, which begins in `first_line` of the file if it stands there as it is.
///
/// # Errors
///
/// When it is not well-formed.
pub(super) fn read<'a>(
    json: &'a str,
    file: &str,
    first_line: Option<u64>,
    options: &Options,
) -> Result<Result<Document<'a>, InputError>, serde_json::Error> {
    let shape: Shape<'_> = serde_json::from_str(json)?;
    Ok(Ok(if shape.security_group_rule_id.is_some() || shape.group_id.is_some() && shape.is_egress.is_some() {
        Document::Rule(serde_json::from_str(json)?)
    } else if shape.group_id.is_some() || shape.ip_permissions.is_some() && shape.group_name.is_some() {
        let group: Group<'_> = serde_json::from_str(json)?;
        let id = group.id().map(str::to_owned);
        Document::Group(group.record().map_err(|problem| Problem { id, problem: problem.to_owned() }))
    } else if shape.resource_type.is_some() || shape.resource_id.is_some() && shape.configuration.is_some() {
        let item: Item<'_> = serde_json::from_str(json)?;
        Document::Item(item.into_parts())
    } else if let Some(id) = shape.configured_group_id {
        let group = item::configuration(&id.0, json);
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
            "an oversized notification of AWS Config, which has the configuration item in a file of its own,"
                .to_owned(),
        )
    } else if let Some(resources) = shape.resources.filter(|resources| resources.get().starts_with('{')) {
        return Ok(cloudformation::from_json(json, resources, file, first_line, options).map(Document::Resources));
    } else if shape.lineage.is_some() && shape.terraform_version.is_some() {
        Document::Other("a raw Terraform state file, whose format is Terraform's own,".to_owned())
    } else {
        Document::Other(format!("an object with {}", keys(json)))
    }))
}

/// JSON, or the JSON in a JSON string.
fn unquoted(json: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    if json.get().starts_with('"') {
        serde_json::from_str::<Text<'_>>(json.get()).map(|text| text.0)
    } else {
        Ok(Cow::Borrowed(json.get()))
    }
}

/// The first keys of an object, for a message.
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
    if keys.is_empty() { "no key at all".to_owned() } else { format!("the keys {}", keys.join(", ")) }
}
