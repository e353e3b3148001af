//! `portcullis findings list`.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, bail};
use channels::words;
use findings::Severity;
use findings::finding::{Finding, State, Text};
use findings::store::{FindingStore, Listing};
use jiff::Timestamp;
use plain_text::{one_line, printable};

use super::Table;
use crate::args::{FindingsList, StateArg};
use crate::exit::Exit;
use crate::terminal;
use crate::values::check_account;

/// Length to which a name or an owner is cut, in characters.
const NAME_MAX: usize = 40;

pub(super) async fn list(args: &FindingsList) -> Result<Exit> {
    if let Some(account) = &args.account {
        check_account("--account", account)?;
    }
    let table = Table::open(&args.table).await?;
    let mut found = Vec::new();
    for listing in listings(args) {
        let mut from = None;
        loop {
            let page = table.store.list(&listing, from.as_deref()).await?;
            // A list without it would look complete.
            if let Some(problem) = page.unreadable.into_iter().next() {
                bail!("a finding could not be read: {problem}");
            }
            found.extend(page.findings.into_iter().filter(|finding| is_wanted(args, finding)));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    found.sort_by_cached_key(|finding| (rank(finding), finding.first_seen(), finding.key().to_string()));
    let mut out = io::stdout().lock();
    if args.json {
        for finding in &found {
            writeln!(out, "{}", serde_json::to_string(finding)?)?;
        }
    } else if found.is_empty() {
        eprintln!("no finding");
    } else {
        write!(out, "{}", as_table(&found))?;
    }
    Ok(Exit::Success)
}

/// The lists to read: by the narrowest index.
fn listings(args: &FindingsList) -> Vec<Listing> {
    match (&args.owner, &args.account) {
        (Some(owner), _) => vec![Listing::Owner(owner.clone())],
        (None, Some(account)) => vec![Listing::Account(account.clone())],
        (None, None) => {
            let mut states = args.state.clone();
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
fn is_wanted(args: &FindingsList, finding: &Finding) -> bool {
    let owner = finding.owner().map(|owner| owner.name.as_str());
    args.state.iter().any(|state| State::from(*state) == finding.state())
        && args.account.as_deref().is_none_or(|account| account == finding.key().account())
        && args.owner.as_deref().is_none_or(|name| owner == Some(name))
        && finding.key().rule() == args.table.rule
        && args
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

fn as_table(found: &[Finding]) -> String {
    let now = Timestamp::now();
    let row = |finding: &Finding| {
        let name = finding.group().and_then(|group| group.name.as_ref()).map(|name| name.as_str().to_owned());
        let owner = finding.owner().map(|owner| owner.name.as_str().to_owned());
        let cut = |text: Option<String>| text.map(|text| printable(&one_line(&text, NAME_MAX)).into_owned());
        [
            finding.severity().map(|severity| severity.as_str().to_owned()).unwrap_or_default(),
            words::state(finding, now),
            finding.key().account().to_owned(),
            finding.key().region().to_owned(),
            finding.key().group_id().to_owned(),
            cut(name).unwrap_or_default(),
            ports(finding),
            cut(owner).unwrap_or_default(),
            finding.first_seen().map(words::time).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let titles = ["SEVERITY", "STATE", "ACCOUNT", "REGION", "GROUP", "NAME", "PORTS", "OWNER", "FIRST SEEN"];
    let is_terminal = io::stdout().is_terminal();
    let color = is_terminal && terminal::allows_color();
    reports::text_table(titles, &rows, terminal::width(is_terminal), color)
}

/// Blocked ports that are open, each range once.
fn ports(finding: &Finding) -> String {
    let Some(list) = words::exposures(finding) else { return String::new() };
    let mut ports: Vec<&str> = list.listed.iter().flat_map(|exposure| &exposure.ports).map(Text::as_str).collect();
    ports.sort_unstable();
    ports.dedup();
    let more = if list.total > list.listed.len() { ", …" } else { "" };
    format!("{}{more}", ports.join(", "))
}
