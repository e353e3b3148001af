//! What must hold once all is told.

use std::collections::BTreeMap;

use channels::fakes::jira::{Issue, Jira, text_of};
use channels::words::title;
use findings::finding::{Delivery, Finding, State, Told};
use serde_json::Value;

use crate::aws::SECRETS;
use crate::fault::{CHANNELS, Place};
use crate::messages::{Message, TOLD_TOGETHER, messages};
use crate::pace;
use crate::scenario::Outcome;

/// Checks `condition`.
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return Err(format!($($reason)+));
        }
    };
}

/// Checks what every channel but the one that is down knows of each finding, and that nothing happened that must not.
pub(crate) fn check(outcome: &Outcome, down: Option<Place>, findings: &[Finding]) -> Result<(), String> {
    let world = &outcome.world;
    ensure!(outcome.expected.len() == findings.len(), "findings are lost");
    for finding in findings {
        let key = finding.key();
        let expected = &outcome.expected[key];
        ensure!(title(expected) == title(finding), "`{}` is recorded as `{}`", title(expected), title(finding));
        let is_up = |place: &Place| Some(*place) != down && outcome.scenario.only.is_none_or(|only| only == *place);
        for place in CHANNELS.into_iter().filter(is_up) {
            knows(outcome, place, finding).map_err(|error| format!("{place:?}, {key}: {error}"))?;
        }
    }
    for place in TOLD_TOGETHER {
        pace::check(outcome, place).map_err(|error| format!("{place:?}: {error}"))?;
    }
    let violations = world.services.borrow().violations();
    ensure!(violations.is_empty(), "limits: {violations:?}");
    let violations = world.violations.borrow();
    ensure!(violations.is_empty(), "{violations:?}");
    for queue in [&world.events, &world.jobs] {
        ensure!(queue.violations.borrow().is_empty(), "{:?}", queue.violations.borrow());
    }
    ensure!(world.events.dead.borrow().is_empty(), "dead events: {:?}", world.events.dead.borrow());
    no_secret(&outcome.log.text()).map_err(|error| format!("log: {error}"))?;
    let stored: String = findings.iter().map(|finding| serde_json::to_string(finding).unwrap()).collect();
    no_secret(&stored).map_err(|error| format!("store: {error}"))
}

/// Keys and tokens, and what is made of them.
fn no_secret(text: &str) -> Result<(), String> {
    // `bot@example.com:t0ken` in base64, as it is sent.
    let made = ["t0ken", "Ym90QGV4YW1wbGUuY29tOnQwa2Vu", "sig=fake", "/services/T0"];
    for secret in SECRETS.iter().map(|(_, secret)| *secret).chain(made) {
        let found = text.lines().find(|line| line.contains(secret));
        ensure!(found.is_none(), "`{secret}` is shown: {found:?}");
    }
    Ok(())
}

/// What the outbox says that a channel was told. The first recipient of a channel has its name, others a name with an ending.
fn outbox(finding: &Finding, place: Place) -> impl Iterator<Item = &Delivery> {
    let is_of = move |name: &str| name.split(':').next() == Some(place.channel());
    finding
        .channels()
        .filter(move |(name, known)| is_of(name.as_str()) && known.told != Told::Nothing)
        .map(|(_, known)| known)
}

/// Whether a channel is told of what is over, too.
fn is_told_of_all_news(place: Place) -> bool {
    !matches!(place, Place::Cloud | Place::Server | Place::Pager | Place::Hub)
}

fn knows(outcome: &Outcome, place: Place, finding: &Finding) -> Result<(), String> {
    let told: Vec<&Delivery> = outbox(finding, place).collect();
    let is_open = finding.state() == State::Open;
    ensure!(!is_open || !told.is_empty(), "not told that it is open");
    // A closing of what was exempt ends no ticket twice, and nobody is told of an exemption of what was closed.
    let hears_all = is_open || (finding.state() == State::Closed && is_told_of_all_news(place));
    for delivery in &told {
        let is_current = delivery.revision == finding.revision() || !hears_all;
        ensure!(is_current, "told of revision {}, and not {}", delivery.revision, finding.revision());
        ensure!((delivery.told == Told::Open) == is_open, "told that it is {:?}", delivery.told);
    }
    match place {
        Place::Chat => chat(outcome, finding, &told),
        Place::Hook | Place::Teams => last_says(outcome, place, finding, told.first().copied()),
        Place::Cloud => jira(outcome, &outcome.world.services.borrow().cloud, finding, true),
        Place::Server => jira(outcome, &outcome.world.services.borrow().server, finding, false),
        Place::Pager => pager(outcome, finding),
        Place::Receiver => receiver(outcome, finding, told.first().copied()),
        Place::Topic => last_document(outcome, place, finding, told.first().copied()),
        Place::Hub => hub(outcome, finding, told.len()),
        Place::Secrets => Ok(()),
    }
}

