//! The part of the OCSF object model that the report uses, with its keys in their order.

use findings::{AttachedTo, ExemptedExposure, FoundExposure, Location, UnjudgedRule};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Event<'r> {
    pub(super) activity_id: u8,
    pub(super) activity_name: &'static str,
    pub(super) category_uid: u8,
    pub(super) category_name: &'static str,
    pub(super) class_uid: u16,
    pub(super) class_name: &'static str,
    pub(super) type_uid: u32,
    pub(super) type_name: &'static str,
    pub(super) time: i64,
    pub(super) severity_id: u8,
    pub(super) severity: &'static str,
    pub(super) status_id: u8,
    pub(super) status: &'static str,
    pub(super) message: String,
    pub(super) metadata: Metadata,
    pub(super) cloud: Cloud<'r>,
    pub(super) finding_info: FindingInfo,
    pub(super) compliance: Compliance<'r>,
    pub(super) resources: [Resource<'r>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remediation: Option<Remediation>,
    #[serde(skip_serializing_if = "Unmapped::is_empty")]
    pub(super) unmapped: Unmapped<'r>,
}

#[derive(Serialize)]
pub(super) struct Metadata {
    pub(super) version: &'static str,
    pub(super) profiles: [&'static str; 1],
    pub(super) product: Product,
}

#[derive(Serialize)]
pub(super) struct Product {
    pub(super) name: &'static str,
    pub(super) vendor_name: &'static str,
    pub(super) version: &'static str,
}

#[derive(Serialize)]
pub(super) struct Cloud<'r> {
    pub(super) provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<Account<'r>>,
}

#[derive(Serialize)]
pub(super) struct Account<'r> {
    pub(super) uid: &'r str,
    pub(super) r#type: &'static str,
    pub(super) type_id: u8,
}

#[derive(Serialize)]
pub(super) struct FindingInfo {
    pub(super) uid: String,
    pub(super) title: String,
    pub(super) desc: String,
    pub(super) created_time: i64,
    pub(super) types: [&'static str; 1],
}

#[derive(Serialize)]
pub(super) struct Compliance<'r> {
    pub(super) control: &'static str,
    pub(super) requirements: [String; 1],
    pub(super) control_parameters: Vec<Parameter>,
    pub(super) standards: [&'static str; 1],
    pub(super) status_id: u8,
    pub(super) status: &'static str,
    pub(super) status_code: &'r str,
}

/// `key_value_object` of OCSF.
#[derive(Serialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Serialize)]
pub(super) struct Resource<'r> {
    pub(super) uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'r str>,
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cloud_partition: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Remediation {
    pub(super) desc: String,
}

/// Keys of `portcullis.scan/1` that the class has no attribute for.
#[derive(Serialize, Default)]
pub(super) struct Unmapped<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vpc_id: Option<&'r str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) exposures: &'r [FoundExposure],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) exempted: &'r [ExemptedExposure],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) unjudged: &'r [UnjudgedRule],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) attached_to: &'r [AttachedTo],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<&'r Location>,
    /// Credentials that the account was read with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<String>,
}

impl Unmapped<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.vpc_id.is_none()
            && self.exposures.is_empty()
            && self.exempted.is_empty()
            && self.unjudged.is_empty()
            && self.attached_to.is_empty()
            && self.location.is_none()
            && self.identity.is_none()
    }
}
