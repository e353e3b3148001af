//! Duplicate rules in a group whose rules come from several resources.

use std::collections::HashSet;

use crate::record::{Origin, Record};

/// Removes rules that admit the same traffic from the same source as an earlier rule, unless one of them is exempt: the other
/// one is not.
pub(super) fn remove_duplicates(record: &mut Record) {
    let is_first: Vec<bool> = {
        let mut seen = HashSet::new();
        let reason = |index: usize| {
            let origin: &Origin = record.origins.get(index)?;
            Some(origin.exemption.as_ref()?.reason.as_str())
        };
        let rules = record.group.ingress.iter().enumerate();
        rules.map(|(index, rule)| seen.insert((rule.admits(), reason(index)))).collect()
    };
    let mut is_first = is_first.into_iter();
    record.retain(|_| is_first.next().unwrap_or(true));
}
