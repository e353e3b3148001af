//! Report formats by name.

use std::fmt;
use std::str::FromStr;

/// Format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// A table for a terminal.
    #[cfg(feature = "table")]
    Table,
    /// One document, `portcullis.scan/1`, with every evaluated group.
    Json,
    /// The groups of `Json`, one per line.
    Jsonl,
    /// One line per exposure, for a spreadsheet.
    #[cfg(feature = "csv")]
    Csv,
    /// One self-contained page.
    #[cfg(feature = "html")]
    Html,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// AWS Security Finding Format, for AWS Security Hub.
    Asff,
    /// Compliance Finding of the Open Cybersecurity Schema Framework, one per line.
    Ocsf,
}

impl Format {
    /// All formats, in the order of the help text.
    pub const ALL: &'static [Self] = &[
        #[cfg(feature = "table")]
        Self::Table,
        Self::Json,
        Self::Jsonl,
        #[cfg(feature = "csv")]
        Self::Csv,
        #[cfg(feature = "html")]
        Self::Html,
        Self::Sarif,
        Self::Asff,
        Self::Ocsf,
    ];

    /// Name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "table")]
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            #[cfg(feature = "csv")]
            Self::Csv => "csv",
            #[cfg(feature = "html")]
            Self::Html => "html",
            Self::Sarif => "sarif",
            Self::Asff => "asff",
            Self::Ocsf => "ocsf",
        }
    }

    /// Whether a report in this format is written group by group, not only at its end.
    #[must_use]
    pub fn is_streamed(self) -> bool {
        match self {
            #[cfg(feature = "table")]
            Self::Table => false,
            #[cfg(feature = "html")]
            Self::Html => false,
            #[cfg(feature = "csv")]
            Self::Csv => true,
            Self::Json => false,
            Self::Jsonl | Self::Sarif | Self::Asff | Self::Ocsf => true,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that no format has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`: use {names}", names = names())]
pub struct FormatError(String);

/// The names of all formats: `table, json or csv`.
fn names() -> String {
    let names: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
    let (last, first) = names.split_last().unwrap_or((&"", &[]));
    format!("{} or {last}", first.join(", "))
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|format| format.as_str() == name);
        found.copied().ok_or_else(|| FormatError(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
    }

    #[cfg(all(feature = "csv", feature = "html", feature = "table"))]
    #[test]
    fn another_name_is_refused_with_the_list() {
        assert_eq!(
            "xml".parse::<Format>().unwrap_err().to_string(),
            "unknown format `xml`: use table, json, jsonl, csv, html, sarif, asff or ocsf"
        );
    }
}
