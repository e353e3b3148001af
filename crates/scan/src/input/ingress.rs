//! The ingress rules of a group, put together from several places.

use std::collections::HashSet;

use exposure::IngressRule;

/// Takes away the rules that let in what an earlier one lets in.
pub(super) fn remove_repetitions(ingress: &mut Vec<IngressRule>) {
    let is_first: Vec<bool> = {
        let mut seen = HashSet::new();
        ingress.iter().map(|rule| seen.insert(rule.admits())).collect()
    };
    let mut is_first = is_first.into_iter();
    ingress.retain(|_| is_first.next().unwrap_or(true));
}
