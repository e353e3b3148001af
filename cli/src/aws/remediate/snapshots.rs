//! `portcullis snapshots`.

use std::cmp::Reverse;
use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use jiff::{Timestamp, Unit};
use plain_text::{error_chain, printable};
use remediation::{ClosingDetails, ClosingSnapshot, SnapshotError, StrategyName};
use serde_json::json;

use super::lookup;
use crate::args::{Snapshots, check_group_id};
use crate::aws::session;
use crate::aws::snapshot_store::SnapshotStore;
use crate::exit::Exit;
use crate::terminal;

/// One snapshot of the list.
struct Entry {
    region: String,
    closing: ClosingSnapshot,
    /// Name of the group, if it still exists.
    name: Option<String>,
    details: Result<ClosingDetails, SnapshotError>,
}

pub(crate) async fn snapshots(args: &Snapshots) -> Result<Exit> {
    for group in &args.groups {
        check_group_id(group)?;
    }
    let targets = session::several(&args.regions).await?;
    let mut entries = Vec::new();
    for target in &targets {
        let store = SnapshotStore::new(&args.store, target)?;
        let is_wanted = |closing: &ClosingSnapshot| {
            (args.groups.is_empty() || args.groups.contains(&closing.security_group_id))
                && (args.run.is_none() || closing.execution_id == args.run)
        };
        let closings = remediation::closings(&store).await?;
        let closings: Vec<_> = closings.into_iter().filter(is_wanted).take(args.limit).collect();
        let mut ids: Vec<String> = closings.iter().map(|closing| closing.security_group_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let names = lookup::names(target, &ids).await?;
        for closing in closings {
            let name = names.get(&closing.security_group_id).cloned();
            let details = remediation::closing_details(&store, &closing.key).await;
            entries.push(Entry { region: target.region.clone(), closing, name, details });
        }
    }
    entries.sort_by_key(|entry| Reverse(entry.closing.taken_at));
    entries.truncate(args.limit);
    let mut out = io::stdout().lock();
    if args.json {
        for entry in &entries {
            writeln!(out, "{}", entry.json())?;
        }
    } else if !entries.is_empty() {
        write!(out, "{}", table(&entries))?;
    }
    let unreadable = entries.iter().filter_map(|entry| Some((&entry.closing.key, entry.details.as_ref().err()?)));
    let mut exit = Exit::Success;
    for (key, problem) in unreadable {
        eprintln!("error: {key}: {}", error_chain(problem));
        exit = Exit::Error;
    }
    Ok(exit)
}

fn table(entries: &[Entry]) -> String {
    let mut rows = Vec::new();
    for Entry { region, closing, name, details } in entries {
        let details = details.as_ref().ok();
        rows.push([
            second(closing.taken_at),
            closing.security_group_id.clone(),
            name.as_deref().map(|name| printable(name).into_owned()).unwrap_or_default(),
            region.clone(),
            details.map(|details| details.planned.to_string()).unwrap_or_default(),
            details.and_then(|details| details.strategy).map(strategy).unwrap_or_default().to_owned(),
            closing.execution_id.clone().unwrap_or_default(),
        ]);
    }
    let is_terminal = io::stdout().is_terminal();
    let titles = ["TIME", "GROUP", "NAME", "REGION", "RULES", "STRATEGY", "RUN"];
    let color = is_terminal && terminal::allows_color();
    reports::text_table(titles, &rows, terminal::width(is_terminal), color)
}

impl Entry {
    fn json(&self) -> serde_json::Value {
        let Self { region, closing, name, details } = self;
        let details = details.as_ref().ok();
        json!({
            "takenAt": closing.taken_at,
            "securityGroupId": closing.security_group_id,
            "groupName": name,
            "region": region,
            "plannedRules": details.map(|details| details.planned),
            "strategy": details.and_then(|details| details.strategy).map(strategy),
            "run": closing.execution_id,
            "snapshot": closing.key,
        })
    }
}

/// As the option `--strategy` names it.
fn strategy(strategy: StrategyName) -> &'static str {
    match strategy {
        StrategyName::Revoke => "revoke",
        StrategyName::Carve => "carve",
        StrategyName::Replace => "replace",
    }
}

fn second(time: Timestamp) -> String {
    time.round(Unit::Second).unwrap_or(time).to_string()
}
