//! The result as text.

use std::io::{self, IsTerminal, Write};

use channels::words;
use findings::finding::{Finding, State};
use jiff::Timestamp;
use plain_text::{plural_ending, printable};
use routing::{
    Address, Channel, Delivery, Document, Endpoint, Jira, Outcome, OwnerSource, Ownership, Resolution, Subject, Ticket,
    Timing, Why,
};

use super::{Trial, Tried};
use crate::terminal;

/// Whether the document is valid, and its warnings.
pub(super) fn document(out: &mut impl Write, name: &str, document: &Document) -> io::Result<()> {
    let warnings = document.warnings();
    let count = match warnings.len() {
        0 => String::new(),
        count => format!(", with {count} warning{}", plural_ending(u32::try_from(count).unwrap_or(u32::MAX))),
    };
    writeln!(out, "{} is valid{count}", printable(name))?;
    for warning in warnings {
        writeln!(out, "warning: {}", printable(&warning.to_string()))?;
    }
    Ok(())
}

/// Channels, routes, and what holds for all of them.
pub(super) fn summary(out: &mut impl Write, document: &Document) -> io::Result<()> {
    if !document.channels.is_empty() {
        let rows = document.channels.iter().map(|(name, channel)| {
            let secrets: Vec<String> = channel.secrets().map(ToString::to_string).collect();
            [name.clone(), channel.kind().as_str().to_owned(), target(channel), secrets.join(", ")]
        });
        table(out, ["CHANNEL", "KIND", "TELLS", "SECRETS"], rows)?;
    }
    if !document.routes.is_empty() {
        let rows = document.routes.iter().enumerate().map(|(index, route)| {
            let channels = if route.channels.is_empty() { "none".to_owned() } else { route.channels.join(", ") };
            let then = if route.r#continue { "later routes are tried, too" } else { "" };
            [route.title(index), channels, when(route.timing()).to_owned(), then.to_owned()]
        });
        table(out, ["ROUTE", "CHANNELS", "WHEN", "THEN"], rows)?;
    }
    writeln!(out)?;
    let default = match document.default_channels.as_slice() {
        [] => "nobody".to_owned(),
        channels => channels.join(", "),
    };
    line(out, "told by default", &default)?;
    line(out, "tag of the owner", &document.owners.tag)?;
    let burst = document.burst;
    line(out, "one message", &format!("for more than {} findings within {} minutes", burst.findings, burst.minutes))?;
    line(out, "daily summary", &format!("{:02}:{:02} UTC", document.digest.at.hour(), document.digest.at.minute()))
}

/// Where a channel leads to. Never a secret, but where one is kept.
fn target(channel: &Channel) -> String {
    match channel {
        Channel::Slack { channel, api_url: None, .. } => channel.clone(),
        Channel::Slack { channel, api_url: Some(url), .. } => format!("{channel} at {url}"),
        Channel::SlackWebhook { .. } | Channel::Teams { .. } => "the channel of the webhook".to_owned(),
        Channel::Jira(Jira { project, url, .. }) => {
            format!("{} at {url}", project.as_deref().unwrap_or("the project of the ticket owners"))
        }
        Channel::PagerDuty { severities, events_url, .. } => {
            let names: Vec<&str> = severities.iter().map(findings::Severity::as_str).collect();
            let place = events_url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
            format!("{} findings{place}", names.join(", "))
        }
        Channel::Sns { topic_arn } => topic_arn.clone(),
        Channel::Webhook { url: Endpoint::Url(url), .. } => url.clone(),
        Channel::Webhook { url: Endpoint::Secret(_), .. } => "the URL that is kept".to_owned(),
        Channel::SecurityHub {} => "the account of the finding".to_owned(),
    }
}

/// What becomes of a sample.
pub(super) fn trial(
    out: &mut impl Write,
    document: &Document,
    Trial { name, tried }: &Trial,
    now: Timestamp,
) -> io::Result<()> {
    writeln!(out)?;
    match tried {
        Tried::Ignored(reason) => {
            writeln!(out, "{}: nothing is sent: {}", printable(name), printable(&reason.to_string()))
        }
        Tried::Resolved { finding, subject, resolution } => {
            writeln!(out, "{}: {}", printable(name), printable(&title(finding, subject)))?;
            ownership(out, &resolution.ownership)?;
            if resolution.outcome != Outcome::Sent {
                return line(out, "nothing is sent", &silence(document, subject, resolution));
            }
            let rows = resolution.deliveries.iter().map(|delivery| {
                let Delivery { channel, kind, recipient, timing, why, .. } = delivery;
                let recipient = recipient.as_ref().map(|address| address.value.clone()).unwrap_or_default();
                let why = match why {
                    Why::Route(title) => title.clone(),
                    Why::DefaultChannels => "default channel".to_owned(),
                };
                [channel.clone(), kind.as_str().to_owned(), recipient, when(*timing).to_owned(), why, details(delivery)]
            });
            table(out, ["CHANNEL", "KIND", "RECIPIENT", "WHEN", "BY", "DETAILS"], rows)?;
            message(out, finding, &resolution.ownership, now)
        }
    }
}

