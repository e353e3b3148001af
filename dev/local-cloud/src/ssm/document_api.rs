//! Operations on documents.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::document::Document;
use super::variable::plain;
use crate::clock;
use crate::cloud::Cloud;
use crate::paging::page;
use crate::wire::{AwsError, Reply, input, limit, text, texts};

/// A document with its versions. The first is version 1.
#[derive(Debug)]
pub(crate) struct StoredDocument {
    versions: Vec<Version>,
    default: usize,
    target_type: Option<String>,
    tags: Value,
}

/// One version of a document.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// Content as it was passed.
    content: String,
    format: String,
    name: Option<String>,
    created: Timestamp,
    /// Content, parsed.
    pub(crate) document: Document,
}

impl StoredDocument {
    /// Returns a version by its number, `$DEFAULT` or `$LATEST`, with its number.
    pub(crate) fn version(&self, wanted: Option<&str>) -> Option<(usize, &Version)> {
        let number = match wanted {
            None | Some("$DEFAULT") => self.default,
            Some("$LATEST") => self.versions.len(),
            Some(number) => number.parse().ok()?,
        };
        self.versions.get(number.checked_sub(1)?).map(|version| (number, version))
    }

    fn described(&self, name: &str, number: usize, version: &Version, owner: &str) -> Value {
        let parameters: Vec<Value> = version
            .document
            .parameters
            .iter()
            .map(|(name, definition)| {
                json!({"Name": name, "Type": definition.kind, "Description": definition.description,
                       "DefaultValue": definition.default.as_ref().map(plain)})
            })
            .collect();
        json!({
            "Name": name, "Owner": owner, "VersionName": version.name, "CreatedDate": clock::epoch(version.created),
            "Status": "Active", "DocumentVersion": number.to_string(), "Description": version.document.description,
            "Parameters": parameters, "PlatformTypes": ["Windows", "Linux", "MacOS"], "DocumentType": "Automation",
            "SchemaVersion": version.document.schema_version, "LatestVersion": self.versions.len().to_string(),
            "DefaultVersion": self.default.to_string(), "DocumentFormat": version.format,
            "TargetType": self.target_type, "Tags": self.tags,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutDocument {
    name: String,
    content: String,
    document_type: Option<String>,
    document_format: Option<String>,
    target_type: Option<String>,
    version_name: Option<String>,
    document_version: Option<String>,
    tags: Option<Value>,
}

fn version(put: &PutDocument) -> Result<Version, AwsError> {
    let document = Document::parse(&put.content).map_err(|error| AwsError::new("InvalidDocumentContent", error))?;
    let format = put.document_format.clone().unwrap_or_else(|| "JSON".to_owned());
    if format == "JSON" && !put.content.trim_start().starts_with('{') {
        return Err(AwsError::new(
            "InvalidDocumentContent",
            "The content is not JSON, which DocumentFormat says it is.",
        ));
    }
    Ok(Version {
        content: put.content.clone(),
        format,
        name: put.version_name.clone(),
        created: clock::now(),
        document,
    })
}

fn no_such(name: &str) -> AwsError {
    AwsError::new("InvalidDocument", format!("Document with name {name} does not exist."))
}

fn no_such_version(name: &str) -> AwsError {
    AwsError::new("InvalidDocumentVersion", format!("The document {name} does not have this version."))
}

/// `CreateDocument`.
pub(crate) fn create(cloud: &Cloud, data: Value) -> Reply {
    let put: PutDocument = input(data)?;
    let lower = put.name.to_ascii_lowercase();
    if ["aws", "amazon", "amzn"].iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(AwsError::validation(format!(
            "The document name {} must not begin with aws, amazon or amzn.",
            put.name
        )));
    }
    if put.document_type.as_deref() != Some("Automation") {
        return Err(AwsError::new("InvalidDocumentContent", "The local cloud runs documents of type Automation only."));
    }
    let version = version(&put)?;
    let mut state = cloud.ssm();
    if state.documents.contains_key(&put.name) {
        return Err(AwsError::new("DocumentAlreadyExists", format!("Document with name {} already exists.", put.name)));
    }
    let record = StoredDocument {
        versions: vec![version],
        default: 1,
        target_type: put.target_type,
        tags: put.tags.unwrap_or_default(),
    };
    let described = record
        .version(None)
        .map(|(number, version)| record.described(&put.name, number, version, &cloud.location.account));
    state.documents.insert(put.name, record);
    Ok(json!({"DocumentDescription": described}))
}

/// `UpdateDocument`, which adds a version and does not make it the default.
pub(crate) fn update(cloud: &Cloud, data: Value) -> Reply {
    let put: PutDocument = input(data)?;
    let version = version(&put)?;
    let mut state = cloud.ssm();
    let record = state.documents.get_mut(&put.name).ok_or_else(|| no_such(&put.name))?;
    if record.version(put.document_version.as_deref().or(Some("$LATEST"))).is_none() {
        return Err(no_such_version(&put.name));
    }
    if record.versions.last().is_some_and(|last| last.content == version.content) {
        return Err(AwsError::new(
            "DuplicateDocumentContent",
            "The content of the association document matches another document. Change the content and try again.",
        ));
    }
    record.versions.push(version);
    let described = record
        .version(Some("$LATEST"))
        .map(|(number, version)| record.described(&put.name, number, version, &cloud.location.account));
    Ok(json!({"DocumentDescription": described}))
}

fn name(data: &Value) -> String {
    let name = data.get("Name").and_then(Value::as_str).unwrap_or_default();
    // The name may be the ARN of a document in this account.
    name.rsplit_once(":document/").map_or(name, |(_, name)| name).to_owned()
}

fn wanted(data: &Value) -> Option<&str> {
    data.get("DocumentVersion").and_then(Value::as_str)
}

/// `UpdateDocumentDefaultVersion`.
pub(crate) fn set_default(cloud: &Cloud, data: &Value) -> Reply {
    let name = name(data);
    let mut state = cloud.ssm();
    let record = state.documents.get_mut(&name).ok_or_else(|| no_such(&name))?;
    let (number, _) = record.version(wanted(data)).ok_or_else(|| no_such_version(&name))?;
    record.default = number;
    Ok(json!({"Description": {"Name": name, "DefaultVersion": number.to_string()}}))
}

/// `DescribeDocument`.
pub(crate) fn describe(cloud: &Cloud, data: &Value) -> Reply {
    let name = name(data);
    let state = cloud.ssm();
    let record = state.documents.get(&name).ok_or_else(|| no_such(&name))?;
    let (number, version) = record.version(wanted(data)).ok_or_else(|| no_such_version(&name))?;
    Ok(json!({"Document": record.described(&name, number, version, &cloud.location.account)}))
}

/// `GetDocument`, which returns the content as it was passed.
pub(crate) fn get(cloud: &Cloud, data: &Value) -> Reply {
    let name = name(data);
    let state = cloud.ssm();
    let record = state.documents.get(&name).ok_or_else(|| no_such(&name))?;
    let (number, version) = record.version(wanted(data)).ok_or_else(|| no_such_version(&name))?;
    Ok(json!({"Name": name, "CreatedDate": clock::epoch(version.created), "DocumentVersion": number.to_string(),
              "Status": "Active", "Content": version.content, "DocumentType": "Automation",
              "DocumentFormat": version.format, "VersionName": version.name}))
}

/// `DeleteDocument`.
pub(crate) fn delete(cloud: &Cloud, data: &Value) -> Reply {
    let name = name(data);
    cloud.ssm().documents.remove(&name).ok_or_else(|| no_such(&name))?;
    Ok(json!({}))
}

/// `ListDocuments`, which lists the documents of this account and supports name prefixes as a filter.
pub(crate) fn list(cloud: &Cloud, data: &Value) -> Reply {
    let mut prefixes: Vec<String> = Vec::new();
    for filter in data.get("Filters").and_then(Value::as_array).into_iter().flatten() {
        let values = texts(filter, "Values");
        match text(filter, "Key") {
            Some("Name") => prefixes.extend(values),
            Some("Owner" | "DocumentType") => {}
            other => {
                let other = other.unwrap_or_default();
                return Err(AwsError::new(
                    "InvalidFilterKey",
                    format!("The local cloud does not filter documents by {other}."),
                ));
            }
        }
    }
    let state = cloud.ssm();
    let documents: Vec<Value> = state
        .documents
        .iter()
        .filter(|(name, _)| prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())))
        .filter_map(|(name, record)| {
            let (number, version) = record.version(None)?;
            Some(json!({"Name": name, "CreatedDate": clock::epoch(version.created), "Owner": cloud.location.account,
                        "DocumentVersion": number.to_string(), "DocumentType": "Automation",
                        "SchemaVersion": version.document.schema_version, "DocumentFormat": version.format,
                        "PlatformTypes": ["Windows", "Linux", "MacOS"], "Tags": record.tags}))
        })
        .collect();
    let (documents, token) = page(documents, text(data, "NextToken"), limit(data, "MaxResults", 50))?;
    Ok(json!({"DocumentIdentifiers": documents, "NextToken": token}))
}
