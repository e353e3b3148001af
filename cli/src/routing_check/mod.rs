//! `portcullis routing check`.

mod sample;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use findings::finding::Finding;
use findings::intake::Ignored;
use jiff::Timestamp;
use plain_text::printable;
use routing::{DOCUMENT_MAX, Document, DocumentError, Resolution, Subject, resolve};
use serde_json::{Value, json};

use self::sample::{SAMPLE_MAX, Sample};
use crate::args::RoutingCheck;
use crate::exit::{Exit, Usage, in_one_line};
use crate::scan::{STDIN, open};

/// What becomes of a finding, or of an event that is none.
enum Tried {
    Resolved { finding: Box<Finding>, subject: Box<Subject>, resolution: Resolution },
    Ignored(Ignored),
}

/// A sample with the name of its file.
struct Trial {
    name: String,
    tried: Tried,
}

pub(crate) fn run(args: &RoutingCheck) -> Result<Exit> {
    let inputs = || std::iter::once(&args.file).chain(&args.finding);
    if inputs().filter(|file| file.as_os_str() == STDIN).count() > 1 {
        bail!(Usage("only one file can be standard input: name the others".to_owned()));
    }
    let name = args.file.display().to_string();
    let text = read(&args.file, DOCUMENT_MAX)?;
    let document: Document = match text.parse() {
        Ok(document) => document,
        Err(problem) => return malformed(&name, &problem, args.json),
    };
    let now = Timestamp::now();
    let tried: Vec<Result<Trial>> = args.finding.iter().map(|file| try_out(&document, file, now)).collect();
    let trials: Vec<&Trial> = tried.iter().filter_map(|tried| tried.as_ref().ok()).collect();
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", as_json(&document, &trials))?;
    } else {
        text::document(&mut out, &name, &document)?;
        if args.finding.is_empty() {
            text::summary(&mut out, &document)?;
        }
        for trial in &trials {
            text::trial(&mut out, &document, trial, now)?;
        }
    }
    let mut exit = Exit::Success;
    for problem in tried.iter().filter_map(|tried| tried.as_ref().err()) {
        eprintln!("error: {}", in_one_line(problem));
        exit = Exit::Error;
    }
    Ok(exit)
}

/// Reads a file that has at most so many bytes. One more is read, so that a reader can refuse it by its length.
fn read(file: &Path, max: usize) -> Result<String> {
    let name = file.display();
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    open(file)
        .and_then(|input| input.take(limit).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {name}"))?;
    if bytes.len() > max {
        // The end may be within a character.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).with_context(|| format!("`{name}` is not text: write it as UTF-8"))
}

/// Reports every mistake of a document.
fn malformed(name: &str, problem: &DocumentError, as_json: bool) -> Result<Exit> {
    if as_json {
        writeln!(io::stdout().lock(), "{:#}", json!({"valid": false, "problems": problem.problems()}))?;
    }
    for problem in problem.problems() {
        eprintln!("error: {}", printable(&format!("{name}: {problem}")));
    }
    Ok(Exit::Error)
}

fn try_out(document: &Document, file: &Path, now: Timestamp) -> Result<Trial> {
    let name = file.display().to_string();
    let text = read(file, SAMPLE_MAX)?;
    let tried = match Sample::read(&text).with_context(|| format!("`{name}`"))? {
        Sample::Finding(finding) => {
            let subject = Box::new(Subject::new(document, &finding, now));
            let resolution = resolve(document, &subject);
            Tried::Resolved { finding, subject, resolution }
        }
        Sample::Ignored(reason) => Tried::Ignored(reason),
    };
    Ok(Trial { name, tried })
}

/// Where the secrets of a document are kept, with the channels that need them.
fn secrets(document: &Document) -> BTreeMap<String, Vec<&str>> {
    let mut secrets: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, channel) in &document.channels {
        for secret in channel.secrets() {
            secrets.entry(secret.to_string()).or_default().push(name);
        }
    }
    secrets
}

fn as_json(document: &Document, trials: &[&Trial]) -> Value {
    json!({
        "valid": true,
        "warnings": document.warnings(),
        "secrets": secrets(document),
        "document": document,
        "findings": trials.iter().map(|trial| trial_as_json(trial)).collect::<Vec<_>>(),
    })
}

fn trial_as_json(Trial { name, tried }: &Trial) -> Value {
    match tried {
        Tried::Ignored(reason) => json!({"file": name, "outcome": "ignored", "reason": reason.to_string()}),
        Tried::Resolved { finding, subject, resolution } => json!({
            "file": name,
            "key": finding.key(),
            "state": finding.state(),
            "severity": subject.severity,
            "ports": subject.ports.to_string(),
            "outcome": resolution.outcome,
            "deliveries": resolution.deliveries,
            "ownership": resolution.ownership,
        }),
    }
}
