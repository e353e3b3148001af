//! Which channels hear of a finding.

use std::collections::BTreeMap;

use findings::finding::State;
use serde::Serialize;

use crate::address::{Address, OwnerKind};
use crate::channel::{Channel, ChannelKind, Jira};
use crate::document::Document;
use crate::ownership::{Ownership, ownership};
use crate::route::Route;
use crate::subject::Subject;

/// When a finding is sent, the latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Timing {
    /// In the daily summary only.
    Digest,
    /// At once, or with others in the message of a burst.
    Normal,
    /// At once, even within a burst.
    Immediate,
}

/// Why a channel hears of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// By a route: its place and its name, such as ``routes[2] `payments` ``.
    Route(String),
    /// By `defaultChannels`.
    DefaultChannels,
}

/// Fields of a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Key of the project.
    pub project: Option<String>,
    /// Assignee.
    pub assignee: Option<Address>,
    /// Assignee if Jira does not know the first one.
    pub default_assignee: Option<Address>,
    /// Name of the priority; `None` is the default of the project.
    pub priority: Option<String>,
    /// Ticket to which this one is linked.
    pub parent: Option<String>,
}

/// One message, ticket or page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Name of the channel.
    pub channel: String,
    /// Kind of the channel.
    pub kind: ChannelKind,
    /// Channel or user of Slack, or the e-mail address of the user; `None` if the channel itself is the only recipient.
    pub recipient: Option<Address>,
    /// Owners who are mentioned, since the channel cannot send them a message of their own.
    pub mentions: Vec<Address>,
    /// The ticket, for Jira.
    pub ticket: Option<Ticket>,
    /// When it is sent.
    pub timing: Timing,
    /// Why it is sent.
    pub why: Why,
}

/// What becomes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It is sent.
    Sent,
    /// It is muted.
    Muted,
    /// The group was never open.
    NeverOpen,
    /// It is exempt.
    Exempt,
    /// Its routes have no channels, as they say.
    Dropped,
    /// No route matches, or their channels do not take its severity, and there are no default channels.
    Unrouted,
}

/// Where a finding is sent, and who owns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolution {
    /// Messages, tickets and pages, in the order of routes and channels: each channel and recipient once.
    pub deliveries: Vec<Delivery>,
    /// Owners by the first route that matches.
    pub ownership: Ownership,
    /// What becomes of the finding.
    pub outcome: Outcome,
}

/// Returns where a finding is sent when it is new or has changed.
///
/// Whoever was told of a finding also has to hear of its end, whatever the routes say of a closed one: the caller adds
/// those recipients.
#[must_use]
pub fn resolve(document: &Document, subject: &Subject) -> Resolution {
    let taken = routes_taken(document, subject);
    let ownership_of = |route| ownership(document, subject, route);
    let first = ownership_of(taken.first().map(|(_, route)| *route));
    let silent = match subject.state {
        State::NeverOpen => Some(Outcome::NeverOpen),
        _ if subject.muted => Some(Outcome::Muted),
        State::Exempt => Some(Outcome::Exempt),
        State::Open | State::Closed => None,
    };
    if let Some(outcome) = silent {
        return Resolution { deliveries: Vec::new(), ownership: first, outcome };
    }
    let mut deliveries = Deliveries::default();
    for (index, route) in &taken {
        let step = Step {
            document,
            subject,
            route: Some(*route),
            ownership: &ownership_of(Some(*route)),
            timing: route.timing(),
            why: Why::Route(route.title(*index)),
        };
        step.add(&route.channels, &mut deliveries);
    }
    let is_dropped = !taken.is_empty() && taken.iter().all(|(_, route)| route.channels.is_empty());
    if deliveries.list.is_empty() && !is_dropped {
        let (route, why) = (None, Why::DefaultChannels);
        let step = Step { document, subject, route, ownership: &first, timing: Timing::Normal, why };
        step.add(&document.default_channels, &mut deliveries);
    }
    let outcome = match (deliveries.list.is_empty(), is_dropped) {
        (false, _) => Outcome::Sent,
        (true, true) => Outcome::Dropped,
        (true, false) => Outcome::Unrouted,
    };
    Resolution { deliveries: deliveries.list, ownership: first, outcome }
}

/// The routes that match, up to the first without `continue`.
fn routes_taken<'d>(document: &'d Document, subject: &Subject) -> Vec<(usize, &'d Route)> {
    let mut taken = Vec::new();
    for (index, route) in document.routes.iter().enumerate() {
        if route.r#match.matches(subject) {
            taken.push((index, route));
            if !route.r#continue {
                break;
            }
        }
    }
    taken
}

