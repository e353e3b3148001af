//! Events of AWS CloudTrail about changes to ingress rules.
//!
//! CloudTrail writes the parameters of a call as the service spells them: camel case for `AuthorizeSecurityGroupIngress`,
//! Pascal case for `ModifySecurityGroupRules`, lists as `{"items": […]}`, and an empty list as `{}`. So keys are matched
//! without regard to case, and one object counts as a list of one.

mod change;
mod identity;

pub use change::{ChangedRule, RuleChange};
pub use identity::Identity;

use serde_json::Value;

/// The member `key` of an object.
fn member<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// A member that is a text and not empty.
fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    member(value, key)?.as_str().filter(|text| !text.is_empty())
}

/// The elements of a list.
fn elements(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(list)) => list,
        Some(object @ Value::Object(members)) => match member(object, "items") {
            Some(list) => elements(Some(list)),
            None if members.is_empty() => &[],
            None => std::slice::from_ref(object),
        },
        _ => &[],
    }
}
