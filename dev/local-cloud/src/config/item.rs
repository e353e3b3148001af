//! Configuration items of security groups, in the forms of notifications and of the API.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock;
use crate::cloud::Location;

/// The only resource type that is recorded.
pub(crate) const SECURITY_GROUP: &str = "AWS::EC2::SecurityGroup";

/// `configurationItemStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemStatus {
    /// `ResourceDiscovered`: recorded for the first time.
    Discovered,
    /// `OK`: changed.
    Ok,
    /// `ResourceDeleted`: deleted.
    Deleted,
}

impl ItemStatus {
    /// Returns the name that AWS uses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Discovered => "ResourceDiscovered",
            Self::Ok => "OK",
            Self::Deleted => "ResourceDeleted",
        }
    }
}

/// A security group as recorded at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// Capture time.
    pub(crate) captured: Timestamp,
    /// Status of the item.
    pub(crate) status: ItemStatus,
    /// Id of the group.
    pub(crate) resource_id: String,
    /// Name of the group.
    pub(crate) resource_name: String,
    /// The group in `camelCase`; null if it was deleted.
    pub(crate) configuration: Value,
    /// Tags of the group.
    pub(crate) tags: BTreeMap<String, String>,
    /// Related resources as `{resourceType, resourceId, name}`: the VPC and the network interfaces.
    pub(crate) relationships: Vec<(&'static str, String, &'static str)>,
    /// `configurationItemDiff`.
    pub(crate) diff: Value,
}

