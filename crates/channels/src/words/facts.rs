//! What is known of a finding, as labels and values.

use findings::finding::{AttemptStatus, Finding, Opener, State};
use jiff::Timestamp;
use routing::{OwnerKind, OwnerSource, Ownership};

use super::{and_more, exposure_lines, exposures, group, line, state, time};

/// Exposures that are listed one by one.
const EXPOSURES_MAX: usize = 8;
/// Owners that are listed one by one.
const OWNERS_MAX: usize = 5;
/// Rejected tags that are listed one by one.
const REJECTED_MAX: usize = 3;

/// A fact: plain text on one line. The value may contain anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is, such as `Region`.
    pub label: &'static str,
    /// The value.
    pub value: String,
}

/// What is known of a finding at `now`, the most important facts first. Without an `ownership`, which needs a routing
/// document, the owner is the one that was last looked up.
#[must_use]
pub fn facts(finding: &Finding, ownership: Option<&Ownership>, now: Timestamp) -> Vec<Fact> {
    let mut facts = Facts::default();
    facts.add("State", state(finding, now));
    facts.some("Severity", finding.severity().map(|severity| severity.as_str().to_owned()));
    facts.add("Group", group(finding));
    facts.add("Account", finding.key().account().to_owned());
    facts.add("Region", finding.key().region().to_owned());
    let known = finding.group();
    facts.some("VPC", known.and_then(|group| group.vpc_id.as_ref()).map(|vpc| line(vpc.as_str())));
    let owner_account = known.and_then(|group| group.owner_account.as_ref()).map(|account| line(account.as_str()));
    facts.some("Account of the group", owner_account.filter(|account| account != finding.key().account()));
    facts.add("Rule", finding.key().rule().to_owned());
    let label = match finding.state() {
        State::Open | State::NeverOpen => "Exposures",
        State::Exempt => "Exempt exposures",
        State::Closed => "Last exposures",
    };
    let unknown = (finding.state() == State::Open).then(|| "not known yet".to_owned());
    facts.some(label, exposures_in_words(finding).or(unknown));
    facts.add("Interfaces", interfaces(finding));
    closing(finding, &mut facts);
    let looked_up = || finding.owner().map_or_else(|| "not known".to_owned(), |owner| line(owner.name.as_str()));
    facts.add("Owner", ownership.map_or_else(looked_up, owners));
    facts.some("Rejected owner tag", ownership.and_then(rejected));
    facts.add("Opened by", finding.opener().map_or_else(|| "not known".to_owned(), opener));
    times(finding, &mut facts);
    beside(finding, now, &mut facts);
    facts.0
}

/// A list without empty values.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, label: &'static str, value: String) {
        if !value.trim().is_empty() {
            self.0.push(Fact { label, value });
        }
    }

    fn some(&mut self, label: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.add(label, value);
        }
    }
}

fn exposures_in_words(finding: &Finding) -> Option<String> {
    let list = exposures(finding).filter(|list| !list.listed.is_empty())?;
    Some(and_more(&exposure_lines(list, EXPOSURES_MAX), list.total))
}

fn interfaces(finding: &Finding) -> String {
    let Some(attachment) = finding.attachment() else { return "not known".to_owned() };
    if attachment.interfaces == 0 {
        return "none".to_owned();
    }
    let count = plain_text::counted(attachment.interfaces, "interface");
    let public = if attachment.public { ", with a public address" } else { ", without a public address" };
    let example = attachment.example.as_ref().map(|example| format!(", such as {}", line(example.as_str())));
    format!("{count}{public}{}", example.unwrap_or_default())
}

fn closing(finding: &Finding, facts: &mut Facts) {
    if let Some(closes) = finding.closes() {
        facts.add("Closes", format!("on {}, unless fixed or exempted", closes.strftime("%Y-%m-%d")));
    }
    if let Some(closing) = finding.closing() {
        facts.add("Closed", time(closing.at));
        facts.add("Closed by", line(&closing.by.to_string()));
    }
}

fn owners(ownership: &Ownership) -> String {
    let shown: Vec<String> = ownership
        .owners
        .iter()
        .take(OWNERS_MAX)
        .map(|owner| {
            let alias = if owner.kind == OwnerKind::Alias { "alias " } else { "" };
            format!("{alias}{} ({})", line(&owner.value), source(owner.from))
        })
        .collect();
    if shown.is_empty() {
        return "not known".to_owned();
    }
    and_more(&shown, ownership.owners.len().saturating_add(ownership.omitted))
}

