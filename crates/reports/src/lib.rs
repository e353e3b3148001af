#![doc = include_str!("../README.md")]

#[cfg(feature = "scan")]
mod asff;
#[cfg(any(feature = "csv", feature = "remembered"))]
mod cell;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "scan")]
mod fix;
#[cfg(feature = "scan")]
mod format;
#[cfg(feature = "html")]
mod html;
#[cfg(feature = "scan")]
mod json;
#[cfg(feature = "scan")]
mod json_array;
#[cfg(any(feature = "html", feature = "remembered"))]
mod numbers;
#[cfg(feature = "scan")]
mod ocsf;
#[cfg(feature = "scan")]
mod rank;
#[cfg(feature = "remembered")]
mod remembered;
#[cfg(feature = "scan")]
mod sarif;
#[cfg(feature = "scan")]
mod scan;
#[cfg(feature = "scan")]
mod scan_info;
#[cfg(any(feature = "html", feature = "table"))]
mod snippet;
#[cfg(feature = "table")]
mod table;
#[cfg(feature = "scan")]
mod wording;

#[cfg(feature = "scan")]
pub use self::asff::AsffError;
#[cfg(feature = "scan")]
pub use self::format::{Format, FormatError};
#[cfg(feature = "scan")]
pub use self::json::SCHEMA;
#[cfg(feature = "remembered")]
pub use self::remembered::{Figures, ListedFinding, OpenFindings, Period, RememberedReport, TimeToClose};
#[cfg(feature = "scan")]
pub use self::scan::{Report, ReportOptions, report};
#[cfg(feature = "table")]
pub use self::table::text_table;