/// The newest of the messages about a finding: one of its own, which is updated, or one about many.
fn chat(outcome: &Outcome, finding: &Finding, told: &[&Delivery]) -> Result<(), String> {
    let label = finding.key().label();
    let is_own = |message: &Message| message.document["finding"] == label.as_str();
    let mut newest: BTreeMap<String, Message> = BTreeMap::new();
    for message in messages(&outcome.world, Place::Chat) {
        let is_about = is_own(&message) || (message.is_summary() && message.says(finding).is_some());
        let is_newer = newest.get(&message.recipient).is_none_or(|known| known.changed <= message.changed);
        if is_about && is_newer {
            newest.insert(message.recipient.clone(), message);
        }
    }
    for (recipient, message) in &newest {
        if is_own(message) {
            let revision = &message.document["revision"];
            let is_it = |delivery: &&Delivery| *revision == delivery.revision.to_string().as_str();
            ensure!(told.iter().any(is_it), "{recipient} shows {}", message.document);
        } else {
            says(message, finding, told.first().copied()).map_err(|error| format!("{recipient}: {error}"))?;
        }
    }
    ensure!(newest.len() == told.len(), "{} of {} conversations have a message", newest.len(), told.len());
    Ok(())
}

/// A text without what is no news, so that it may have been learned after the message: the name of the group, an earlier
/// episode, and what ended the last one, of which a straggler may tell.
fn plain(finding: &Finding, text: &str) -> String {
    let name = finding.group().and_then(|group| group.name.as_ref()).map(|name| format!(" ({})", name.as_str()));
    let text = name.map_or_else(|| text.to_owned(), |name| text.replace(&name, ""));
    let text = text.split_once(" by a ").map_or(text.as_str(), |(closed, _)| closed);
    text.replace(" is open again", " is open")
}

/// The last message about a finding has to say what it is now, if it is of the newest revision, and else that it is not open.
fn last_says(outcome: &Outcome, place: Place, finding: &Finding, told: Option<&Delivery>) -> Result<(), String> {
    let messages = messages(&outcome.world, place);
    let last = messages.iter().rfind(|message| message.says(finding).is_some());
    ensure!(told.is_none() || last.is_some(), "no message");
    last.map_or(Ok(()), |last| says(last, finding, told))
}

fn says(message: &Message, finding: &Finding, told: Option<&Delivery>) -> Result<(), String> {
    let (Some(line), Some(told)) = (message.says(finding), told) else { return Ok(()) };
    let (line, title) = (plain(finding, line), plain(finding, &title(finding)));
    if told.revision == finding.revision() {
        ensure!(line.contains(&title), "the last message does not say `{title}`: {line}");
    } else {
        ensure!(!line.contains(" is open"), "the last message says that it is open: {line}");
    }
    Ok(())
}

/// Whether the part of a document about a finding is of the revision that was told last, and says so if the finding is open.
/// One about many findings has no revisions. After a loss they are counted anew.
fn is_current(outcome: &Outcome, part: &Value, finding: &Finding, told: &Delivery) -> Result<(), String> {
    let (revision, state) = (&part["revision"], &part["state"]);
    let is_it = outcome.was_emptied || revision.is_null() || *revision == told.revision;
    ensure!(is_it, "the last document has revision {revision}, and not {}", told.revision);
    let (is_open, says_open) = (finding.state() == State::Open, *state == "open");
    ensure!(is_open == says_open, "the last document says that it is {state}");
    Ok(())
}

fn last_document(outcome: &Outcome, place: Place, finding: &Finding, told: Option<&Delivery>) -> Result<(), String> {
    let messages = messages(&outcome.world, place);
    let last = messages.iter().rev().find_map(|message| message.part(finding));
    ensure!(told.is_none() || last.is_some(), "no document");
    last.zip(told).map_or(Ok(()), |(last, told)| is_current(outcome, last, finding, told))
}