impl Item {
    /// Converts a group as EC2 describes it (`PascalCase`) to a configuration item without history.
    pub(crate) fn of_group(group: &Value, captured: Timestamp) -> Option<Self> {
        let text = |name: &str| group.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let resource_id = text("GroupId");
        if resource_id.is_empty() {
            return None;
        }
        let tags: BTreeMap<String, String> = list(group, "Tags")
            .iter()
            .filter_map(|tag| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.as_str()?.to_owned())))
            .collect();
        let mut relationships = Vec::new();
        if let Some(vpc) = group.get("VpcId").and_then(Value::as_str) {
            relationships.push(("AWS::EC2::VPC", vpc.to_owned(), "Is contained in Vpc"));
        }
        for interface in list(group, "NetworkInterfaceIds").iter().filter_map(Value::as_str) {
            relationships.push((
                "AWS::EC2::NetworkInterface",
                interface.to_owned(),
                "Is associated with NetworkInterface",
            ));
        }
        let mut configuration = json!({
            "description": text("Description"),
            "groupName": text("GroupName"),
            "ipPermissions": permissions(group, "IpPermissions"),
            "ownerId": text("OwnerId"),
            "groupId": resource_id,
            "ipPermissionsEgress": permissions(group, "IpPermissionsEgress"),
            "tags": tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect::<Vec<_>>(),
        });
        if let (Some(vpc), Some(object)) = (group.get("VpcId"), configuration.as_object_mut()) {
            object.insert("vpcId".to_owned(), vpc.clone());
        }
        Some(Self {
            captured,
            status: ItemStatus::Discovered,
            resource_name: text("GroupName"),
            resource_id,
            configuration,
            tags,
            relationships,
            diff: Value::Null,
        })
    }

    /// Returns `configurationStateId`, which grows with every item of a resource.
    pub(crate) fn state_id(&self) -> i64 {
        self.captured.as_millisecond()
    }

    /// Returns true if both items describe the same state of the group.
    pub(crate) fn same_state(&self, other: &Self) -> bool {
        self.configuration == other.configuration && self.relationships == other.relationships
    }

    /// Returns the ARN of the group.
    pub(crate) fn arn(&self, location: &Location) -> String {
        location.arn("ec2", &format!("security-group/{}", self.resource_id))
    }

    /// Returns the members that a notification and its summary have in common.
    fn head(&self, location: &Location) -> Map<String, Value> {
        let mut head = Map::new();
        let mut put = |name: &str, value: Value| {
            head.insert(name.to_owned(), value);
        };
        put("configurationItemVersion", json!("1.3"));
        put("configurationItemCaptureTime", json!(clock::iso(self.captured)));
        put("configurationStateId", json!(self.state_id()));
        put("awsAccountId", json!(location.account));
        put("configurationItemStatus", json!(self.status.name()));
        put("resourceType", json!(SECURITY_GROUP));
        put("resourceId", json!(self.resource_id));
        put("resourceName", json!(self.resource_name));
        put("ARN", json!(self.arn(location)));
        put("awsRegion", json!(location.region));
        put("availabilityZone", json!("Not Applicable"));
        put("configurationStateMd5Hash", json!(""));
        put("resourceCreationTime", Value::Null);
        head
    }

    /// Returns the item in the form of a notification.
    pub(crate) fn notified(&self, location: &Location) -> Value {
        let mut item = self.head(location);
        item.insert("relatedEvents".to_owned(), json!([]));
        let relationships: Vec<Value> = self
            .relationships
            .iter()
            .map(|(kind, id, name)| json!({"resourceId": id, "resourceName": null, "resourceType": kind, "name": name}))
            .collect();
        item.insert("relationships".to_owned(), Value::Array(relationships));
        item.insert("configuration".to_owned(), self.configuration.clone());
        item.insert("supplementaryConfiguration".to_owned(), json!({}));
        item.insert("tags".to_owned(), json!(self.tags));
        Value::Object(item)
    }

    /// Returns the summary of the item in an oversized notification.
    pub(crate) fn summary(&self, location: &Location) -> Value {
        let mut summary = self.head(location);
        let change = match self.status {
            ItemStatus::Discovered => "CREATE",
            ItemStatus::Ok => "UPDATE",
            ItemStatus::Deleted => "DELETE",
        };
        summary.insert("changeType".to_owned(), json!(change));
        Value::Object(summary)
    }

    /// Returns the item in the form of `BatchGetResourceConfig`.
    pub(crate) fn base(&self, location: &Location) -> Map<String, Value> {
        let mut item = Map::new();
        let mut put = |name: &str, value: Value| {
            item.insert(name.to_owned(), value);
        };
        put("version", json!("1.3"));
        put("accountId", json!(location.account));
        put("configurationItemCaptureTime", clock::epoch(self.captured));
        put("configurationItemStatus", json!(self.status.name()));
        put("configurationStateId", json!(self.state_id().to_string()));
        put("arn", json!(self.arn(location)));
        put("resourceType", json!(SECURITY_GROUP));
        put("resourceId", json!(self.resource_id));
        put("resourceName", json!(self.resource_name));
        put("awsRegion", json!(location.region));
        put("availabilityZone", json!("Not Applicable"));
        if !self.configuration.is_null() {
            put("configuration", json!(self.configuration.to_string()));
        }
        put("supplementaryConfiguration", json!({}));
        item
    }

    /// Returns the item in the form of `GetResourceConfigHistory`.
    pub(crate) fn history(&self, location: &Location) -> Value {
        let mut item = self.base(location);
        item.insert("configurationItemMD5Hash".to_owned(), json!(""));
        item.insert("tags".to_owned(), json!(self.tags));
        item.insert("relatedEvents".to_owned(), json!([]));
        let relationships: Vec<Value> = self
            .relationships
            .iter()
            .map(|(kind, id, name)| json!({"resourceType": kind, "resourceId": id, "relationshipName": name}))
            .collect();
        item.insert("relationships".to_owned(), Value::Array(relationships));
        Value::Object(item)
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns the permissions in a fixed order. EC2 guarantees none, and another order is not a change.
fn permissions(group: &Value, name: &str) -> Vec<Value> {
    let mut permissions: Vec<Value> = list(group, name).iter().map(permission).collect();
    permissions.sort_by_key(Value::to_string);
    permissions
}

fn permission(permission: &Value) -> Value {
    let protocol = permission.get("IpProtocol").and_then(Value::as_str).unwrap_or("-1");
    let ranges = |name: &str| -> Vec<Value> {
        let mut ranges: Vec<Value> = list(permission, name).iter().map(camel_case).collect();
        ranges.sort_by_key(Value::to_string);
        ranges
    };
    let ipv4 = ranges("IpRanges");
    let cidrs: Vec<Value> = ipv4.iter().filter_map(|range| range.get("cidrIp").cloned()).collect();
    let mut result = json!({
        "ipProtocol": protocol,
        "ipv4Ranges": ipv4,
        "ipv6Ranges": ranges("Ipv6Ranges"),
        "prefixListIds": ranges("PrefixListIds"),
        "userIdGroupPairs": ranges("UserIdGroupPairs"),
        "ipRanges": cidrs,
    });
    // A permission for all traffic has no ports in a configuration item, not even -1.
    if protocol != "-1"
        && let Some(object) = result.as_object_mut()
    {
        for (wire, name) in [("FromPort", "fromPort"), ("ToPort", "toPort")] {
            if let Some(port) = permission.get(wire).filter(|port| !port.is_null()) {
                object.insert(name.to_owned(), port.clone());
            }
        }
    }
    result
}

/// Converts keys such as `CidrIp` to `cidrIp`, recursively.
fn camel_case(value: &Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(name, value)| {
                    let mut letters = name.chars();
                    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                    (first.into_iter().chain(letters).collect(), camel_case(value))
                })
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.iter().map(camel_case).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
#[path = "item_tests.rs"]
mod tests;
