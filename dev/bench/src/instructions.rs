//! Instructions, counted by callgrind. They do not depend on the load of the machine.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::endpoint::Endpoint;
use crate::figures::table;
use crate::functions::Subject;
use crate::runtime_api::RuntimeApi;
use bench::events;
use bench::judgement::{judge, parse, planned};
use exposure::Strategy;

const CALLGRIND: [&str; 4] = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--"];
/// Each case is run this often, and twice as often. The difference is the cost of the repetitions alone.
const REPETITIONS: u64 = 200;

/// Cases, with their number of permissions.
pub(crate) const CASES: [(&str, usize); 5] =
    [("parse", 10), ("judge", 10), ("judge", 1000), ("plan", 10), ("plan", 1000)];

/// The number of instructions of a case.
#[derive(Debug, Serialize)]
pub(crate) struct Count {
    what: String,
    instructions: u64,
}

/// Repeats a case, so that callgrind can count it.
pub(crate) fn repeat(case: &str, permissions: usize, times: u64) -> Result<()> {
    let event = events::change(permissions).to_string();
    let (group, policy) = parse(event.as_bytes())?;
    for _ in 0..times {
        match case {
            "parse" => drop(std::hint::black_box(parse(event.as_bytes())?)),
            "judge" => drop(std::hint::black_box(judge(&group, &policy))),
            "plan" => drop(std::hint::black_box(planned(&group, &policy, &Strategy::Revoke))),
            _ => bail!("no such case: {case}"),
        }
    }
    Ok(())
}

pub(crate) fn measure(functions: &[Subject]) -> Result<Vec<Count>> {
    let mut counts = Vec::new();
    let own = std::env::current_exe()?;
    for (case, permissions) in CASES {
        let count = |times: u64| {
            let mut command = Command::new("valgrind");
            command.args(CALLGRIND.iter().skip(1)).arg(&own).args(["repeat", case]);
            let output = command
                .args([permissions.to_string(), times.to_string()])
                .output()
                .context("cannot run valgrind: install it (apt install valgrind), or leave instructions out")?;
            collected(&String::from_utf8_lossy(&output.stderr))
        };
        let instructions = (count(2 * REPETITIONS)? - count(REPETITIONS)?) / REPETITIONS;
        counts.push(Count { what: format!("{case}, {permissions} permissions"), instructions });
    }
    let directory = tempfile::tempdir()?;
    let endpoint = Endpoint::start(directory.path())?;
    for subject in functions {
        let log = directory.path().join("callgrind.log");
        let count = |events| of_function(subject, &endpoint, events, &log);
        let (one, many) = (count(1)?, count(1 + REPETITIONS)?);
        let name = &subject.program.name;
        counts.push(Count { what: format!("{name}, init + first event"), instructions: one });
        counts.push(Count { what: format!("{name}, warm event"), instructions: (many - one) / REPETITIONS });
    }
    Ok(counts)
}

fn of_function(subject: &Subject, endpoint: &Endpoint, events: u64, log: &Path) -> Result<u64> {
    let api = RuntimeApi::start()?;
    endpoint.reset(subject.open);
    let program = subject.program.under(&CALLGRIND);
    let running = program.start(&api, endpoint, subject.event.clone(), File::create(log)?.into())?.running;
    for _ in 1..events {
        endpoint.reset(subject.open);
        running.event(subject.event.clone())?;
    }
    running.end()?;
    collected(&std::fs::read_to_string(log)?)
}

/// Returns the sum at the end of the report of callgrind.
fn collected(report: &str) -> Result<u64> {
    let line = report.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = line.with_context(|| format!("callgrind has counted nothing: {report}"))?;
    count.trim().parse().context("callgrind's sum is no number")
}

pub(crate) fn print(counts: &[Count]) {
    let rows = counts.iter().map(|count| [count.what.clone(), grouped(count.instructions)]);
    println!("{}", table(["instructions", ""], rows));
}

fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}
