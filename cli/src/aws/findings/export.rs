//! `portcullis findings export`.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use channels::asff_finding;
use findings::finding::Finding;
use jiff::Timestamp;
use reports::{Format, ListedFinding, RememberedReport};
use serde::Serialize;

use super::select::select;
use crate::args::{ExportFormat, FindingsExport};
use crate::exit::{Exit, Usage};
use crate::scan::{self, STDIN};

/// Name and version of the JSON format. Keys of a version stay; new keys may be added.
const SCHEMA: &str = "portcullis.findings/1";

pub(super) async fn export(args: &FindingsExport) -> Result<Exit> {
    let file = args.output.as_deref().filter(|file| file.as_os_str() != STDIN);
    let format = match (args.format, file) {
        (Some(format), _) => format,
        (None, Some(file)) => by_name(file)?,
        (None, None) => ExportFormat::Csv,
    };
    let found = select(&args.filter).await?;
    let rule = &args.filter.table.rule;
    let Some(file) = file else {
        write(format, rule, &found, io::stdout().lock()).context("cannot write the findings")?;
        return Ok(Exit::Success);
    };
    let problem = || format!("cannot write the findings to {}", file.display());
    let (writer, temporary) = scan::writer(file).with_context(problem)?;
    write(format, rule, &found, writer).with_context(problem)?;
    // A failed export keeps the previous one.
    if let Some((temporary, file)) = temporary {
        temporary.persist(&file).with_context(problem)?;
    }
    Ok(Exit::Success)
}

/// The format by the extension of a file.
fn by_name(file: &Path) -> Result<ExportFormat> {
    match scan::by_name(file)? {
        Format::Csv => Ok(ExportFormat::Csv),
        Format::Json => Ok(ExportFormat::Json),
        Format::Jsonl => Ok(ExportFormat::Jsonl),
        Format::Html => Ok(ExportFormat::Html),
        Format::Asff => Ok(ExportFormat::Asff),
        other @ (Format::Table | Format::Sarif | Format::Ocsf) => {
            bail!(Usage(format!("findings are not written as {other}: pass --format csv, json, jsonl, html or asff")))
        }
    }
}

/// One JSON document.
#[derive(Serialize)]
struct Document<'f> {
    schema: &'static str,
    created: Timestamp,
    findings: &'f [Finding],
}

fn write(format: ExportFormat, rule: &str, found: &[Finding], writer: impl Write) -> io::Result<()> {
    let (mut out, now) = (BufWriter::new(writer), Timestamp::now());
    let listed = || -> Vec<ListedFinding> { found.iter().map(|finding| ListedFinding::new(finding, now)).collect() };
    match format {
        ExportFormat::Csv => RememberedReport::new(rule, now, &listed()).write_csv(&mut out)?,
        ExportFormat::Html => RememberedReport::new(rule, now, &listed()).write_html(&mut out)?,
        ExportFormat::Json => {
            serde_json::to_writer(&mut out, &Document { schema: SCHEMA, created: now, findings: found })?;
            writeln!(out)?;
        }
        ExportFormat::Jsonl => {
            for finding in found {
                serde_json::to_writer(&mut out, finding)?;
                writeln!(out)?;
            }
        }
        ExportFormat::Asff => {
            let findings: Vec<_> = found.iter().map(|finding| asff_finding(finding, now)).collect();
            serde_json::to_writer(&mut out, &findings)?;
            writeln!(out)?;
        }
    }
    out.flush()
}
