//! URLs in the document.

use crate::problem::quoted;
use crate::reader::Value;

const URL_MAX: usize = 2000;

/// A base URL, without a slash at its end.
pub(crate) fn base_url(value: Value<'_>) -> Option<String> {
    Some(url(value, false)?.trim_end_matches('/').to_owned())
}

/// A URL with TLS, or of this machine. It contains no user or password, and a message does not repeat it.
pub(crate) fn url(value: Value<'_>, may_have_query: bool) -> Option<String> {
    let (place, text) = value.text_of(URL_MAX)?;
    let is_local = ["http://localhost", "http://127.0.0.1"]
        .iter()
        .any(|local| text.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?'])));
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://").filter(|_| is_local));
    let Some(rest) = rest else {
        place.problem("is not a URL that begins with https://: messages are sent with TLS only");
        return None;
    };
    let (authority, tail) = rest.split_at_checked(rest.find(['/', '?', '#']).unwrap_or(rest.len()))?;
    if authority.contains('@') {
        place.problem("has a user or a password before the host: remove them, and refer to the secret by its own key");
        return None;
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_host = host.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    let is_port =
        port.is_none_or(|port| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()));
    let is_tail = tail.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte));
    if !is_host || !is_port || !is_tail {
        place.problem(format!("is not a URL such as {}", quoted("https://jira.example.com")));
        return None;
    }
    if !may_have_query && tail.contains('?') {
        place.problem("has a query: write the base URL, such as `https://jira.example.com`");
        return None;
    }
    Some(text)
}
