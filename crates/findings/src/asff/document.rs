//! The part of the ASFF object model that Portcullis uses, with its keys in their order.

use std::collections::BTreeMap;

use serde::Serialize;

/// `AwsSecurityFinding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsffFinding<'r> {
    pub(super) schema_version: &'static str,
    pub(super) id: String,
    pub(super) product_arn: String,
    pub(super) product_name: &'static str,
    pub(super) generator_id: &'static str,
    pub(super) aws_account_id: &'r str,
    pub(super) types: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_observed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_observed_at: Option<String>,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) severity: Label,
    #[serde(rename = "FindingProviderFields")]
    pub(super) provider_fields: ProviderFields,
    pub(super) title: String,
    pub(super) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remediation: Option<Remediation>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) product_fields: BTreeMap<&'static str, String>,
    pub(super) resources: [AsffResource<'r>; 1],
    pub(super) compliance: Compliance,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workflow: Option<Workflow>,
    pub(super) record_state: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Label {
    pub(super) label: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProviderFields {
    pub(super) severity: Label,
    pub(super) types: [&'static str; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Remediation {
    pub(super) recommendation: Recommendation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Recommendation {
    pub(super) text: String,
}

/// `Resource`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsffResource<'r> {
    pub(super) r#type: &'static str,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<&'static str>,
    pub(super) region: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) details: Option<Details<'r>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Details<'r> {
    pub(super) aws_ec2_security_group: SecurityGroup<'r>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecurityGroup<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group_name: Option<&'r str>,
    pub(super) group_id: &'r str,
    pub(super) owner_id: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vpc_id: Option<&'r str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Compliance {
    pub(super) status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Workflow {
    pub(super) status: &'static str,
}
