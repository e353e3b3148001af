#![doc = include_str!("../README.md")]

pub mod input;
mod judge;
mod output;
mod result;

pub use judge::Judge;
pub use output::{AsffError, Format, FormatError, Report, ReportOptions, report};
pub use result::{
    AttachedTo, ComplianceType, Context, ExemptedExposure, FoundExposure, GroupResult, Location, NotScanned, SCHEMA,
    Severity, Status, Summary, UnjudgedRule,
};