/// News that was told before a loss has the same id afterwards, and other news another one.
fn receiver(outcome: &Outcome, finding: &Finding, told: Option<&Delivery>) -> Result<(), String> {
    let services = outcome.world.services.borrow();
    let key = finding.key().to_string();
    let own = services.receiver.deliveries.iter().filter(|known| known.document["finding"]["key"] == key.as_str());
    let own: Vec<_> = own.collect();
    let mut ids: BTreeMap<u64, &str> = BTreeMap::new();
    for delivery in &own {
        let revision = delivery.document["finding"]["revision"].as_u64().unwrap();
        let known = *ids.entry(revision).or_insert(&delivery.id);
        ensure!(known == delivery.id || outcome.was_emptied, "revision {revision} has two ids");
    }
    let is_newest = told.is_some_and(|told| told.revision == finding.revision());
    if is_newest && outcome.was_emptied && outcome.scenario.burst.is_none() {
        let last = own.last().map_or("none", |last| &last.id);
        ensure!(last.contains(&finding.news_name()), "the last document is of other news: {last}");
    }
    last_document(outcome, Place::Receiver, finding, told)
}

/// One open ticket of an open finding, none of another one; one for all episodes if tickets may be reopened; and no comment
/// twice.
fn jira(outcome: &Outcome, jira: &Jira, finding: &Finding, may_reopen: bool) -> Result<(), String> {
    let label = finding.key().label();
    let of_finding = |issue: &&Issue| issue.labels.contains(&label);
    let tickets: Vec<&Issue> = jira.issues.iter().filter(of_finding).collect();
    let open = tickets.iter().filter(|ticket| !ticket.is_closed()).count();
    let expected = usize::from(finding.state() == State::Open);
    ensure!(open == expected, "{open} open tickets of {}, and not {expected}", tickets.len());
    let openings = outcome.world.openings(finding.key());
    let most = if may_reopen { openings.min(1) } else { openings };
    ensure!(tickets.len() <= most, "{} tickets for {openings} openings", tickets.len());
    for ticket in tickets {
        let mut said: BTreeMap<String, usize> = BTreeMap::new();
        for at in 0..ticket.comments.len() {
            let comment = ticket.comment(at);
            let mark = comment.lines().last().unwrap_or_default();
            ensure!(mark.starts_with(&label), "a comment of {} has no mark: {comment}", ticket.key);
            *said.entry(mark.to_owned()).or_default() += 1;
        }
        ensure!(said.values().all(|times| *times == 1), "{} has a comment twice: {said:?}", ticket.key);
        // The name of the group is no news, and in other markup.
        let (text, title) = (text_of(&ticket.description), title(finding));
        let open_to = title.split_once(" is open").map(|(_, rest)| rest.trim_start_matches(" again"));
        let is_told = ticket.is_closed() || open_to.is_none_or(|open_to| text.contains(open_to));
        ensure!(is_told, "{} does not say `{title}`: {text}", ticket.key);
    }
    Ok(())
}

fn pager(outcome: &Outcome, finding: &Finding) -> Result<(), String> {
    let services = outcome.world.services.borrow();
    let key = finding.key().to_string();
    let incidents: Vec<_> = services.pager.incidents.iter().filter(|incident| incident.dedup_key == key).collect();
    let open = incidents.iter().filter(|incident| incident.is_open()).count();
    let expected = usize::from(finding.state() == State::Open);
    ensure!(open == expected, "{open} open incidents, and not {expected}");
    let openings = outcome.world.openings(finding.key());
    ensure!(incidents.len() <= openings, "{} incidents for {openings} openings", incidents.len());
    Ok(())
}

fn hub(outcome: &Outcome, finding: &Finding, told: usize) -> Result<(), String> {
    let hub = outcome.world.hub.borrow();
    let group = finding.key().group_id();
    let about: Vec<_> =
        hub.iter().filter(|(_, known)| known["Resources"][0]["Id"].as_str().unwrap().ends_with(group)).collect();
    ensure!(about.len() == told.min(1), "{} findings in Security Hub", about.len());
    let Some((_, known)) = about.first() else { return Ok(()) };
    let expected = if finding.state() == State::Open { ("FAILED", "ACTIVE") } else { ("PASSED", "ARCHIVED") };
    let status = (&known["Compliance"]["Status"], &known["RecordState"]);
    ensure!(*status.0 == expected.0 && *status.1 == expected.1, "Security Hub has {status:?}");
    Ok(())
}
