//! Exemption by a tag of the group.

use super::{Exemption, Expiry, GroupSelector};
use crate::group::SecurityGroup;

/// Returns the exemption that the tag `key` grants to a group, if the group has that tag.
///
/// The value of the tag is the reason. It may start with the expiry: `2026-12-31 moving to a VPN`. A value that starts
/// with a digit but not with a valid expiry grants no exemption, so that a typing error cannot make an exemption
/// permanent.
pub(super) fn exemption_by_tag(group: &SecurityGroup, key: &str) -> Option<Exemption> {
    let value = group.tags.get(key)?.trim();
    let (first, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    let begins_like_a_date = first.starts_with(|first: char| first.is_ascii_digit());
    let (expires, reason) = if begins_like_a_date { (Some(Expiry::parse(first)?), rest.trim()) } else { (None, value) };
    Some(Exemption {
        group: GroupSelector::Id(group.id.clone()),
        account_id: None,
        ports: None,
        expires,
        reason: if reason.is_empty() { format!("tag {key}") } else { format!("tag {key}: {reason}") },
        owner: None,
    })
}
