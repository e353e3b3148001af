//! The reports over one fixed set of results: as snapshots, against the published schemas, and as a whole.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod behaviour;
mod properties;
mod results;
mod schemas;
mod snapshots;

use std::io;

use scan::{Format, GroupResult, NotScanned, ReportOptions, report};

/// The report on `results`, and how it ended.
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
    let ended = report.finish(&results::summary(results, not_scanned));
    (String::from_utf8(bytes).unwrap(), ended)
}

/// The report on everything that the fixed set has.
fn full(format: Format) -> String {
    let (text, ended) = written(format, results::options(), &results::results(), results::not_scanned());
    // A template has no account, and that is an error in one format only.
    assert_eq!(ended.is_err(), format == Format::Asff, "{ended:?}");
    text
}
