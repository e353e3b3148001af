//! `portcullis findings show`.

use std::io::{self, Write};

use anyhow::Result;
use channels::words;
use findings::store::FindingStore;
use jiff::Timestamp;
use plain_text::printable;
use serde_json::json;

use super::Table;
use crate::args::FindingArgs;
use crate::exit::Exit;

pub(super) async fn show(args: &FindingArgs, is_json: bool) -> Result<Exit> {
    let table = Table::open(&args.table).await?;
    let finding = table.finding(args).await?;
    let history = table.store.history(finding.key()).await?;
    let mut out = io::stdout().lock();
    if is_json {
        writeln!(out, "{}", json!({ "finding": finding, "history": history }))?;
        return Ok(Exit::Success);
    }
    writeln!(out, "{}\n", printable(&words::title(&finding)))?;
    let facts = words::facts(&finding, None, Timestamp::now());
    let width = facts.iter().map(|fact| fact.label.len()).max().unwrap_or_default();
    for fact in facts {
        writeln!(out, "  {:width$}  {}", fact.label, printable(&fact.value))?;
    }
    writeln!(out, "\nHistory")?;
    for entry in &history {
        writeln!(out, "  {}  {}", words::time(entry.at), printable(entry.sentence.as_str()))?;
    }
    if history.is_empty() {
        writeln!(out, "  none is kept")?;
    }
    writeln!(out, "\nNext")?;
    for command in words::commands(&finding) {
        writeln!(out, "  {}", printable(&command))?;
    }
    for link in words::links(&finding) {
        writeln!(out, "  {}: {}", link.label, printable(&link.url))?;
    }
    Ok(Exit::Success)
}
