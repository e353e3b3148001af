//! Cost of a closing, by the number of open rules.

use std::process::Stdio;

use anyhow::Result;
use axum::body::Bytes;
use serde::Serialize;

use crate::endpoint::Endpoint;
use crate::figures::{Spread, milliseconds, table};
use crate::process::Program;
use crate::runtime_api::RuntimeApi;
use bench::events;

/// Numbers of open rules, from one to the most that a group can have.
const SIZES: [usize; 5] = [1, 10, 60, 200, 1000];

/// The figures of one size.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    open_rules: usize,
    first_ms: Spread,
    first_calls: Vec<String>,
    warm_ms: Spread,
    warm_calls: Vec<String>,
}

pub(crate) fn measure(remediator: &Program, rounds: usize, warm: usize) -> Result<Vec<Figures>> {
    let directory = tempfile::tempdir()?;
    let endpoint = Endpoint::start(directory.path())?;
    let event = Bytes::from(events::close().to_string());
    let mut figures = Vec::new();
    for open in SIZES {
        let (mut first, mut later) = (Vec::new(), Vec::new());
        let (mut first_calls, mut warm_calls) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let api = RuntimeApi::start()?;
            endpoint.reset(open);
            let start = remediator.start(&api, &endpoint, event.clone(), Stdio::inherit())?;
            first.push(milliseconds(start.took));
            first_calls = endpoint.calls();
            for _ in 0..warm {
                endpoint.reset(open);
                later.push(milliseconds(start.running.event(event.clone())?));
            }
            warm_calls = endpoint.calls();
        }
        if let (Some(first_ms), Some(warm_ms)) = (Spread::of(first), Spread::of(later)) {
            figures.push(Figures { open_rules: open, first_ms, first_calls, warm_ms, warm_calls });
        }
    }
    Ok(figures)
}

pub(crate) fn print(figures: &[Figures]) {
    let rows = figures.iter().map(|of| {
        [
            of.open_rules.to_string(),
            of.first_ms.text(" ms", 1),
            counted(&of.first_calls),
            of.warm_ms.text(" ms", 2),
            counted(&of.warm_calls),
        ]
    });
    println!("{}", table(["open rules", "start + closing", "calls", "warm", "calls"], rows));
}

/// Formats calls as `DescribeSecurityGroupRules ×2, RevokeSecurityGroupIngress`, in the order of the first calls.
fn counted(calls: &[String]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for call in calls {
        match counts.iter_mut().find(|(name, _)| name == call) {
            Some((_, count)) => *count += 1,
            None => counts.push((call, 1)),
        }
    }
    let texts =
        counts.iter().map(|(name, count)| if *count == 1 { (*name).to_owned() } else { format!("{name} ×{count}") });
    texts.collect::<Vec<_>>().join(", ")
}