/// Where an owner comes from.
fn source(from: OwnerSource) -> &'static str {
    match from {
        OwnerSource::GroupTag => "tag of the group",
        OwnerSource::InstanceTag => "tag of an instance",
        OwnerSource::Opener => "opened the group",
        OwnerSource::RouteDefault => "default of the route",
        OwnerSource::UnitDefault => "default of the business unit",
        OwnerSource::AccountDefault => "default of the account",
        OwnerSource::Default => "default",
    }
}

fn rejected(ownership: &Ownership) -> Option<String> {
    let shown: Vec<String> = ownership
        .rejected
        .iter()
        .take(REJECTED_MAX)
        .map(|rejected| format!("{}: {} {}", source(rejected.from), line(&rejected.text), rejected.error))
        .collect();
    (!shown.is_empty()).then(|| and_more(&shown, ownership.rejected.len()))
}

fn opener(opener: &Opener) -> String {
    let Opener { at, principal, user_agent, stack } = opener;
    let with = user_agent.as_ref().map(|agent| format!(", with {}", line(agent.as_str()))).unwrap_or_default();
    let stack = stack.as_ref().map(|stack| format!(", by the CloudFormation stack {}", line(stack.as_str())));
    format!("{}{with}{}, {}", line(principal.as_str()), stack.unwrap_or_default(), time(*at))
}

fn times(finding: &Finding, facts: &mut Facts) {
    let episodes = finding.episodes();
    let reopenings = episodes.reopenings();
    facts.some("First seen open", finding.first_seen().map(time));
    let newest = episodes.newest().filter(|episode| reopenings > 0 && episode.closed.is_none());
    facts.some("Open since", newest.map(|episode| time(episode.first_seen)));
    facts.some("Last seen open", finding.last_seen().map(time));
    facts.some("Reopenings", (reopenings > 0).then(|| reopenings.to_string()));
}

/// What stands beside the state.
fn beside(finding: &Finding, now: Timestamp, facts: &mut Facts) {
    let parked = finding.parked().map(|reason| line(reason.as_str()));
    facts.some("Parked", parked.map(|reason| format!("AWS Config will not close it: {reason}")));
    let contested = "the same exposure was closed three times within 24 hours";
    facts.some("Contested", finding.is_contested().then(|| contested.to_owned()));
    let quarantined = "network ACLs deny ports to it";
    facts.some("Quarantined", finding.is_quarantined().then(|| quarantined.to_owned()));
    facts.some("Failed closing", failed_closing(finding));
    let unjudged = finding.unjudged().map(|reason| line(reason.as_str()));
    facts.some("Unjudged", unjudged.map(|reason| format!("the newest judgement reached no verdict: {reason}")));
    facts.some(
        "Exemption",
        finding.exemption().map(|exemption| {
            let end = exemption.expires.as_ref().map(|end| format!("until {}", line(end.as_str())));
            let owner = exemption.owner.as_ref().map(|owner| format!(" ({})", line(owner.as_str())));
            let end = end.unwrap_or_else(|| "without an end".to_owned());
            format!("{end}: {}{}", line(exemption.reason.as_str()), owner.unwrap_or_default())
        }),
    );
    facts.some(
        "Muted",
        finding.mute(now).map(|mute| {
            let until =
                mute.until.map_or_else(|| "until it is unmuted".to_owned(), |until| format!("until {}", time(until)));
            format!("{until}, by {}: {}", line(mute.by.as_str()), line(mute.reason.as_str()))
        }),
    );
}

/// The newest attempt to close an open finding, if it failed.
fn failed_closing(finding: &Finding) -> Option<String> {
    let attempt = finding.failed_attempt()?;
    let how = match attempt.status {
        AttemptStatus::Done => return None,
        AttemptStatus::Partial => "closed only a part of the exposures",
        AttemptStatus::Failed => "failed",
        AttemptStatus::NotStarted => "did not start",
        AttemptStatus::Rejected => "was not approved",
    };
    Some(format!("{} {how}: {}", line(attempt.execution_id.as_str()), line(attempt.message.as_str())))
}
