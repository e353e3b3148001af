//! Version, date and circumstances of a scan, as JSON.

use findings::ScanRecord;
use serde::Serialize;

use super::{ReportOptions, wording};

/// The key `scan` of `portcullis.scan/1`, and the property of the same name in SARIF.
#[derive(Debug, Serialize)]
pub(super) struct ScanInfo<'r> {
    version: &'static str,
    created: String,
    #[serde(flatten)]
    record: &'r ScanRecord,
}

impl<'r> ScanInfo<'r> {
    pub(super) fn of(options: &'r ReportOptions) -> Self {
        Self { version: wording::VERSION, created: created(options), record: &options.record }
    }
}

/// Date of the report in UTC, as RFC 3339.
pub(super) fn created(options: &ReportOptions) -> String {
    options.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
