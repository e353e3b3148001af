//! Cold and warm starts, interleaved with those of an empty function, so that changing load affects all of them alike.

use std::process::Stdio;

use anyhow::{Context, Result};
use axum::body::Bytes;
use serde::Serialize;

use crate::endpoint::Endpoint;
use crate::figures::{Spread, milliseconds, table};
use crate::process::Program;
use crate::runtime_api::RuntimeApi;
use bench::events;

/// A function and its events.
pub(crate) struct Subject {
    pub(crate) program: Program,
    pub(crate) event: Bytes,
    /// Number of open rules before each event.
    pub(crate) open: usize,
}

impl Subject {
    /// A change of a group that is compliant, as most are: one AWS call.
    pub(crate) fn evaluator(program: Program) -> Self {
        Self { program, event: events::compliant_change(10).to_string().into(), open: 0 }
    }

    /// A change of a group that is open: an AWS call, and an event.
    pub(crate) fn evaluator_of_an_open_group(program: Program) -> Self {
        Self { program, event: events::change(10).to_string().into(), open: 0 }
    }

    pub(crate) fn remediator(program: Program) -> Self {
        Self { program, event: events::close().to_string().into(), open: 1 }
    }

    /// A call that opened no blocked port, as most: the policy, and one call of EC2.
    pub(crate) fn responder(program: Program) -> Self {
        Self { program, event: events::queued(&[events::recorded_call()]).to_string().into(), open: 0 }
    }

    /// The duty *record*: a finding that is new.
    pub(crate) fn recorder(program: Program) -> Result<Self> {
        Ok(Self { program, event: events::queued(&[events::assessment()?]).to_string().into(), open: 0 })
    }

    /// The duty *notify*, which has the most clients. What it sends depends on a routing document, so that only its start counts.
    pub(crate) fn notifier(program: Program) -> Self {
        Self { program, event: events::queued(&[]).to_string().into(), open: 0 }
    }
}

/// The figures of a function.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    function: String,
    /// Milliseconds from the start of the process to its request for the first event.
    init_ms: Spread,
    /// The same, divided by the time of the empty function in the same round.
    init_ratio: Spread,
    /// Milliseconds from the start of the process to the answer to the first event.
    cold_ms: Spread,
    cold_ratio: Spread,
    /// Milliseconds of an event after others in the same process: the median of each process.
    warm_ms: Spread,
    warm_ratio: Spread,
    /// Peak memory in megabytes.
    peak_mb: Option<Spread>,
    /// AWS calls of a warm event.
    calls: Vec<String>,
}

#[derive(Default)]
struct Runs {
    init: Vec<f64>,
    cold: Vec<f64>,
    warm: Vec<f64>,
    peak: Vec<f64>,
    calls: Vec<String>,
}

pub(crate) fn measure(subjects: &[Subject], rounds: usize, warm: usize) -> Result<Vec<Figures>> {
    let directory = tempfile::tempdir()?;
    let endpoint = Endpoint::start(directory.path())?;
    let mut runs: Vec<Runs> = subjects.iter().map(|_| Runs::default()).collect();
    // The first round is not counted: it loads the programs into memory.
    for round in 0..=rounds {
        for (subject, runs) in subjects.iter().zip(&mut runs) {
            let api = RuntimeApi::start()?;
            endpoint.reset(subject.open);
            let start = subject.program.start(&api, &endpoint, subject.event.clone(), Stdio::inherit())?;
            let mut times = Vec::with_capacity(warm);
            for _ in 0..warm {
                endpoint.reset(subject.open);
                times.push(milliseconds(start.running.event(subject.event.clone())?));
            }
            if round == 0 {
                runs.calls = endpoint.calls();
                continue;
            }
            runs.init.push(milliseconds(start.init));
            runs.cold.push(milliseconds(start.took));
            runs.warm.extend(Spread::of(times).map(|spread| spread.median));
            #[expect(clippy::cast_precision_loss, reason = "megabytes")]
            runs.peak.extend(start.running.peak_memory().map(|bytes| bytes as f64 / 1e6));
        }
        eprint!("\rround {round} of {rounds}");
    }
    eprintln!();
    let empty = runs.first().context("nothing to measure")?;
    let ratio = |ours: &[f64], theirs: &[f64]| Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs));
    subjects
        .iter()
        .zip(&runs)
        .map(|(subject, of)| {
            Some(Figures {
                function: subject.program.name.clone(),
                init_ms: Spread::of(of.init.iter().copied())?,
                init_ratio: ratio(&of.init, &empty.init)?,
                cold_ms: Spread::of(of.cold.iter().copied())?,
                cold_ratio: ratio(&of.cold, &empty.cold)?,
                warm_ms: Spread::of(of.warm.iter().copied())?,
                warm_ratio: ratio(&of.warm, &empty.warm)?,
                peak_mb: Spread::of(of.peak.iter().copied()),
                calls: of.calls.clone(),
            })
        })
        .collect::<Option<_>>()
        .context("no round was measured")
}

pub(crate) fn print(figures: &[Figures]) {
    let rows = figures.iter().map(|of| {
        [
            of.function.clone(),
            of.init_ms.text(" ms", 2),
            of.init_ratio.text("", 2),
            of.cold_ms.text(" ms", 2),
            of.cold_ratio.text("", 2),
            of.warm_ms.text(" ms", 3),
            of.warm_ratio.text("", 2),
            of.peak_mb.map_or_else(|| "-".to_owned(), |peak| peak.text(" MB", 1)),
            of.calls.len().to_string(),
        ]
    });
    println!(
        "{}",
        table(
            ["function", "init", "× empty", "init + first event", "× empty", "warm", "× empty", "peak memory", "calls"],
            rows
        )
    );
    println!("median (quartiles) of {} processes each", figures.first().map_or(0, |of| of.cold_ms.runs));
}
