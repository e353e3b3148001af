//! Writes a report to standard output: `cargo run --package reports --example report -- FORMAT [GROUPS]`.
//!
//! Without a number it reports the groups of the tests. With a number it makes up that many groups, a tenth of them open, to
//! measure time and memory: `/usr/bin/time -v target/release/examples/report html 1000000 >/dev/null`.

use std::error::Error;
use std::io;

use exposure::Reach;
use findings::{GroupResult, ScanTotals};
use reports::{Format, ReportOptions, report};

#[path = "../tests/formats/results.rs"]
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
    let totals = if let Some(groups) = groups {
        let mut totals = ScanTotals::default();
        for result in (0..groups).map(invented) {
            totals.count(&result);
            report.group(&result)?;
        }
        totals
    } else {
        let results = results::results();
        results.iter().try_for_each(|result| report.group(result))?;
        results::totals(&results, results::not_scanned())
    };
    Ok(report.finish(&totals)?)
}

/// A group that is open, partly open or undecided, depending on its number.
fn invented(number: u64) -> GroupResult {
    // Spreads consecutive numbers.
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
