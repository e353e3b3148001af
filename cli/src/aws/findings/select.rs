//! Which findings `list` and `export` are about.

use anyhow::{Result, bail};
use findings::Severity;
use findings::finding::{Finding, State};
use findings::store::{FindingStore, Listing};

use super::Table;
use crate::args::{FindingsFilter, StateArg};
use crate::exit::Usage;
use crate::values::check_account;

/// The findings that meet the conditions, the most severe first.
pub(super) async fn select(filter: &FindingsFilter) -> Result<Vec<Finding>> {
    if let Some(account) = &filter.account {
        check_account("--account", account)?;
    }
    let has_open = filter.state.iter().any(|state| State::from(*state) == State::Open);
    if filter.min_severity.is_some() && !has_open {
        bail!(Usage(
            "only open findings have a severity: add `open` to --state, or leave --min-severity out".to_owned()
        ));
    }
    let table = Table::open(&filter.table).await?;
    let mut found = Vec::new();
    for listing in listings(filter) {
        let mut from = None;
        loop {
            let page = table.store.list(&listing, from.as_deref()).await?;
            // A list without it would look complete.
            if let Some(problem) = page.unreadable.into_iter().next() {
                bail!("a finding could not be read: {problem}");
            }
            found.extend(page.findings.into_iter().filter(|finding| is_wanted(filter, finding)));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    found.sort_by_cached_key(|finding| (rank(finding), finding.first_seen(), finding.key().to_string()));
    Ok(found)
}

/// The lists to read: by the narrowest index.
fn listings(filter: &FindingsFilter) -> Vec<Listing> {
    match (&filter.owner, &filter.account) {
        (Some(owner), _) => vec![Listing::Owner(owner.clone())],
        (None, Some(account)) => vec![Listing::Account(account.clone())],
        (None, None) => {
            let mut states = filter.state.clone();
            states.sort();
            states.dedup();
            states.into_iter().map(|state| Listing::State(state.into())).collect()
        }
    }
}

impl From<StateArg> for State {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Open => Self::Open,
            StateArg::Exempt => Self::Exempt,
            StateArg::Closed => Self::Closed,
        }
    }
}

/// Whether a finding meets all conditions: an index knows one of them.
fn is_wanted(filter: &FindingsFilter, finding: &Finding) -> bool {
    let owner = finding.owner().map(|owner| owner.name.as_str());
    filter.state.iter().any(|state| State::from(*state) == finding.state())
        && filter.account.as_deref().is_none_or(|account| account == finding.key().account())
        && filter.owner.as_deref().is_none_or(|name| owner == Some(name))
        && finding.key().rule() == filter.table.rule
        && filter
            .min_severity
            .is_none_or(|least| finding.severity().is_some_and(|severity| severity <= Severity::from(least)))
}

/// Open findings first, the most severe of them before all.
fn rank(finding: &Finding) -> (u8, Option<Severity>) {
    let state = match finding.state() {
        State::Open => 0,
        State::Exempt => 1,
        State::Closed => 2,
        State::NeverOpen => 3,
    };
    (state, finding.severity())
}