/// What the channels say of a finding, each in its own format.
fn message(out: &mut impl Write, finding: &Finding, ownership: &Ownership, now: Timestamp) -> io::Result<()> {
    let facts = words::facts(finding, Some(ownership), now);
    let facts = facts.into_iter().map(|fact| format!("{}: {}", fact.label, fact.value));
    let links = words::links(finding).into_iter().map(|link| format!("{}: {}", link.label, link.url));
    writeln!(out, "\nmessage:")?;
    for text in [words::title(finding)].into_iter().chain(facts).chain(words::commands(finding)).chain(links) {
        writeln!(out, "  {}", printable(&text))?;
    }
    Ok(())
}

/// `sg-… (web) under portcullis in 111122223333 eu-west-1: open, critical, tcp/22`
fn title(finding: &Finding, subject: &Subject) -> String {
    let key = finding.key();
    let name = subject.group_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let mut facts = vec![state(subject.state)];
    facts.extend(subject.parked.then_some("parked"));
    facts.extend(subject.contested.then_some("contested"));
    facts.extend(subject.muted.then_some("muted"));
    let ports = subject.ports.to_string();
    // Of a group that is not sent, they are those of an earlier time.
    if matches!(subject.state, State::Open | State::Closed) {
        facts.push(subject.severity.as_str());
        facts.push(if ports.is_empty() { "ports not known" } else { &ports });
    }
    let (group, rule, account, region) = (key.group_id(), key.rule(), key.account(), key.region());
    format!("{group}{name} under {rule} in {account} {region}: {}", facts.join(", "))
}

fn state(state: State) -> &'static str {
    match state {
        State::NeverOpen => "never open",
        State::Open => "open",
        State::Exempt => "exempt",
        State::Closed => "closed",
    }
}

fn ownership(out: &mut impl Write, ownership: &Ownership) -> io::Result<()> {
    for owner in &ownership.owners {
        line(out, "owner", &format!("{} ({})", owner.value, source(owner.from)))?;
    }
    if ownership.owners.is_empty() {
        line(out, "owner", "none")?;
    }
    if ownership.omitted > 0 {
        line(out, "owners", &format!("{} more, who are not told", ownership.omitted))?;
    }
    for rejected in &ownership.rejected {
        let problem = format!("{} {} {}", source(rejected.from), rejected.text, rejected.error);
        line(out, "not an owner", &problem)?;
    }
    Ok(())
}

fn source(source: OwnerSource) -> &'static str {
    match source {
        OwnerSource::GroupTag => "tag of the group",
        OwnerSource::InstanceTag => "tag of an instance",
        OwnerSource::Opener => "opened the group",
        OwnerSource::RouteDefault => "default of the route",
        OwnerSource::UnitDefault => "default of the business unit or product",
        OwnerSource::AccountDefault => "default of the account",
        OwnerSource::Default => "default",
    }
}

/// Why no channel hears of the finding.
fn silence(document: &Document, subject: &Subject, resolution: &Resolution) -> String {
    match resolution.outcome {
        Outcome::Sent => String::new(),
        Outcome::Muted => "the finding is muted".to_owned(),
        Outcome::NeverOpen => "the group was never open, as far as this is known".to_owned(),
        Outcome::Exempt => "an exemption covers every exposure".to_owned(),
        Outcome::Dropped => "its routes have no channels".to_owned(),
        Outcome::Unrouted => {
            let matches = document.routes.iter().any(|route| route.r#match.matches(subject));
            let channels =
                if matches { "the channels of its routes do not take its severity" } else { "no route matches" };
            let default = if document.default_channels.is_empty() {
                "there are no `defaultChannels`"
            } else {
                "neither do `defaultChannels`"
            };
            format!("{channels}, and {default}")
        }
    }
}

/// Mentions, and the fields of a ticket.
fn details(Delivery { mentions, ticket, .. }: &Delivery) -> String {
    let mut details = Vec::new();
    if !mentions.is_empty() {
        let names: Vec<&str> = mentions.iter().map(|address| address.value.as_str()).collect();
        details.push(format!("mentions {}", names.join(", ")));
    }
    if let Some(Ticket { project, assignee, default_assignee, priority, parent }) = ticket {
        let mut field = |name: &str, value: Option<&str>| {
            details.extend(value.map(|value| format!("{name} {value}")));
        };
        let name = |address: &Option<Address>| address.as_ref().map(|address| address.value.clone());
        field("project", project.as_deref());
        field("assignee", name(assignee).as_deref());
        field("else", name(default_assignee).as_deref().filter(|_| assignee != default_assignee));
        field("priority", priority.as_deref());
        field("parent", parent.as_deref());
    }
    details.join(", ")
}

fn when(timing: Timing) -> &'static str {
    match timing {
        Timing::Immediate => "at once, even in a burst",
        Timing::Normal => "at once",
        Timing::Digest => "daily summary",
    }
}

fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{name}: {}", printable(text))
}

/// Text from users may contain anything, including escape sequences for the terminal.
fn table<const N: usize>(
    out: &mut impl Write,
    titles: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> io::Result<()> {
    let rows: Vec<[String; N]> = rows.map(|row| row.map(|text| printable(&text).into_owned())).collect();
    let is_terminal = io::stdout().is_terminal();
    let color = is_terminal && terminal::allows_color();
    write!(out, "\n{}", reports::text_table(titles, &rows, terminal::width(is_terminal), color))
}