impl Route {
    /// When the findings of the route are sent.
    #[must_use]
    pub fn timing(&self) -> Timing {
        match (self.immediate, self.digest) {
            (true, _) => Timing::Immediate,
            (false, true) => Timing::Digest,
            (false, false) => Timing::Normal,
        }
    }
}

#[derive(Default)]
struct Deliveries {
    list: Vec<Delivery>,
    places: BTreeMap<(String, Option<Address>), usize>,
}

impl Deliveries {
    /// The first route that names a channel and a recipient decides what is sent; the most urgent one decides when.
    fn add(&mut self, delivery: Delivery) {
        let key = (delivery.channel.clone(), delivery.recipient.clone());
        let place = *self.places.entry(key).or_insert(self.list.len());
        match self.list.get_mut(place) {
            Some(known) => known.timing = known.timing.max(delivery.timing),
            None => self.list.push(delivery),
        }
    }
}

/// A route that is taken, or the default channels.
struct Step<'a> {
    document: &'a Document,
    subject: &'a Subject,
    route: Option<&'a Route>,
    ownership: &'a Ownership,
    timing: Timing,
    why: Why,
}

impl Step<'_> {
    fn add(&self, names: &[String], deliveries: &mut Deliveries) {
        for name in names {
            let Some(channel) = self.document.channels.get(name) else { continue };
            if !channel.takes(self.subject) {
                continue;
            }
            for recipient in self.recipients(channel) {
                deliveries.add(Delivery {
                    channel: name.clone(),
                    kind: channel.kind(),
                    recipient,
                    mentions: self.mentions(channel),
                    ticket: self.ticket(channel),
                    timing: self.timing,
                    why: self.why.clone(),
                });
            }
        }
    }

    /// A bot of Slack writes to the channel, to the default owners, and to the owners whom a tag or the opener names.
    fn recipients(&self, channel: &Channel) -> Vec<Option<Address>> {
        let Channel::Slack { channel, .. } = channel else { return vec![None] };
        let mut recipients: Vec<Option<Address>> = vec![Address::parse(channel).ok()];
        let owners = self.ownership.owners.iter().flat_map(|owner| &owner.chat);
        for address in self.ownership.default_chat.iter().chain(owners) {
            if !recipients.iter().flatten().any(|known| known == address) {
                recipients.push(Some(address.clone()));
            }
        }
        recipients
    }

    fn mentions(&self, channel: &Channel) -> Vec<Address> {
        let owners = self.ownership.owners.iter();
        let mut mentions: Vec<Address> = match channel {
            Channel::SlackWebhook { .. } => {
                let chat = owners.flat_map(|owner| &owner.chat);
                chat.filter(|address| address.kind != OwnerKind::SlackChannel).cloned().collect()
            }
            Channel::Teams { .. } => owners.filter_map(|owner| owner.email.clone()).collect(),
            _ => Vec::new(),
        };
        mentions.sort();
        mentions.dedup();
        mentions
    }

    fn ticket(&self, channel: &Channel) -> Option<Ticket> {
        let Channel::Jira(Jira { project, parent, priorities, .. }) = channel else { return None };
        let hammer = &self.document.ticket_owners;
        let setting = |specific: Option<&String>, channel: &Option<String>, general: &Option<String>| {
            specific.or(channel.as_ref()).or(general.as_ref()).cloned()
        };
        let by_route = self.route.and_then(|route| route.priority.as_ref());
        let default_assignee = self.ownership.default_assignee.clone();
        Some(Ticket {
            project: setting(
                hammer.specific(self.subject, |settings| settings.jira_project.as_ref()),
                project,
                &hammer.settings.jira_project,
            ),
            parent: setting(
                hammer.specific(self.subject, |settings| settings.jira_parent_ticket.as_ref()),
                parent,
                &hammer.settings.jira_parent_ticket,
            ),
            assignee: self.ownership.assignee.clone().or_else(|| default_assignee.clone()),
            default_assignee,
            priority: by_route.or_else(|| priorities.get(self.subject.severity.as_str())).cloned(),
        })
    }
}

impl Channel {
    fn takes(&self, subject: &Subject) -> bool {
        match self {
            Self::PagerDuty { severities, .. } => severities.contains(subject.severity),
            _ => true,
        }
    }
}
