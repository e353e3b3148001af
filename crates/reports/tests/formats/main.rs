//! Reports on one fixed set of results: as snapshots, against the published schemas, and by their properties.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod behaviour;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "html")]
mod html;
mod properties;
#[cfg(feature = "remembered")]
mod remembered;
mod results;
mod schemas;
mod snapshots;
#[cfg(feature = "table")]
mod table;

use std::io;

use findings::{GroupResult, NotScanned};
use reports::{Format, ReportOptions, report};

/// The report on `results`, and the result of finishing it.
fn written(
    format: Format,
    options: ReportOptions,
    results: &[GroupResult],
    not_scanned: Vec<NotScanned>,
) -> (String, io::Result<()>) {
    let mut bytes = Vec::new();
    let mut report = report(format, Box::new(&mut bytes), options);
    for result in results {
        report.group(result).unwrap();
    }
    let ended = report.finish(&results::totals(results, not_scanned));
    (String::from_utf8(bytes).unwrap(), ended)
}

/// The report on the whole fixed set.
fn full(format: Format) -> String {
    let (text, ended) = written(format, results::options(), &results::results(), results::not_scanned());
    // A template has no account, which is an error in ASFF only.
    assert_eq!(ended.is_err(), format == Format::Asff, "{ended:?}");
    text
}
