//! Position of a group in a template or a plan.

use std::fmt;

use serde::Serialize;

/// Position of a resource in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file as the caller named it; `-` is standard input.
    pub file: String,
    /// Logical id in CloudFormation, address in Terraform.
    pub resource: Option<String>,
    /// Line, counted from 1; `None` if it is not known.
    pub line: Option<u64>,
}

impl Location {
    /// Name of the file for a reader.
    #[must_use]
    pub fn file_name(&self) -> &str {
        if self.file == "-" { "standard input" } else { &self.file }
    }
}

/// The position as editors and terminals understand it: `web.yaml:7`.
impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.file_name())?;
        self.line.map_or(Ok(()), |line| write!(formatter, ":{line}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::line("web.yaml", Some(7), "web.yaml:7")]
    #[case::no_line("plan.json", None, "plan.json")]
    #[case::standard_input("-", Some(7), "standard input:7")]
    fn a_position_is_a_file_and_its_line(#[case] file: &str, #[case] line: Option<u64>, #[case] shown: &str) {
        assert_eq!(Location { file: file.into(), resource: None, line }.to_string(), shown);
    }
}
