//! Number of open groups by port and region: a heat map, or bars if there is only one region.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use findings::{ComplianceType, GroupResult};
use plain_text::printable;

use super::grouped;
use super::ports::{self, Port};

/// Maximum numbers of ports and regions that are counted. AWS has some 40 regions.
const MAX_PORTS: usize = 512;
const MAX_REGIONS: usize = 128;

/// Maximum numbers of columns and rows in the picture.
const SHOWN_PORTS: usize = 12;
const SHOWN_REGIONS: usize = 24;

// Sizes in units of the picture, which are pixels if the page is wide enough.
const LABEL_WIDTH: usize = 132;
const HEADER_HEIGHT: usize = 46;
const MAP_WIDTH: usize = 760;
const CELL_WIDTHS: [usize; 2] = [76, 112];
/// Maximum width of a letter.
const LETTER_WIDTH: usize = 8;
const CELL_HEIGHT: usize = 36;
const CELL_GAP: usize = 3;
const BAR_WIDTH: u16 = 560;
const BAR_LABEL_WIDTH: usize = 190;

/// Counts non-compliant groups by port and region.
#[derive(Debug, Default)]
pub(super) struct ExposureMap {
    counts: BTreeMap<String, BTreeMap<String, u64>>,
    ports: BTreeSet<String>,
    uncounted: u64,
}

/// Content of the template `exposure_map.svg`.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) caption: String,
    pub(super) description: String,
    pub(super) note: String,
    pub(super) is_map: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

/// A port: a column heading of the map, or the label of a bar.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) port: Port,
    pub(super) x: usize,
}

/// A region.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) region: String,
    pub(super) y: usize,
    pub(super) cells: Vec<Cell>,
}

/// The number of open groups for one port and one region.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) port: String,
    pub(super) service: &'static str,
    pub(super) text: String,
    pub(super) level: u8,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) text_x: usize,
    pub(super) text_y: usize,
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

    /// The picture; `None` if no group is open.
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
        let first = (*ports.first()?, *regions.first()?);
        let note = self.note(ports.len(), regions.len());
        ports.truncate(SHOWN_PORTS);
        regions.truncate(SHOWN_REGIONS);
        let most = regions.iter().flat_map(|region| ports.iter().map(|port| self.at(region, port))).max()?;

        let is_map = regions.len() > 1;
        let mut description =
            format!("{} is open most often: in {}.", first.0, groups(totals.get(first.0).copied().unwrap_or_default()));
        if is_map {
            description = format!("{description} Most affected is {}.", region_name(first.1));
        }
        let cell_width = cell_width(&ports);
        let columns = ports
            .iter()
            .enumerate()
            .map(|(index, port)| Column {
                port: Port::new(port),
                x: LABEL_WIDTH + index * cell_width + (cell_width - CELL_GAP) / 2,
            })
            .collect();
        let rows = regions.iter().enumerate().map(|(index, region)| Row {
            region: region_name(region).to_owned(),
            y: HEADER_HEIGHT + index * CELL_HEIGHT + (CELL_HEIGHT - CELL_GAP) / 2,
            cells: if is_map { self.map_cells(region, index, &ports, most) } else { self.bars(region, &ports, most) },
        });
        Some(Picture {
            caption: if is_map {
                "Non-compliant groups by port and region".to_owned()
            } else {
                format!("Non-compliant groups by port, {}", region_name(first.1))
            },
            description,
            note,
            is_map,
            width: if is_map {
                LABEL_WIDTH + ports.len() * cell_width
            } else {
                BAR_LABEL_WIDTH + usize::from(BAR_WIDTH) + 80
            },
            height: if is_map { HEADER_HEIGHT + regions.len() * CELL_HEIGHT } else { ports.len() * CELL_HEIGHT },
            rows: rows.collect(),
            columns,
        })
    }

    fn at(&self, region: &str, port: &str) -> u64 {
        self.counts.get(region).and_then(|counts| counts.get(port)).copied().unwrap_or_default()
    }

    fn map_cells(&self, region: &str, row: usize, ports: &[&str], most: u64) -> Vec<Cell> {
        let cell_width = cell_width(ports);
        let cell = |(column, port): (usize, &&str)| {
            let count = self.at(region, port);
            let (x, y) = (LABEL_WIDTH + column * cell_width, HEADER_HEIGHT + row * CELL_HEIGHT);
            let (width, height) = (cell_width - CELL_GAP, CELL_HEIGHT - CELL_GAP);
            let (text_x, text_y) = (x + width / 2, y + height / 2);
            let Port { name: port, service } = Port::new(port);
            Cell { port, service, text: grouped(count), level: level(count, most), x, y, width, height, text_x, text_y }
        };
        ports.iter().enumerate().map(cell).collect()
    }

    fn bars(&self, region: &str, ports: &[&str], most: u64) -> Vec<Cell> {
        let bar = |(row, port): (usize, &&str)| {
            let count = self.at(region, port);
            let width = u128::from(count) * u128::from(BAR_WIDTH) / u128::from(most.max(1));
            let width = usize::from(u16::try_from(width).unwrap_or(BAR_WIDTH).clamp(4, BAR_WIDTH));
            let y = row * CELL_HEIGHT;
            let height = CELL_HEIGHT - 10;
            let (text_x, text_y) = (BAR_LABEL_WIDTH + width + 10, y + height / 2);
            let Port { name: port, service } = Port::new(port);
            Cell {
                port,
                service,
                text: grouped(count),
                level: level(count, most),
                x: BAR_LABEL_WIDTH,
                y,
                width,
                height,
                text_x,
                text_y,
            }
        };
        ports.iter().enumerate().map(bar).collect()
    }

    fn note(&self, ports: usize, regions: usize) -> String {
        let more = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 more {one}")),
            some => Some(format!("{some} more {many}")),
        };
        let left_out = [
            more(ports.saturating_sub(SHOWN_PORTS), "port", "ports"),
            more(regions.saturating_sub(SHOWN_REGIONS), "region", "regions"),
        ];
        let left_out = left_out.into_iter().flatten().collect::<Vec<_>>().join(" and ");
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

/// Width of a cell: as much as the picture allows, and enough for the longest port.
fn cell_width(ports: &[&str]) -> usize {
    let [least, most] = CELL_WIDTHS;
    let longest = ports.iter().map(|port| port.len()).max().unwrap_or_default();
    (MAP_WIDTH / ports.len().max(1)).clamp(least, most).max(longest * LETTER_WIDTH + 2 * CELL_GAP)
}

fn groups(count: u64) -> String {
    if count == 1 { "1 group".to_owned() } else { format!("{} groups", grouped(count)) }
}

fn region_name(region: &str) -> &str {
    if region.is_empty() { "no region given" } else { region }
}

/// Shade of a cell: 0 is none, 5 the darkest. Steps are narrower for small numbers, since a few regions have most groups.
fn level(count: u64, most: u64) -> u8 {
    match u128::from(count) * 100 / u128::from(most.max(1)) {
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
