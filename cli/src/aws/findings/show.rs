//! `portcullis findings show`.

use std::io::{self, Write};

use anyhow::Result;
use channels::words;
use findings::finding::{Delivery, Finding, Told};
use findings::store::FindingStore;
use jiff::Timestamp;
use plain_text::{counted, printable};
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
    let facts: Vec<_> = facts.into_iter().map(|fact| (fact.label.to_owned(), fact.value)).collect();
    write_pairs(&mut out, &facts)?;
    writeln!(out, "\nChannels")?;
    write_pairs(&mut out, &channels(&finding))?;
    writeln!(out, "\nHistory")?;
    for entry in &history {
        let sentence = entry.sentence.as_str();
        let by = entry.by.as_ref().filter(|by| !sentence.contains(by.as_str())).map(|by| format!(" By {by}."));
        writeln!(out, "  {}  {}", words::time(entry.at), printable(&format!("{sentence}{}", by.unwrap_or_default())))?;
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

/// Writes lines with a label each, one below the other.
fn write_pairs(out: &mut impl Write, pairs: &[(String, String)]) -> io::Result<()> {
    let pairs: Vec<_> = pairs.iter().map(|(label, value)| (printable(label), printable(value))).collect();
    let width = pairs.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    for (label, value) in pairs {
        writeln!(out, "  {label:width$}  {value}")?;
    }
    Ok(())
}

/// What each channel was told, and why it was not told more.
fn channels(finding: &Finding) -> Vec<(String, String)> {
    let mut lines: Vec<_> = finding.channels().map(|(name, known)| (name.to_string(), delivery(known))).collect();
    if lines.is_empty() {
        lines.push(("none".to_owned(), "no channel was told of it".to_owned()));
    }
    lines
}

fn delivery(known: &Delivery) -> String {
    let mut text = match known.told {
        Told::Nothing => "not told yet",
        Told::Open => "was told that it is open",
        Told::Ended => "was told that it is over",
    }
    .to_owned();
    if let Some(name) = &known.external_id {
        text = format!("{text}: {name}");
    }
    if known.began.or(known.unknown_since).is_some() {
        text.push_str("; an attempt without an answer may have arrived");
    }
    if let Some(error) = &known.last_error {
        let attempts = counted(known.attempts, "attempt");
        let next = known.next_attempt.map(|time| format!(", the next one is at {}", words::time(time)));
        text = format!("{text}; {attempts} failed{}; last error: {error}", next.unwrap_or_default());
    }
    text
}
