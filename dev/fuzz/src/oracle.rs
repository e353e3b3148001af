//! An independent oracle, simple and without the code under test: the conditions under which an event may yield
//! `COMPLIANT`.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::account::PREFIX_LIST;

/// The lists of sources of a permission.
const LISTS: [&str; 5] = ["ipv4Ranges", "ipv6Ranges", "ipRanges", "prefixListIds", "userIdGroupPairs"];

/// Reads an `invokingEvent` that yielded a compliant group, and so must be JSON.
pub(crate) fn parsed(invoking_event: &str) -> Value {
    json(invoking_event).expect("an invalid event yields a compliant group")
}

/// Reads JSON more tolerantly than `serde_json` does for a `Value`. In ignored members `serde_json` accepts well-formed
/// JSON that it rejects elsewhere: an unpaired surrogate such as `\ud800`, and a number out of the range of a float.
fn json(text: &str) -> Option<Value> {
    let whole = || text.replace("\\ud", "\\u0").replace("\\uD", "\\u0");
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&with_small_numbers(&whole()))).ok()
}

/// Cuts numbers outside strings: exponents to one digit, and other digits to eighteen, which is still not a port.
fn with_small_numbers(text: &str) -> String {
    let mut small = String::with_capacity(text.len());
    let (mut in_string, mut is_escaped) = (false, false);
    let (mut digits, mut is_exponent) = (0, false);
    for character in text.chars() {
        if in_string || !character.is_ascii_digit() {
            let is_sign = matches!(character, '+' | '-') && is_exponent && digits == 0;
            is_exponent = !in_string && (is_sign || matches!(character, 'e' | 'E'));
            digits = 0;
            in_string ^= character == '"' && !is_escaped;
            is_escaped = in_string && character == '\\' && !is_escaped;
        } else {
            digits += 1;
            if digits > if is_exponent { 1 } else { 18 } {
                continue;
            }
        }
        small.push(character);
    }
    small
}

/// Returns an objection to the result `COMPLIANT` for the group in `item` under [`crate::account::RULE_PARAMETERS`], if
/// there is one.
pub(crate) fn objection(item: &Value) -> Option<&'static str> {
    not_an_active_group(item).or_else(|| open(item))
}

/// Returns an objection to `item` as an existing security group.
pub(crate) fn not_an_active_group(item: &Value) -> Option<&'static str> {
    let Some(configuration) = configuration(item) else { return Some("there is no configuration") };
    let active = matches!(text(item, "configurationItemStatus"), Some("OK" | "ResourceDiscovered"));
    let checks = [
        (item.is_object(), "the item is no object"),
        (text(item, "resourceType") == Some("AWS::EC2::SecurityGroup"), "the item is of no security group"),
        (active, "the group is not recorded"),
        (text(item, "resourceId").is_some(), "the item has no id"),
        (configuration.is_object(), "the configuration is no object"),
        (text(&configuration, "groupId") == text(item, "resourceId"), "the configuration is of another group"),
    ];
    checks.into_iter().find(|(holds, _)| !holds).map(|(_, objection)| objection)
}

/// Returns the configuration, which is an object or text that contains one.
fn configuration(item: &Value) -> Option<Value> {
    match item.get("configuration")? {
        Value::String(text) => json(text),
        configuration => Some(configuration.clone()),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

/// Returns a reason why port 22 or 3389 may be open, or why that is unknown.
fn open(item: &Value) -> Option<&'static str> {
    let permissions = match configuration(item)?.get("ipPermissions") {
        None | Some(Value::Null) => return Some("the list of permissions is missing"),
        Some(Value::Array(permissions)) => permissions.clone(),
        Some(_) => return Some("the permissions are not a list"),
    };
    permissions.iter().find_map(|permission| {
        if !permission.is_object() {
            return Some("a permission is not an object");
        }
        if !may_carry_a_focus_port(permission) {
            return None;
        }
        if LISTS.iter().all(|list| permission.get(list).is_none_or(Value::is_null)) {
            return Some("a permission has no source");
        }
        let mut sources = LISTS.iter().flat_map(|list| sources(permission, list));
        sources.find_map(|(list, source)| objection_to_source(list, &source))
    })
}

fn sources(permission: &Value, list: &'static str) -> Vec<(&'static str, Value)> {
    match permission.get(list) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(sources)) => sources.iter().map(|source| (list, source.clone())).collect(),
        Some(other) => vec![(list, other.clone())],
    }
}

/// Returns true unless the permission is clearly harmless. Deliberately simpler than the code under test.
fn may_carry_a_focus_port(permission: &Value) -> bool {
    let port = |key| match permission.get(key) {
        None | Some(Value::Null) => Some(-1),
        Some(port) => port.as_i64(),
    };
    match text(permission, "ipProtocol").unwrap_or_default().to_ascii_lowercase().as_str() {
        "tcp" | "udp" | "6" | "17" => match (port("fromPort"), port("toPort")) {
            (Some(from @ 0..=65535), Some(to @ 0..=65535)) if from <= to => {
                [22, 3389].iter().any(|port| (from..=to).contains(port))
            }
            _ => true,
        },
        "icmp" | "icmpv6" => false,
        // By number; -1 is not a `u8`, and means all traffic.
        number => number.parse::<u8>().map_or(true, |parsed| parsed.to_string() != number),
    }
}

fn objection_to_source(list: &str, source: &Value) -> Option<&'static str> {
    match list {
        "ipRanges" => objection_to_cidr(source.as_str().or_else(|| text(source, "cidrIp"))),
        "ipv4Ranges" => objection_to_cidr(text(source, "cidrIp")),
        "ipv6Ranges" => objection_to_cidr(text(source, "cidrIpv6")),
        "prefixListIds" => {
            (text(source, "prefixListId") != Some(PREFIX_LIST)).then_some("a prefix list cannot be read")
        }
        _ => {
            let named =
                ["groupId", "groupName"].iter().any(|key| text(source, key).is_some_and(|name| !name.is_empty()));
            (!named).then_some("a reference names no group")
        }
    }
}

fn objection_to_cidr(cidr: Option<&str>) -> Option<&'static str> {
    let Some(cidr) = cidr else { return Some("a source is not a CIDR") };
    let (address, prefix) = cidr.split_once('/').map_or((cidr, None), |(address, prefix)| (address, Some(prefix)));
    let longest = match (address.parse::<Ipv4Addr>(), address.parse::<Ipv6Addr>()) {
        (Ok(_), _) => 32,
        (_, Ok(_)) => 128,
        _ => return Some("a source is not a CIDR"),
    };
    match prefix.map(str::parse::<u8>) {
        None => None,
        Some(Ok(0)) => Some("a source is the whole world"),
        Some(Ok(length)) if length <= longest => None,
        // A mask such as 255.0.0.0.
        Some(Err(_)) if longest == 32 && prefix.is_some_and(|mask| mask.parse::<Ipv4Addr>().is_ok_and(is_mask)) => None,
        Some(_) => Some("a source is not a CIDR"),
    }
}

fn is_mask(mask: Ipv4Addr) -> bool {
    let bits = mask.to_bits();
    bits.leading_ones() + bits.trailing_zeros() >= 32 && bits != 0
}
