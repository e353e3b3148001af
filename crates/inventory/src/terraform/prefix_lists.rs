//! Prefix lists that a plan or a state has with their entries.

use std::collections::BTreeMap;

use exposure::{AddressSet, PrefixList};
use ipnetwork::IpNetwork;
use serde_json::Value;

use super::resource::{Resource, Standing, has_unknown};

/// Kinds of resources that are read.
pub(super) const KINDS: [&str; 2] = [LIST, ENTRY];
pub(super) const LIST: &str = "aws_ec2_managed_prefix_list";
const ENTRY: &str = "aws_ec2_managed_prefix_list_entry";

/// The lists by address, and by id if they have one.
pub(super) fn of(resources: &[Resource<'_>]) -> BTreeMap<String, PrefixList> {
    let mut lists = BTreeMap::new();
    for list in resources.iter().filter(|resource| resource.kind == LIST) {
        let id = list.values.get("id").and_then(Value::as_str);
        let separate = resources.iter().filter(|resource| resource.kind == ENTRY);
        // An entry of a list without an id may be one of this list.
        let separate: Vec<_> = separate
            .filter(|entry| entry.values.get("prefix_list_id").is_none_or(|of| of.is_null() || of.as_str() == id))
            .map(|entry| if entry.damage.is_some() { &Value::Null } else { entry.values })
            .collect();
        let inline = list.values.get("entry").and_then(Value::as_array).into_iter().flatten();
        let is_unknown = list.unknown("entry").is_some_and(|entry| match entry {
            // Known only after apply because there is none, as with the rules of a group: its entries are resources.
            Value::Bool(_) if list.is_created() && !separate.is_empty() => false,
            entry => has_unknown(entry),
        });
        let is_unknown = is_unknown || list.damage.is_some();
        let networks: Option<AddressSet> = inline.chain(separate).map(network).collect();
        let unreadable = || {
            let reason = format!("its entries in the resource `{}` are known only after apply", list.address);
            PrefixList::Unreadable { reason }
        };
        let entries = networks.filter(|_| !is_unknown).map_or_else(unreadable, PrefixList::Entries);
        // A reference means the current list, never a deposed one.
        let address = (list.standing == Standing::Current).then_some(list.address);
        lists.extend([address, id].into_iter().flatten().map(|name| (name.to_owned(), entries.clone())));
    }
    lists
}

fn network(entry: &Value) -> Option<IpNetwork> {
    entry.get("cidr")?.as_str()?.parse().ok()
}
