//! `portcullis.scan/1` as one document and as JSON Lines. Its schema is `docs/scan.schema.json`.

use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use serde::Serialize;
use tempfile::SpooledTempFile;

use super::Report;
use super::elements::Elements;
use crate::result::{GroupResult, NotScanned, SCHEMA, Summary};

/// Results up to this size stay in memory.
const SPOOL_BYTES: usize = 8 << 20;

/// One document. The counts stand before the results, so these wait in a temporary file.
#[derive(Debug)]
pub(super) struct Json<W: Write> {
    writer: W,
    results: BufWriter<SpooledTempFile>,
    elements: Elements,
}

#[derive(Serialize)]
struct Head<'s> {
    schema: &'static str,
    groups_evaluated: u64,
    noncompliant: u64,
    insufficient_data: u64,
    not_scanned: &'s [NotScanned],
}

impl<W: Write> Json<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, results: BufWriter::new(SpooledTempFile::new(SPOOL_BYTES)), elements: Elements::default() }
    }
}

impl<W: Write> Report for Json<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        self.elements.push(&mut self.results, result).map_err(|error| in_spool(&error))
    }

    fn finish(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        let mut results = self.results.into_inner().map_err(|error| in_spool(error.error()))?;
        results.rewind().map_err(|error| in_spool(&error))?;
        let head = serde_json::to_string(&Head {
            schema: SCHEMA,
            groups_evaluated: summary.groups_evaluated,
            noncompliant: summary.noncompliant,
            insufficient_data: summary.insufficient_data,
            not_scanned: &summary.not_scanned,
        })?;
        let open = head.strip_suffix('}').unwrap_or(&head);
        write!(self.writer, "{open},\"results\":[")?;
        copy(&mut BufReader::new(results), &mut self.writer)?;
        self.writer.write_all(b"\n]}\n")?;
        self.writer.flush()
    }
}

/// As `io::copy`, but it tells an error of the temporary file from one of the report.
fn copy(spool: &mut impl BufRead, writer: &mut impl Write) -> io::Result<()> {
    loop {
        let bytes = spool.fill_buf().map_err(|error| in_spool(&error))?;
        if bytes.is_empty() {
            return Ok(());
        }
        writer.write_all(bytes)?;
        let length = bytes.len();
        spool.consume(length);
    }
}

fn in_spool(error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("the results cannot be kept in the temporary directory: {error}; name another one in TMPDIR"),
    )
}

/// One group per line, and at the end a line for each part that could not be scanned.
#[derive(Debug)]
pub(super) struct JsonLines<W: Write> {
    writer: W,
}

#[derive(Serialize)]
struct NotScannedLine<'s> {
    not_scanned: &'s NotScanned,
}

impl<W: Write> JsonLines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer }
    }
}

impl<W: Write> Report for JsonLines<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, result)?;
        self.writer.write_all(b"\n")
    }

    fn finish(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        for not_scanned in &summary.not_scanned {
            serde_json::to_writer(&mut self.writer, &NotScannedLine { not_scanned })?;
            self.writer.write_all(b"\n")?;
        }
        self.writer.flush()
    }
}
