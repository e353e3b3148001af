//! What can be wrong with an input, and with one record of it.

use std::fmt;
use std::io;

use super::buffer::Position;
use findings::NotScanned;

/// Where in an input something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputLocation {
    /// The file as it was named; `-` is standard input.
    pub file: String,
    /// Counted from 1.
    pub line: u64,
    /// In bytes, counted from 1.
    pub column: u64,
    /// The group, item or rule, counted from 1. `None` before the first, and in texts that are no list of records.
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

/// Why an input cannot be read, or not to its end. Whatever was read before is not all of it.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It cannot be read at all.
    #[error("`{file}` could not be read")]
    Read {
        /// The file.
        file: String,
        /// What the operating system or the decoder says.
        #[source]
        problem: io::Error,
    },
    /// Nothing but white space.
    #[error("`{file}` is empty: did the command that wrote it fail?")]
    Empty {
        /// The file.
        file: String,
    },
    /// Not JSON.
    #[error("{location}: malformed JSON: {problem}")]
    Json {
        /// Where.
        location: InputLocation,
        /// What is wrong.
        problem: String,
    },
    /// The JSON ends too early.
    #[error("{location}: the JSON ends early: copy or download the file again")]
    Truncated {
        /// Where.
        location: InputLocation,
    },
    /// Not YAML either.
    #[error("{location}: neither JSON nor YAML: {problem}")]
    Yaml {
        /// Where.
        location: InputLocation,
        /// What is wrong.
        problem: String,
    },
    /// Well-formed, but nothing that says anything of security groups.
    #[error(
        "{location}: no security groups in {found}: give the output of `aws ec2 describe-security-groups`, a snapshot or \
         items of AWS Config, a CloudFormation template, or the output of `terraform show -json`"
    )]
    NotGroups {
        /// Where.
        location: InputLocation,
        /// What is there.
        found: String,
    },
    /// A single value that would take too much memory.
    #[error("{location}: a single value of more than {limit} bytes: split the file")]
    TooLarge {
        /// Where it begins.
        location: InputLocation,
        /// The limit.
        limit: usize,
    },
    /// More single rules than are put together to groups.
    #[error("{location}: more than {limit} rules: give the output of `aws ec2 describe-security-groups` instead")]
    TooManyRules {
        /// The first rule too many.
        location: InputLocation,
        /// The limit.
        limit: usize,
    },
    /// A parameter value for a template that has no such parameter.
    #[error("`{file}` has no parameter `{name}`: {known}")]
    UnknownParameter {
        /// The template.
        file: String,
        /// The parameter as it was given.
        name: String,
        /// Which parameters there are.
        known: String,
    },
}

/// A record that cannot be understood. It hides no other, and is never compliant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}{}: {problem}", id.as_ref().map(|id| format!(" (`{id}`)")).unwrap_or_default())]
pub struct RecordError {
    /// Where it is.
    pub location: InputLocation,
    /// The group or resource, if that much is known.
    pub id: Option<String>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl From<&RecordError> for NotScanned {
    fn from(error: &RecordError) -> Self {
        let target = match &error.id {
            Some(id) => format!("{id} ({})", error.location),
            None => error.location.to_string(),
        };
        Self { account: None, region: None, target: Some(target), reason: error.problem.clone() }
    }
}
