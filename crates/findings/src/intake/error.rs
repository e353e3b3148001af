//! Why an event is refused.

use std::fmt::Write as _;

use serde_path_to_error::{Path, Segment};

use crate::finding::{KeyError, Text};

/// An event is refused. The messages are short, and repeat no value but ids: an event may contain what is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Not JSON.
    #[error("the event is not JSON (line {line}, column {column}): send events as EventBridge delivers them")]
    NotJson {
        /// Line of the mistake, from 1.
        line: usize,
        /// Column of the mistake, from 1.
        column: usize,
    },
    /// A field is missing, or has another form.
    #[error("`{kind}` is malformed: {field}{problem}: update Portcullis if a newer version wrote the event")]
    Malformed {
        /// The kind of event.
        kind: &'static str,
        /// Path of the field, such as ``field `detail.region` ``, and a space; empty if the problem names it.
        field: Text<200>,
        /// What is wrong with it.
        problem: Text<200>,
    },
    /// The event is about another account than the one that sent it.
    #[error("`{kind}` from account `{sender}` is about account `{claimed}`: let the stack of that account send it")]
    Foreign {
        /// The kind of event.
        kind: &'static str,
        /// `account`, which EventBridge sets.
        sender: Text<16>,
        /// The account in the detail.
        claimed: Text<16>,
    },
    /// Account, region, group or rule have not the form that AWS documents.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl IntakeError {
    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column() }
    }

    /// The error of a reader. `within` is the path of the value that was read.
    pub(super) fn malformed(
        kind: &'static str,
        within: &str,
        error: serde_path_to_error::Error<serde_json::Error>,
    ) -> Self {
        let path = path(within, error.path());
        Self::field(kind, &path, &without_values(&error.into_inner().to_string()))
    }

    /// A problem of a field.
    pub(super) fn field(kind: &'static str, path: &str, problem: &str) -> Self {
        let field = if path.is_empty() { String::new() } else { format!("field `{}` ", Text::<120>::from(path)) };
        Self::Malformed { kind, field: field.into(), problem: problem.into() }
    }

    pub(super) fn foreign(kind: &'static str, sender: &str, claimed: &str) -> Self {
        Self::Foreign { kind, sender: sender.into(), claimed: claimed.into() }
    }
}

/// Objects whose keys are chosen by others.
const OPEN: [&str; 2] = ["tags", "counts"];

/// The path of a field below `within`. It ends at an object whose keys are not ours.
fn path(within: &str, below: &Path) -> String {
    let mut path = within.to_owned();
    for segment in below {
        let name = match segment {
            Segment::Seq { index } => {
                // Writing to a string does not fail.
                let _ = write!(path, "[{index}]");
                continue;
            }
            Segment::Map { key: name } | Segment::Enum { variant: name } => name.as_str(),
            Segment::Unknown => "?",
        };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        if OPEN.contains(&name) {
            break;
        }
    }
    path
}

/// A message of serde without the value that it quotes.
fn without_values(message: &str) -> String {
    if message.starts_with("missing field") {
        return format!("has a {message}");
    }
    let is_about_a_value =
        ["invalid type", "invalid value", "unknown variant"].iter().any(|it| message.starts_with(it));
    // Of several, the last one is of serde, and not of the value.
    let expected = message.rsplit_once(", expected ").filter(|_| is_about_a_value);
    expected.map_or_else(|| "is not valid".to_owned(), |(_, expected)| format!("is not valid, expected {expected}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::missing("missing field `region`", "has a missing field `region`")]
    #[case::kind("invalid type: string \"xoxb-1, expected 2\", expected u64", "is not valid, expected u64")]
    #[case::word("unknown variant `xoxb-1`, expected `a` or `b`", "is not valid, expected `a` or `b`")]
    #[case::other("failed to parse \"xoxb-1, expected y\"", "is not valid")]
    fn a_message_has_no_values(#[case] message: &str, #[case] expected: &str) {
        assert_eq!(without_values(message), expected);
    }
}
