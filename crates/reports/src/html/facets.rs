//! Numbers of findings by account, region and severity: of all of them, not only of those on the page.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use findings::{ComplianceType, GroupResult};
use plain_text::printable;

use super::super::rank::Level;
use super::grouped;

/// Maximum number of different accounts, regions and severities that are counted.
const MAX_COUNTED: usize = 20_000;

/// Values of a facet that the page lists.
const SHOWN: usize = 12;

/// Counts findings.
#[derive(Debug, Default)]
pub(super) struct Facets {
    counts: BTreeMap<(String, String, Level), u64>,
    uncounted: u64,
}

/// Numbers by one property.
#[derive(Debug)]
pub(super) struct Facet {
    /// Name of the attribute of a row.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) values: Vec<Value>,
    /// Values that are not listed.
    pub(super) more: usize,
}

/// A value and the number of its findings.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) value: String,
    pub(super) count: String,
}

impl Facets {
    pub(super) fn count(&mut self, result: &GroupResult) {
        if result.compliance == ComplianceType::Compliant {
            return;
        }
        let text = |text: &Option<String>| text.as_deref().map(printable).unwrap_or_default().into_owned();
        let key = (text(&result.account), text(&result.region), Level::of(result));
        if !self.counts.contains_key(&key) && self.counts.len() >= MAX_COUNTED {
            self.uncounted += 1;
        } else {
            *self.counts.entry(key).or_default() += 1;
        }
    }

    /// Numbers by account and by region, where there are several.
    pub(super) fn facets(&self) -> Vec<Facet> {
        let by = |key, title, property: fn(&(String, String, Level)) -> &String| {
            let mut counts: BTreeMap<&String, u64> = BTreeMap::new();
            for (place, count) in &self.counts {
                *counts.entry(property(place)).or_default() += count;
            }
            let mut values: Vec<(&String, u64)> = counts.into_iter().filter(|(value, _)| !value.is_empty()).collect();
            values.sort_by_key(|(_, count)| Reverse(*count));
            let more = values.len().saturating_sub(SHOWN);
            let values = values.into_iter().take(SHOWN);
            let values = values.map(|(value, count)| Value { value: value.clone(), count: grouped(count) }).collect();
            Facet { key, title, values, more }
        };
        let facets =
            [by("account", "Account", |(account, ..)| account), by("region", "Region", |(_, region, _)| region)];
        facets.into_iter().filter(|facet| facet.values.len() > 1).collect()
    }

    /// A line for each account, region and severity with its number, separated by tabs. Empty if not all were counted.
    pub(super) fn lines(&self) -> String {
        let mut lines = String::new();
        if self.uncounted == 0 {
            for ((account, region, level), count) in &self.counts {
                // Control characters were made printable, so the separators are unambiguous.
                let _ = writeln!(lines, "{account}\t{region}\t{}\t{count}", level.as_str());
            }
        }
        lines
    }
}
