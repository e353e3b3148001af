//! The configuration recorder and the configuration items that it has recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::diff;
use super::item::{Item, ItemStatus, SECURITY_GROUP};
use crate::clock;

/// The recorder of the region. A region has at most one.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    /// Name.
    pub(crate) name: String,
    /// Definition, as passed to `PutConfigurationRecorder`.
    pub(crate) definition: Value,
    /// True if it is recording.
    pub(crate) recording: bool,
    /// Time of the last start.
    pub(crate) last_start: Option<Timestamp>,
    /// Time of the last stop.
    pub(crate) last_stop: Option<Timestamp>,
}

impl Recorder {
    /// Returns true if its recording group includes security groups.
    pub(crate) fn records_security_groups(&self) -> bool {
        let group = self.definition.get("recordingGroup");
        let types = |value: Option<&Value>| -> bool {
            value
                .and_then(|group| group.get("resourceTypes"))
                .and_then(Value::as_array)
                .is_some_and(|types| types.iter().any(|name| name == SECURITY_GROUP))
        };
        let strategy = group.and_then(|group| group.pointer("/recordingStrategy/useOnly")).and_then(Value::as_str);
        match strategy {
            Some("INCLUSION_BY_RESOURCE_TYPES") => types(group),
            Some("EXCLUSION_BY_RESOURCE_TYPES") => {
                !types(group.and_then(|group| group.get("exclusionByResourceTypes")))
            }
            _ => {
                let all = group.and_then(|group| group.get("allSupported")).and_then(Value::as_bool);
                // Without a recording group all resource types are recorded.
                all.unwrap_or(group.is_none()) || types(group)
            }
        }
    }
}

/// The configuration items of all resources, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    resources: BTreeMap<String, Vec<Arc<Item>>>,
}

impl History {
    /// Records the groups that EC2 describes now, and returns the new items.
    ///
    /// `asked` are the ids of the requested groups; empty means all. A requested group that is not among `groups` was
    /// deleted.
    pub(crate) fn record(&mut self, groups: &[Value], asked: &[String], now: Timestamp) -> Vec<Arc<Item>> {
        let mut new = Vec::new();
        let mut seen = BTreeSet::new();
        for group in groups {
            let Some(mut item) = Item::of_group(group, now) else { continue };
            seen.insert(item.resource_id.clone());
            if let Some(last) = self.last(&item.resource_id) {
                if last.status != ItemStatus::Deleted {
                    if last.same_state(&item) {
                        continue;
                    }
                    item.status = ItemStatus::Ok;
                    item.diff = diff::update(last, &item);
                }
                item.captured = later(now, last.captured);
            }
            new.push(Arc::new(item));
        }
        let gone = self.resources.values().filter_map(|items| items.last()).filter(|last| {
            last.status != ItemStatus::Deleted
                && !seen.contains(&last.resource_id)
                && (asked.is_empty() || asked.contains(&last.resource_id))
        });
        let deleted: Vec<Arc<Item>> = gone
            .map(|last| {
                Arc::new(Item {
                    captured: later(now, last.captured),
                    status: ItemStatus::Deleted,
                    configuration: Value::Null,
                    diff: diff::deletion(),
                    ..Item::clone(last)
                })
            })
            .collect();
        new.extend(deleted);
        for item in &new {
            self.resources.entry(item.resource_id.clone()).or_default().push(Arc::clone(item));
        }
        new
    }

    /// Returns the newest item of a resource.
    pub(crate) fn last(&self, resource_id: &str) -> Option<&Arc<Item>> {
        self.resources.get(resource_id)?.last()
    }

    /// Returns the second-newest item of a resource.
    pub(crate) fn before_last(&self, resource_id: &str) -> Option<&Arc<Item>> {
        self.resources.get(resource_id)?.iter().rev().nth(1)
    }

    /// Returns all items of a resource, oldest first.
    pub(crate) fn of(&self, resource_id: &str) -> &[Arc<Item>] {
        self.resources.get(resource_id).map_or(&[], Vec::as_slice)
    }

    /// Returns the newest item of each resource, sorted by id.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.resources.values().filter_map(|items| items.last())
    }
}

/// Returns `now`, or a time just after `last` if that is later, so that the items of a resource have an order.
fn later(now: Timestamp, last: Timestamp) -> Timestamp {
    if now > last { now } else { clock::from_millis(last.as_millisecond().saturating_add(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(permissions: &Value) -> Value {
        json!({"GroupId": "sg-0aaaaaaaaaaaaaaaa", "GroupName": "web", "Description": "web tier",
               "OwnerId": "111122223333", "VpcId": "vpc-1", "IpPermissions": permissions,
               "IpPermissionsEgress": [], "Tags": [{"Key": "Name", "Value": "web"}]})
    }

    fn ssh() -> Value {
        json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [], "PrefixListIds": [],
               "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "temp ssh"}], "UserIdGroupPairs": []})
    }

    #[test]
    fn a_group_is_discovered_changed_and_deleted() {
        let mut history = History::default();
        let time = clock::from_millis(1_772_360_130_123);
        let discovered = history.record(&[group(&json!([]))], &[], time);
        assert_eq!(discovered[0].status, ItemStatus::Discovered);
        assert!(discovered[0].diff.is_null());

        assert!(history.record(&[group(&json!([]))], &[], time).is_empty(), "no change, no item");

        let changed = history.record(&[group(&json!([ssh()]))], &[], time);
        assert_eq!(changed[0].status, ItemStatus::Ok);
        assert!(changed[0].captured > discovered[0].captured, "the same millisecond still gives an order");
        assert_eq!(
            changed[0].diff,
            json!({"changeType": "UPDATE", "changedProperties": {"Configuration.IpPermissions.0": {
                "previousValue": null, "changeType": "CREATE", "updatedValue": {
                    "fromPort": 22, "toPort": 22, "ipProtocol": "tcp", "ipv6Ranges": [], "prefixListIds": [],
                    "userIdGroupPairs": [], "ipRanges": ["0.0.0.0/0"],
                    "ipv4Ranges": [{"cidrIp": "0.0.0.0/0", "description": "temp ssh"}]}}}})
        );

        let deleted = history.record(&[], &[], time);
        assert_eq!((deleted[0].status, deleted[0].configuration.is_null()), (ItemStatus::Deleted, true));
        assert!(history.record(&[], &[], time).is_empty(), "deleted once");
    }

    #[test]
    fn a_partial_check_deletes_requested_groups_only() {
        let mut history = History::default();
        let now = clock::now();
        history.record(&[group(&json!([]))], &[], now);
        assert!(history.record(&[], &["sg-0bbbbbbbbbbbbbbbb".to_owned()], now).is_empty());
        assert_eq!(history.record(&[], &["sg-0aaaaaaaaaaaaaaaa".to_owned()], now).len(), 1);
    }

    #[test]
    fn all_traffic_has_no_ports() {
        let all = json!({"IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]});
        let item = Item::of_group(&group(&json!([all])), clock::now()).unwrap();
        assert_eq!(
            item.configuration["ipPermissions"][0],
            json!({"ipProtocol": "-1", "ipv4Ranges": [{"cidrIp": "192.0.2.0/24"}], "ipv6Ranges": [],
                   "prefixListIds": [], "userIdGroupPairs": [], "ipRanges": ["192.0.2.0/24"]})
        );
    }
}
