//! `portcullis.scan/1` as one document and as JSON Lines. Its schema is `docs/scan.schema.json`.

use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use findings::{GroupResult, NotScanned, ScanTotals};
use serde::Serialize;
use tempfile::SpooledTempFile;

use super::json_array::JsonArray;
use super::scan_info::ScanInfo;
use super::{Report, ReportOptions};

/// Name and version of the JSON format. Keys of a version stay; new keys may be added.
pub const SCHEMA: &str = "portcullis.scan/1";

/// Size up to which results stay in memory.
const SPOOL_BYTES: usize = 8 << 20;

/// One document. The counts come before the results, so the results wait in a temporary file.
#[derive(Debug)]
pub(super) struct Json<W: Write> {
    writer: W,
    options: ReportOptions,
    results: BufWriter<SpooledTempFile>,
    array: JsonArray,
}

#[derive(Serialize)]
struct Head<'s> {
    schema: &'static str,
    groups_evaluated: u64,
    noncompliant: u64,
    insufficient_data: u64,
    not_scanned: &'s [NotScanned],
    scan: ScanInfo<'s>,
}

impl<W: Write> Json<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        Self {
            writer,
            options,
            results: BufWriter::new(SpooledTempFile::new(SPOOL_BYTES)),
            array: JsonArray::default(),
        }
    }
}

impl<W: Write> Report for Json<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        self.array.push(&mut self.results, result).map_err(in_spool)
    }

    fn flush(&mut self) -> io::Result<()> {
        // The counts come first.
        Ok(())
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        let mut results = self.results.into_inner().map_err(|error| in_spool(error.into_error()))?;
        results.rewind().map_err(in_spool)?;
        let head = serde_json::to_string(&Head {
            schema: SCHEMA,
            groups_evaluated: totals.groups_evaluated,
            noncompliant: totals.noncompliant,
            insufficient_data: totals.insufficient_data,
            not_scanned: &totals.not_scanned,
            scan: ScanInfo::of(&self.options),
        })?;
        let open = head.strip_suffix('}').unwrap_or(&head);
        write!(self.writer, "{open},\"results\":[")?;
        copy(&mut BufReader::new(results), &mut self.writer)?;
        self.writer.write_all(b"\n]}\n")?;
        self.writer.flush()
    }
}

/// Like `io::copy`, but tells errors of the temporary file from those of the report.
fn copy(spool: &mut impl BufRead, writer: &mut impl Write) -> io::Result<()> {
    loop {
        let bytes = spool.fill_buf().map_err(in_spool)?;
        if bytes.is_empty() {
            return Ok(());
        }
        writer.write_all(bytes)?;
        let length = bytes.len();
        spool.consume(length);
    }
}

/// An error of the temporary file.
#[derive(Debug, thiserror::Error)]
#[error("the results could not be kept in the temporary directory (set TMPDIR to use another one)")]
struct SpoolError(#[source] io::Error);

pub(crate) fn in_spool(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), SpoolError(error))
}

/// JSON Lines: one group per line, then one line per part that could not be scanned, then one for the scan.
#[derive(Debug)]
pub(super) struct JsonLines<W: Write> {
    writer: W,
    options: ReportOptions,
}

#[derive(Serialize)]
struct NotScannedLine<'s> {
    not_scanned: &'s NotScanned,
}

/// The last line. A file without it is not complete.
#[derive(Serialize)]
struct ScanLine<'s> {
    scan: ScanInfo<'s>,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        Self { writer, options }
    }
}

impl<W: Write> Report for JsonLines<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, result)?;
        self.writer.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        for not_scanned in &totals.not_scanned {
            serde_json::to_writer(&mut self.writer, &NotScannedLine { not_scanned })?;
            self.writer.write_all(b"\n")?;
        }
        serde_json::to_writer(&mut self.writer, &ScanLine { scan: ScanInfo::of(&self.options) })?;
        self.writer.write_all(b"\n")?;
        self.writer.flush()
    }
}
