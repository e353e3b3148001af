//! Duplicate rules in a group whose rules come from several resources.

use std::collections::HashSet;

use crate::record::Record;

/// Removes rules that admit the same traffic from the same source as an earlier rule.
pub(super) fn remove_duplicates(record: &mut Record) {
    let is_first: Vec<bool> = {
        let mut seen = HashSet::new();
        record.group.ingress.iter().map(|rule| seen.insert(rule.admits())).collect()
    };
    let mut is_first = is_first.into_iter();
    record.retain(|_| is_first.next().unwrap_or(true));
}
