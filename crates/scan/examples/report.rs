//! Writes a report to standard output: `cargo run -p scan --example report -- FORMAT [GROUPS]`.
//!
//! Without a number it shows the groups that the tests have. With one it makes up that many, a tenth of them open, to
//! measure time and memory: `/usr/bin/time -v target/release/examples/report html 1000000 >/dev/null`.

use std::error::Error;
use std::io;

use exposure::Reach;
use scan::{Format, GroupResult, ReportOptions, Summary, report};

#[path = "../tests/reports/results.rs"]
mod results;

const REGIONS: [&str; 9] = [
    "us-east-1",
    "us-east-1",
    "us-east-1",
    "eu-central-1",
    "eu-central-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "sa-east-1",
];
const PORTS: [u16; 7] = [22, 22, 22, 3389, 3306, 5432, 6379];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let format: Format = arguments.next().ok_or("name a format")?.parse()?;
    let groups: Option<u64> = arguments.next().map(|number| number.parse()).transpose()?;
    let options = ReportOptions { color: std::env::var_os("FORCE_COLOR").is_some(), ..results::options() };
    let mut report = report(format, Box::new(io::stdout().lock()), options);
    let summary = if let Some(groups) = groups {
        let mut summary = Summary::default();
        for result in (0..groups).map(invented) {
            summary.count(&result);
            report.group(&result)?;
        }
        summary
    } else {
        let results = results::results();
        results.iter().try_for_each(|result| report.group(result))?;
        results::summary(&results, results::not_scanned())
    };
    Ok(report.finish(&summary)?)
}

/// A group that is open, partly open or undecided as its number has it.
fn invented(number: u64) -> GroupResult {
    // Numbers that follow each other should not look alike.
    let mix = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let pick = |length: usize, shift: u32| usize::try_from(mix >> shift).unwrap_or_default() % length;
    let id = format!("sg-{number:017x}");
    let name = format!("service-{}-{number}", pick(40, 3));
    let port = PORTS.get(pick(PORTS.len(), 5)).copied().unwrap_or_default();
    let rule = format!("sgr-{number:017x}");
    let exposure = |source: &str, reach| {
        let port_name = format!("tcp/{port}");
        results::exposure(Some(&rule), port.into(), port.into(), source, &port_name, reach)
    };
    let result = match number % 100 {
        0..=6 => results::open(&id, &name, vec![exposure("0.0.0.0/0", Reach::World)]),
        7..=9 => results::open(&id, &name, vec![exposure("198.51.100.0/24", Reach::Partial)]),
        10 => results::undecided(&id, &name),
        _ => results::group(&id, &name),
    };
    let region = REGIONS.get(pick(REGIONS.len(), 9)).copied().map(str::to_owned);
    GroupResult { region, ..result }
}
