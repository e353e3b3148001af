//! Number of open groups by port and region: a table with shades, or bars if there is only one region.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use findings::{ComplianceType, GroupResult};
use plain_text::{counted, printable};

use super::grouped;
use super::ports::{self, Port};

/// Maximum numbers of ports and regions that are counted. AWS has some 40 regions.
const MAX_PORTS: usize = 512;
const MAX_REGIONS: usize = 128;

/// Maximum numbers of rows and columns.
const SHOWN_PORTS: usize = 32;
const SHOWN_REGIONS: usize = 16;

/// Counts non-compliant groups by port and region.
#[derive(Debug, Default)]
pub(super) struct ExposureMap {
    counts: BTreeMap<String, BTreeMap<String, u64>>,
    ports: BTreeSet<String>,
    uncounted: u64,
}

/// The numbers of the page. With one region there is one column.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) caption: String,
    pub(super) summary: String,
    pub(super) regions: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A port.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) port: Port,
    pub(super) cells: Vec<Cell>,
}

/// The number of open groups for one port and one region.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) region: String,
    pub(super) text: String,
    /// Shade: 0 is none, 5 the darkest.
    pub(super) level: u8,
    /// Length of the bar in percent.
    pub(super) percent: u8,
}

impl ExposureMap {
    /// Counts a group once for each of its open ports.
    pub(super) fn count(&mut self, result: &GroupResult) {
        if result.compliance != ComplianceType::NonCompliant {
            return;
        }
        let ports: BTreeSet<&String> = result.exposures.iter().flat_map(|exposure| &exposure.ports).collect();
        let region = printable(result.region.as_deref().unwrap_or_default());
        if !self.counts.contains_key(&*region) && self.counts.len() >= MAX_REGIONS {
            self.uncounted += 1;
            return;
        }
        let counts = self.counts.entry(region.into_owned()).or_default();
        for port in ports {
            if !self.ports.contains(port) {
                if self.ports.len() >= MAX_PORTS {
                    self.uncounted += 1;
                    continue;
                }
                self.ports.insert(port.clone());
            }
            *counts.entry(port.clone()).or_default() += 1;
        }
    }

    /// The numbers; `None` if no group is open.
    pub(super) fn picture(&self) -> Option<Picture> {
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        for (port, count) in self.counts.values().flatten() {
            *totals.entry(port).or_default() += count;
        }
        let mut ports: Vec<&str> = totals.keys().copied().collect();
        ports.sort_by(|a, b| ports::by_number(a, b));
        ports.sort_by_key(|port| Reverse(totals.get(port).copied()));
        let mut regions: Vec<&str> = self.counts.keys().map(String::as_str).collect();
        regions.sort_by_key(|region| Reverse(self.counts.get(*region).map(|counts| counts.values().sum::<u64>())));
        let (first_port, first_region) = (*ports.first()?, *regions.first()?);
        let note = self.note(ports.len(), regions.len());
        ports.truncate(SHOWN_PORTS);
        regions.truncate(SHOWN_REGIONS);
        let most = regions.iter().flat_map(|region| ports.iter().map(|port| self.at(region, port))).max()?;
        let often = super::count(totals.get(first_port).copied().unwrap_or_default(), "group");
        let mut summary = format!("{first_port} is open most often: in {often}.");
        if regions.len() > 1 {
            summary = format!("{summary} Most affected is {}.", region_name(first_region));
        }
        let cell = |region: &str, port: &str| {
            let count = self.at(region, port);
            Cell {
                region: region_name(region).to_owned(),
                text: grouped(count),
                level: level(count, most),
                percent: percent(count, most).max(u8::from(count > 0)),
            }
        };
        let row = |port: &&str| Row {
            port: Port::new(port),
            cells: regions.iter().map(|region| cell(region, port)).collect(),
        };
        Some(Picture {
            caption: match regions.as_slice() {
                [""] => "Non-compliant groups by port".to_owned(),
                [region] => format!("Non-compliant groups by port, {region}"),
                _ => "Non-compliant groups by port and region".to_owned(),
            },
            summary: format!("{summary} {note}"),
            rows: ports.iter().map(row).collect(),
            regions: regions.iter().map(|region| region_name(region).to_owned()).collect(),
        })
    }

    fn at(&self, region: &str, port: &str) -> u64 {
        self.counts.get(region).and_then(|counts| counts.get(port)).copied().unwrap_or_default()
    }

    fn note(&self, ports: usize, regions: usize) -> String {
        let left_out =
            [(ports.saturating_sub(SHOWN_PORTS), "more port"), (regions.saturating_sub(SHOWN_REGIONS), "more region")];
        let left_out = left_out.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(count, noun));
        let left_out = left_out.collect::<Vec<_>>().join(" and ");
        let mut note = String::from("A group counts once for each of its open ports.");
        if !left_out.is_empty() {
            note = format!("{note} Not shown: {left_out}.");
        }
        if self.uncounted > 0 {
            note = format!("{note} Not counted here, since there are too many ports: {}.", grouped(self.uncounted));
        }
        note
    }
}

fn region_name(region: &str) -> &str {
    if region.is_empty() { "no region given" } else { region }
}

fn percent(count: u64, most: u64) -> u8 {
    u8::try_from(u128::from(count) * 100 / u128::from(most.max(1))).unwrap_or(100).min(100)
}

/// Shade of a cell. Steps are narrower for small numbers, since a few regions have most groups.
fn level(count: u64, most: u64) -> u8 {
    match percent(count, most) {
        0 if count == 0 => 0,
        0..=5 => 1,
        6..=15 => 2,
        16..=35 => 3,
        36..=65 => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 10, 0)]
    #[case(1, 1_000, 1)]
    #[case(1, 10, 2)]
    #[case(1, 1, 5)]
    #[case(u64::MAX, u64::MAX, 5)]
    fn every_number_but_zero_has_a_shade(#[case] count: u64, #[case] most: u64, #[case] expected: u8) {
        assert_eq!(level(count, most), expected);
    }
}
