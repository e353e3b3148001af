//! Writes a report to standard output: `cargo run --package reports --example report -- FORMAT [GROUPS [REGIONS]]`.
//!
//! Without a number it reports the groups of the tests. With a number it makes up that many groups of several accounts, a
//! tenth of them open on one of 15 ports, to measure time and memory:
//! `/usr/bin/time -v target/release/examples/report html 1000000 >/dev/null`. A second number limits the regions.

use std::error::Error;
use std::io;

use exposure::Reach;
use findings::{FoundExposure, GroupResult, PolicyOptions, ScanRecord, ScanTotals};
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
const PORTS: [u16; 20] =
    [22, 22, 22, 3389, 3389, 20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1521, 3306, 3389, 5432, 27017];
const BLOCKED: &str = "tcp/20,tcp/21,tcp/22,tcp/23,tcp/25,tcp/110,tcp/135,tcp/143,tcp/445,tcp/1433,tcp/1521,tcp/3306,tcp/3389,\
                       tcp/5432,tcp/27017";
const ACCOUNTS: [&str; 4] = ["123456789012", "123456789012", "210987654321", "345678901234"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let format: Format = arguments.next().ok_or("name a format")?.parse()?;
    let groups: Option<u64> = arguments.next().map(|number| number.parse()).transpose()?;
    let regions: usize = arguments.next().map_or(Ok(REGIONS.len()), |number| number.parse())?;
    let mut options = ReportOptions { color: std::env::var_os("FORCE_COLOR").is_some(), ..results::options() };
    if groups.is_some() {
        let policy = PolicyOptions::new(BLOCKED.parse()?);
        options.record = ScanRecord { policy: policy.into(), ..options.record };
    }
    let mut report = report(format, Box::new(io::stdout().lock()), options);
    let totals = if let Some(groups) = groups {
        let mut totals = ScanTotals::default();
        for result in (0..groups).map(|number| invented(number, regions)) {
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
fn invented(number: u64, regions: usize) -> GroupResult {
    // Spreads consecutive numbers.
    let mix = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let pick = |length: usize, shift: u32| usize::try_from(mix >> shift).unwrap_or_default() % length.max(1);
    let id = format!("sg-{number:017x}");
    let name = format!("service-{}-{number}", pick(40, 3));
    let port = PORTS.get(pick(PORTS.len(), 5)).copied().unwrap_or_default();
    let rule = format!("sgr-{number:017x}");
    let exposure = |source: &str, reach| {
        let port_name = format!("tcp/{port}");
        results::exposure(Some(&rule), port.into(), port.into(), source, &port_name, reach)
    };
    let world = || exposure("0.0.0.0/0", Reach::World);
    let ports: Vec<String> = BLOCKED.split(',').map(str::to_owned).collect();
    let everything =
        || FoundExposure { protocol: "-1".into(), from_port: None, to_port: None, ports: ports.clone(), ..world() };
    let result = match number % 100 {
        0 => results::open(&id, &name, vec![everything()]),
        1 => results::open(&id, &name, vec![world(), exposure("::/0", Reach::World)]),
        2..=6 => results::open(&id, &name, vec![world()]),
        7..=9 => results::open(&id, &name, vec![exposure("198.51.100.0/24", Reach::Partial)]),
        10 => results::undecided(&id, &name),
        _ => results::group(&id, &name),
    };
    let region = REGIONS.get(pick(REGIONS.len().min(regions), 9)).copied().map(str::to_owned);
    let account = ACCOUNTS.get(pick(ACCOUNTS.len(), 14)).copied().map(str::to_owned);
    GroupResult { region, account, ..result }
}
