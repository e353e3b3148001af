//! The formats by name.

use std::fmt;
use std::str::FromStr;

/// A format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For a terminal.
    Table,
    /// One document, `portcullis.scan/1`, with every evaluated group.
    Json,
    /// The same groups, one per line.
    Jsonl,
    /// One line per exposure, for a spreadsheet.
    Csv,
    /// One self-contained page.
    Html,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// AWS Security Finding Format, for AWS Security Hub.
    Asff,
    /// Compliance Finding of the Open Cybersecurity Schema Framework, one per line.
    Ocsf,
}

impl Format {
    /// All of them, as a help text lists them.
    pub const ALL: [Self; 8] =
        [Self::Table, Self::Json, Self::Jsonl, Self::Csv, Self::Html, Self::Sarif, Self::Asff, Self::Ocsf];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Sarif => "sarif",
            Self::Asff => "asff",
            Self::Ocsf => "ocsf",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is none of a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no format; use one of {list}", list = Format::ALL.map(Format::as_str).join(", "))]
pub struct FormatError(String);

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| FormatError(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
    }

    #[test]
    fn another_name_is_refused_with_the_list() {
        assert_eq!(
            "xml".parse::<Format>().unwrap_err().to_string(),
            "`xml` is no format; use one of table, json, jsonl, csv, html, sarif, asff, ocsf"
        );
    }
}
