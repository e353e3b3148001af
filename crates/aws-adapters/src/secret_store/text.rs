//! The text of a secret in what is stored. No problem repeats a part of it.

use serde_json::{Map, Value};

const EMPTY: &str = "is empty: store the token, the key or the URL";

/// The text of a parameter, without a final line break, which commands and editors append.
pub(super) fn of_parameter(stored: &str) -> Result<String, &'static str> {
    let text = stored.strip_suffix('\n').unwrap_or(stored);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() { Err(EMPTY) } else { Ok(text.to_owned()) }
}

/// The text of a secret. The console of Secrets Manager stores an object with a key, so the only value of an object is the text.
pub(super) fn of_secret(stored: &str) -> Result<String, &'static str> {
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(stored) else { return of_parameter(stored) };
    let mut values = object.values();
    match (values.next(), values.next()) {
        (Some(Value::String(text)), None) => of_parameter(text),
        _ => Err("is a JSON object with other than one text: store the text alone, or an object with one key"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("xoxb-1", Some("xoxb-1"))]
    #[case("xoxb-1\n", Some("xoxb-1"))]
    #[case("xoxb-1\r\n", Some("xoxb-1"))]
    #[case("xoxb-1\n\n", Some("xoxb-1\n"))]
    #[case(" a b ", Some(" a b "))]
    #[case("[1]", Some("[1]"))]
    #[case("\"quoted\"", Some("\"quoted\""))]
    #[case("{broken", Some("{broken"))]
    #[case("", None)]
    #[case("\n", None)]
    #[case("  ", None)]
    fn a_text_is_taken_as_it_is(#[case] stored: &str, #[case] expected: Option<&str>) {
        assert_eq!(of_parameter(stored).ok().as_deref(), expected);
        assert_eq!(of_secret(stored).ok().as_deref(), expected);
    }

    #[rstest]
    #[case(r#"{"token": "xoxb-1"}"#, Some("xoxb-1"))]
    #[case("{\"token\": \"xoxb-1\\n\"}\n", Some("xoxb-1"))]
    #[case(r#"{"token": ""}"#, None)]
    #[case(r#"{"token": 1}"#, None)]
    #[case(r#"{"token": {"a": "b"}}"#, None)]
    #[case(r#"{"user": "a", "token": "b"}"#, None)]
    #[case("{}", None)]
    fn an_object_has_one_text(#[case] stored: &str, #[case] expected: Option<&str>) {
        assert_eq!(of_secret(stored).ok().as_deref(), expected);
        assert_eq!(of_parameter(stored).ok().as_deref(), Some(stored.trim_end_matches('\n')));
    }
}
