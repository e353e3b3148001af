//! `portcullis findings list`.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use channels::words;
use findings::finding::{Finding, State, Text};
use jiff::Timestamp;
use plain_text::{one_line, printable};

use super::select::select;
use crate::args::FindingsList;
use crate::exit::Exit;
use crate::terminal;

/// Length to which a name or an owner is cut, in characters.
const NAME_MAX: usize = 40;

pub(super) async fn list(args: &FindingsList) -> Result<Exit> {
    let found = select(&args.filter).await?;
    let mut out = io::stdout().lock();
    if args.json {
        for finding in &found {
            writeln!(out, "{}", serde_json::to_string(finding)?)?;
        }
    } else if found.is_empty() {
        let states: Vec<&str> = args.filter.state.iter().map(|state| State::from(*state).as_str()).collect();
        eprintln!("no finding that is {}", states.join(" or "));
    } else {
        write!(out, "{}", as_table(&found))?;
    }
    Ok(Exit::Success)
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
