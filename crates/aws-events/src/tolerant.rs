//! Tolerant reading of JSON: keys are matched without regard to case, a list may be `{"items": […]}`, and one object counts as
//! a list of one.

use serde_json::Value;

/// The member `key` of an object.
pub(crate) fn member<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// The value at the end of a path of keys.
pub(crate) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| member(value, key))
}

/// A member that is a text and not empty.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    text_at(value, &[key])
}

/// The text at the end of a path of keys, if it is not empty.
pub(crate) fn text_at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path)?.as_str().filter(|text| !text.is_empty())
}

/// A member that is an integer. Some events have it as text.
pub(crate) fn integer(value: &Value, key: &str) -> Option<i64> {
    let number = member(value, key)?;
    number.as_i64().or_else(|| number.as_str()?.parse().ok())
}

/// Whether a member is true. Some events have it as text.
pub(crate) fn is_true(value: &Value, key: &str) -> bool {
    match member(value, key) {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// The elements of a list.
pub(crate) fn elements(value: Option<&Value>) -> &[Value] {
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
