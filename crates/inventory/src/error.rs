//! Errors of an input, and of a single record.

use std::fmt;
use std::io;

use findings::NotScanned;

use super::buffer::Position;
use super::hidden::Hidden;

/// Position of an error in an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputLocation {
    /// The file as the caller named it; `-` is standard input.
    pub file: String,
    /// Line, counted from 1.
    pub line: u64,
    /// Column in bytes, counted from 1.
    pub column: u64,
    /// Number of the group, item or rule, counted from 1. `None` before the first record, and in templates and plans.
    pub record: Option<u64>,
}

impl InputLocation {
    pub(super) fn new(file: &str, position: Position, record: Option<u64>) -> Self {
        Self { file: file.to_owned(), line: position.line, column: position.column, record }
    }
}

impl fmt::Display for InputLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, line {}, column {}", self.file, self.line, self.column)?;
        self.record.map_or(Ok(()), |record| write!(f, ", record {record}"))
    }
}

/// An input could not be read to its end. The records that were handed out are not all of it.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file could not be read or decoded.
    #[error("`{file}` could not be read")]
    Read {
        /// The file.
        file: String,
        /// Error of the operating system or the decoder.
        #[source]
        problem: io::Error,
    },
    /// The input is empty or white space.
    #[error("`{file}` is empty: did the command that wrote it fail?")]
    Empty {
        /// The file.
        file: String,
    },
    /// The input begins like JSON, and is malformed.
    #[error("{location}: malformed JSON: {problem}")]
    Json {
        /// Position of the error.
        location: InputLocation,
        /// Message of the parser.
        problem: String,
    },
    /// The bytes are not those of a text.
    #[error("{location}: not UTF-8: save the file in UTF-8")]
    NotUtf8 {
        /// Position of the first such byte.
        location: InputLocation,
    },
    /// The JSON ends too early.
    #[error("{location}: the JSON ends early: copy or download the file again")]
    Truncated {
        /// End of the input.
        location: InputLocation,
    },
    /// The input does not begin like JSON, and is malformed YAML.
    #[error("{location}: neither JSON nor YAML: {problem}")]
    Yaml {
        /// Position of the error.
        location: InputLocation,
        /// Message of the parser.
        problem: String,
    },
    /// The input is well-formed, and of no kind that contains security groups.
    #[error(
        "{location}: no security groups in {found}: give the output of `aws ec2 describe-security-groups`, a snapshot or \
         items of AWS Config, a CloudFormation template, or the output of `terraform show -json`"
    )]
    NotGroups {
        /// Position of the value.
        location: InputLocation,
        /// Kind of the value.
        found: String,
    },
    /// A single value is too large to be held in memory.
    #[error("{location}: a single value of more than {limit} bytes: split the file")]
    TooLarge {
        /// Beginning of the value.
        location: InputLocation,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// The input has more single rules than can be put together to groups.
    #[error("{location}: more than {limit} rules: give the output of `aws ec2 describe-security-groups` instead")]
    TooManyRules {
        /// The first rule beyond the limit.
        location: InputLocation,
        /// Maximum number of rules.
        limit: usize,
    },
    /// Configuration items could not be kept until the end of the inputs.
    #[error("configuration items could not be kept in the temporary directory (set TMPDIR to use another one)")]
    Spool(#[source] io::Error),
    /// The caller gave a value for a parameter that the template does not have.
    #[error("`{file}` has no parameter `{name}`: {known}")]
    UnknownParameter {
        /// The template.
        file: String,
        /// The parameter as the caller named it.
        name: String,
        /// The parameters of the template.
        known: String,
    },
    /// The caller gave a value for a parameter, and no input is a template.
    #[error("parameter `{name}` has no use: no input is a template")]
    NoTemplate {
        /// The parameter as the caller named it.
        name: String,
    },
}

/// A record that is not understood. It does not hide others, and never counts as compliant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}{}: {problem}", id.as_ref().map(|id| format!(" (`{id}`)")).unwrap_or_default())]
pub struct RecordError {
    /// Position of the record.
    pub location: InputLocation,
    /// The group or resource, if it is known.
    pub id: Option<String>,
    /// The failure and its remedy.
    pub problem: String,
    /// Set if nothing is wrong with the record, and its content is elsewhere.
    pub hidden: Option<Hidden>,
}

impl From<&RecordError> for NotScanned {
    fn from(error: &RecordError) -> Self {
        let target = match &error.id {
            Some(id) => format!("{id} ({})", error.location),
            None => error.location.to_string(),
        };
        let reason = match error.hidden {
            Some(hidden) => format!("{}, or accept it by --accept-not-scanned {hidden}", error.problem),
            None => error.problem.clone(),
        };
        Self { account: None, region: None, target: Some(target), reason }
    }
}
