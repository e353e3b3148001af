//! Lists as SSM may write them. AWS does not document whether a list, or a list in text, arrives as JSON.

use serde_json::Value;

/// Reads a list of values that contain neither commas, quotes, brackets nor spaces: a JSON list of texts, or text such as
/// `["a","b"]`, `[a, b]`, `['a', 'b']` or `a, b`. A list with one empty member is empty, because SSM may pass an empty
/// list so. Returns `None` for all else, such as a list in which one of several members is empty.
pub(super) fn read_list(value: &Value) -> Option<Vec<String>> {
    let members = match value {
        Value::Array(members) => from_json(members)?,
        Value::String(text) => from_text(text.trim_matches(' '))?,
        _ => return None,
    };
    match members.as_slice() {
        [only] if only.is_empty() => Some(Vec::new()),
        all => all.iter().all(|member| !member.is_empty()).then(|| all.to_vec()),
    }
}

fn from_json(members: &[Value]) -> Option<Vec<String>> {
    members.iter().map(|member| Some(member.as_str()?.trim().to_owned())).collect()
}

fn from_text(text: &str) -> Option<Vec<String>> {
    if let Ok(Value::Array(members)) = serde_json::from_str(text) {
        return from_json(&members);
    }
    let members = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => text,
    };
    members.split(',').map(|member| unquoted(member.trim_matches(' '))).collect()
}

/// A member of a list without its quotes. `None` if it has quotes, brackets or spaces within.
fn unquoted(member: &str) -> Option<String> {
    let quoted = ['\'', '"'].iter().find_map(|quote| member.strip_prefix(*quote)?.strip_suffix(*quote));
    let member = quoted.map_or(member, |inner| inner.trim_matches(' '));
    let is_plain = !member.contains(|char: char| char.is_whitespace() || matches!(char, '\'' | '"' | '[' | ']'));
    is_plain.then(|| member.to_owned())
}
