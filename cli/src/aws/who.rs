//! Who opened a group.

use std::io::{self, Write};

use anyhow::Result;
use aws_adapters::terminal::{RuleChanges, rule_changes};
use exposure::{Assessment, IngressRule};
use findings::opened_by;
use plain_text::{counted, one_line, printable};

use super::session::Target;
use crate::exit::{Exit, in_one_line};

/// Length in characters to which the name of a program is cut. Programs choose it themselves.
const LONGEST_AGENT: usize = 150;

/// Tells for each rule that opens a blocked port, or may do so, which call made it what it is. A look-up that fails is an
/// error, and takes nothing back of what was explained.
pub(super) async fn tell(target: &Target, group_id: &str, assessment: &Assessment<'_>) -> Result<Exit> {
    let rules = rules(assessment);
    let out = &mut io::stdout();
    if rules.is_empty() {
        writeln!(out, "\nNo rule opens a blocked port, so nobody was looked up.")?;
        return Ok(Exit::Success);
    }
    let changes = match rule_changes(&target.sdk, group_id).await {
        Ok(changes) => changes,
        Err(problem) => {
            eprintln!("error: who opened it could not be looked up: {}", in_one_line(&problem.into()));
            return Ok(Exit::Error);
        }
    };
    writeln!(out, "\nOpened by")?;
    for rule in rules {
        writeln!(out, "  {}  {} from {}", rule.id.as_deref().unwrap_or("rule"), rule.traffic, rule.source)?;
        match opened_by(rule, &changes.changes) {
            Some(change) => {
                let (at, by) = (change.at.strftime("%Y-%m-%d %H:%M:%S UTC"), change.by.to_string());
                writeln!(out, "    {}, {at}", printable(&by))?;
                let from = change.source_address.as_ref().map(|address| format!(" from {address}")).unwrap_or_default();
                let with = change.user_agent.as_ref().map(|agent| format!(" with {}", one_line(agent, LONGEST_AGENT)));
                let with = with.unwrap_or_default();
                let event = change.event_id.as_ref().map(|id| format!(", event {id}")).unwrap_or_default();
                writeln!(out, "    {}", printable(&format!("{}{from}{with}{event}", change.name)))?;
            }
            None => writeln!(out, "    unknown: {}", why_unknown(&changes, target))?,
        }
    }
    Ok(Exit::Success)
}

fn why_unknown(changes: &RuleChanges, target: &Target) -> String {
    let region = &target.region;
    if changes.is_cut {
        let events = counted(changes.events, "event");
        return format!("no such call is among the last {events} of the group in {region}; a trail has older ones");
    }
    format!(
        "the event history of CloudTrail in {region} has no such call; it goes back 90 days, a trail may go further"
    )
}

/// The rules that expose the group, are exempt, or could not be judged: each once, in this order.
fn rules<'g>(assessment: &Assessment<'g>) -> Vec<&'g IngressRule> {
    let exposed = assessment.exposures.iter().map(|exposure| exposure.rule);
    let exempted = assessment.exempted.iter().map(|exempted| exempted.exposure.rule);
    let unjudged = assessment.unjudged.iter().chain(assessment.exempted_unjudged.iter().map(|(unjudged, _)| unjudged));
    let mut rules: Vec<&IngressRule> = Vec::new();
    for rule in exposed.chain(exempted).chain(unjudged.map(|unjudged| unjudged.rule)) {
        if !rules.iter().any(|known| std::ptr::eq(*known, rule)) {
            rules.push(rule);
        }
    }
    rules
}
