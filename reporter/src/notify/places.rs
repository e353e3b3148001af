//! Who is to be told of a finding: the channels and their recipients, and under which name the outbox of the finding has each
//! of them. Recorder, notifier and sweep ask here and nowhere else.

use std::collections::BTreeSet;

use channels::slack_channel;
use findings::finding::{self as outbox, Due, Finding, Told, hex};
use jiff::{SignedDuration, Timestamp};
use routing::{
    Address, Channel, ChannelKind, Delivery, Document, Owner, OwnerKind, OwnerSource, Ownership, Subject, Timing, Why,
    resolve,
};
use sha2::{Digest, Sha256};

use crate::time::{minus, plus};

/// Between the name of a channel, which cannot contain it, and the digest of a recipient.
const SEPARATOR: char = ':';
/// Between the beginning of a long name of a channel, which cannot contain it, and the digest of the name.
const CUT: char = '~';
/// Bytes of a digest.
const DIGEST: usize = 6;
/// Characters of the name of a channel beside the digest of a recipient, and those of one that is longer.
const NAME: usize = 48;
const NAME_BEGINNING: usize = NAME - 1 - 2 * DIGEST;
/// A delivery that began longer ago than this has ended, one way or the other: longer than a function for it may run.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(90);
/// A channel that has tried nothing yet with a finding, and a recipient whom it does not know, are not told of it when it was
/// closed longer ago than this. Otherwise a new channel would hear of all that ever was, and an owner whom no channel knows would
/// be tried for as long as the finding is kept.
const OLD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Time in which another function that is at it may be expected to end.
const OTHER: SignedDuration = SignedDuration::from_secs(20);

/// A channel and a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Name in the outbox.
    pub(crate) key: outbox::Channel,
    /// What is sent, to whom and why.
    pub(crate) delivery: Delivery,
    /// Where the recipient is known from.
    pub(crate) named_by: NamedBy,
}

/// Where a recipient is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// The routing document: somebody has to see to it that the channel knows the recipient.
    Document,
    /// A tag, or whoever opened the group. Everyone who may tag can write anything there.
    Tag,
    /// The message that an earlier owner was told by.
    Message,
}

impl NamedBy {
    /// What names the recipient of a delivery about a finding with these owners.
    pub(super) fn of(document: &Document, ownership: &Ownership, delivery: &Delivery) -> Self {
        let Some(recipient) = &delivery.recipient else { return Self::Document };
        let is_channel = match document.channels.get(&delivery.channel) {
            Some(Channel::Slack { channel, .. }) => Address::parse(channel).is_ok_and(|address| address == *recipient),
            _ => false,
        };
        let is_by_tag = |owner: &Owner| {
            let is_tag = matches!(owner.from, OwnerSource::GroupTag | OwnerSource::InstanceTag | OwnerSource::Opener);
            // Whom an alias reaches is written in the document.
            is_tag && owner.kind != OwnerKind::Alias && owner.chat.contains(recipient)
        };
        let is_default = is_channel || ownership.default_chat.contains(recipient);
        if !is_default && ownership.owners.iter().any(is_by_tag) { Self::Tag } else { Self::Document }
    }
}

/// What a place is behind with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    /// The delivery.
    pub(crate) due: Due,
    /// The time of the next attempt after one that failed, if it has not come.
    pub(crate) next_attempt: Option<Timestamp>,
    /// The time until which another function may be at it, if it has not come.
    pub(crate) leased_until: Option<Timestamp>,
}

impl Pending {
    /// The time before which the delivery does not begin; `None` if it can begin now. The other function may end long before
    /// its lease does.
    pub(crate) fn not_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_attempt.max(self.leased_until.map(|until| until.min(plus(now, OTHER))))
    }
}

impl Place {
    /// What the place is behind with at `now`; `None` if it was told all that it is to be told.
    pub(crate) fn pending(&self, finding: &Finding, now: Timestamp) -> Option<Pending> {
        let due = finding.pending(&self.key, self.delivery.kind.manner(), now)?;
        let known = finding.delivery(&self.key);
        let next_attempt = known.and_then(|known| known.next_attempt);
        let leased_until = known.and_then(|known| known.began?.checked_add(LEASE).ok());
        let in_future = |time: &Timestamp| *time > now;
        Some(Pending {
            due,
            next_attempt: next_attempt.filter(in_future),
            leased_until: leased_until.filter(in_future),
        })
    }
}

/// The places that are behind with a finding at `now`.
pub(crate) fn pending(document: &Document, finding: &Finding, now: Timestamp) -> Vec<(Place, Pending)> {
    let (places, _) = places(document, finding, now);
    let pending = |place: Place| place.pending(finding, now).map(|pending| (place, pending));
    places.into_iter().filter_map(pending).collect()
}

/// The places that hear of a finding at `now`: those of the routing document, and those that were told already, whatever the
/// document says by now. Otherwise nobody would tell these of the end. Those of a channel that the document does not have any
/// more cannot be told.
fn places(document: &Document, finding: &Finding, now: Timestamp) -> (Vec<Place>, Ownership) {
    let resolution = resolve(document, &Subject::new(document, finding, now));
    // Those of the digest are part of a daily summary, which tells of their end, too.
    let wanted = resolution.deliveries.into_iter().filter(|delivery| delivery.timing != Timing::Digest);
    let is_old = finding.closing().is_some_and(|closing| closing.at <= minus(now, OLD));
    let (mut places, mut seen) = (Vec::<Place>::new(), BTreeSet::new());
    for delivery in wanted {
        let is_first = seen.insert(delivery.channel.clone());
        let key = if is_first { delivery.channel.as_str().into() } else { key(&delivery) };
        if !is_old || finding.delivery(&key).is_some_and(is_still_tried) {
            let named_by = NamedBy::of(document, &resolution.ownership, &delivery);
            places.push(Place { key, delivery, named_by });
        }
    }
    for (told, known) in finding.channels().filter(|(_, known)| may_say_open(known)) {
        if places.iter().any(|place| place.key == *told) {
            continue;
        }
        let configured = document.channels.iter().find(|(channel, _)| is_of(told.as_str(), channel));
        // An earlier owner. Without a message of their own, as after a summary, or of another kind of channel by now, nothing
        // says who that was, and the channel of all is not to be told in their place.
        let is_owner = told.as_str().contains(SEPARATOR);
        let recipient = known.external_id.as_ref().filter(|_| is_owner).and_then(slack_channel);
        let is_reached = |channel: &Channel| channel.kind() == ChannelKind::Slack && recipient.is_some();
        let configured = configured.filter(|(_, channel)| !is_owner || is_reached(channel));
        places.extend(configured.map(|(channel, configured)| Place {
            key: told.clone(),
            delivery: Delivery {
                channel: channel.clone(),
                kind: configured.kind(),
                // The external id says where the message is. If it is gone, another one is posted there and nowhere else.
                recipient,
                mentions: Vec::new(),
                ticket: None,
                timing: Timing::Normal,
                why: Why::DefaultChannels,
            },
            named_by: if is_owner { NamedBy::Message } else { NamedBy::Document },
        }));
    }
    (places, resolution.ownership)
}

/// The places that a channel reaches with a finding.
pub(super) fn places_of(
    document: &Document,
    finding: &Finding,
    channel: &str,
    now: Timestamp,
) -> (Vec<Place>, Ownership) {
    let (mut places, ownership) = places(document, finding, now);
    places.retain(|place| place.delivery.channel == channel);
    (places, ownership)
}

/// Whether a channel of this name has a ticket, an incident or a message of the finding that says that it is open.
pub(crate) fn has_open(finding: &Finding, channel: &str) -> bool {
    let mut of_channel = finding.channels().filter(|(key, _)| is_of(key.as_str(), channel));
    of_channel.any(|(_, known)| known.told == Told::Open)
}

/// Whether the place may show that the finding is open.
fn may_say_open(known: &outbox::Delivery) -> bool {
    known.told == Told::Open || known.began.is_some() || known.unknown_since.is_some()
}

/// Whether a place where something was tried is told of what ended long ago. A channel that was down for weeks is, and an owner
/// whom the channel never knew is not.
fn is_still_tried(known: &outbox::Delivery) -> bool {
    known.told == Told::Ended || may_say_open(known) || !known.misaddressed
}

/// Name of a further recipient of a channel. The first one has the name of the channel.
fn key(delivery: &Delivery) -> outbox::Channel {
    let recipient = delivery.recipient.as_ref().map(|address| address.value.as_str()).unwrap_or_default();
    format!("{}{SEPARATOR}{}", name(&delivery.channel), digest(recipient)).as_str().into()
}

/// Whether a name in the outbox is of this channel.
fn is_of(key: &str, channel: &str) -> bool {
    match key.split_once(SEPARATOR) {
        Some((beginning, _)) => beginning == name(channel),
        None => key == channel,
    }
}

/// The name of a channel, cut to leave room for the digest of a recipient. Two channels have different ones.
fn name(channel: &str) -> String {
    if channel.len() <= NAME {
        return channel.to_owned();
    }
    let beginning: String = channel.chars().take(NAME_BEGINNING).collect();
    format!("{beginning}{CUT}{}", digest(channel))
}

pub(super) fn digest(text: &str) -> String {
    hex(Sha256::digest(text.as_bytes()).iter().take(DIGEST))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use findings::finding::{ConfigVerdict, Moment, Observation, Observed, Source};

    use super::*;

    fn now() -> Timestamp {
        "2026-12-01T09:00:00Z".parse().unwrap()
    }

    fn open() -> Finding {
        let mut finding = Finding::new("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse().unwrap());
        let what = Observed::Compliance(ConfigVerdict::NonCompliant, Source::Change);
        finding.apply(&Observation { at: Moment::live(now()), what });
        finding
    }

    /// A document with these channels of Slack, of which the first ones hear of everything, and an owner.
    fn document(channels: &[&str], defaults: usize) -> Document {
        let channel = |name: &&str| format!(r##""{name}": {{"kind": "slack", "token": "ssm:/t", "channel": "#c"}}"##);
        let channels_of: Vec<String> = channels.iter().map(channel).collect();
        let defaults: Vec<String> = channels.iter().take(defaults).map(|name| format!("\"{name}\"")).collect();
        let (channels, defaults) = (channels_of.join(","), defaults.join(","));
        let owners = r##"{"default": "#owners"}"##;
        format!(r#"{{"version": 1, "channels": {{{channels}}}, "defaultChannels": [{defaults}], "owners": {owners}}}"#)
            .parse()
            .unwrap()
    }

    fn keys(document: &Document, finding: &Finding) -> Vec<(String, String)> {
        let (places, _) = places(document, finding, now());
        places.into_iter().map(|place| (place.delivery.channel, place.key.to_string())).collect()
    }

    #[test]
    fn each_recipient_has_a_name_of_its_own_in_the_outbox() {
        let keys = keys(&document(&["chat"], 1), &open());
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert_eq!(keys.first().unwrap(), &("chat".to_owned(), "chat".to_owned()));
        assert!(keys.last().unwrap().1.starts_with("chat:"), "{keys:?}");
    }

    #[test]
    fn two_long_names_that_begin_alike_are_not_mixed_up() {
        let [one, other] = ["a", "b"].map(|end| format!("{}{end}", "x".repeat(63)));
        let document = document(&[&one, &other], 2);
        let mut finding = open();
        for (place, pending) in pending(&document, &finding.clone(), now()) {
            assert!(place.key.as_str().len() <= 64);
            finding.delivered(&place.key, &pending.due, Some("C1/1.2".into())).unwrap();
        }
        let keys = keys(&document, &finding);
        assert_eq!(keys.len(), 4, "{keys:?}");
        assert_eq!(keys.iter().filter(|(channel, _)| *channel == one).count(), 2, "{keys:?}");
    }

    #[test]
    fn who_was_told_is_told_of_the_end_and_who_was_not_is_told_no_more() {
        let (both, none) = (document(&["told", "tried"], 2), document(&["told", "tried"], 0));
        let mut finding = open();
        for (place, pending) in pending(&both, &finding.clone(), now()) {
            if place.delivery.channel == "told" {
                finding.delivered(&place.key, &pending.due, Some("C1/1.2".into())).unwrap();
            } else {
                finding.failed(&place.key, "down", now()).unwrap();
            }
        }
        let channels: Vec<_> = keys(&none, &finding).into_iter().map(|(channel, _)| channel).collect();
        assert_eq!(channels, ["told", "told"]);
        assert!(has_open(&finding, "told") && !has_open(&finding, "tried"));
    }

    /// Such as an earlier owner of a group that is opened again.
    #[test]
    fn who_was_told_of_the_end_and_is_named_no_more_hears_nothing_of_what_begins_again() {
        let (both, none) = (document(&["told"], 1), document(&["told"], 0));
        let mut finding = open();
        for (verdict, minutes) in [(ConfigVerdict::Compliant, 1), (ConfigVerdict::NonCompliant, 2)] {
            for (place, pending) in pending(&both, &finding.clone(), now()) {
                finding.delivered(&place.key, &pending.due, Some("C1/1.2".into())).unwrap();
            }
            let at = Moment::live(now() + SignedDuration::from_mins(minutes));
            finding.apply(&Observation { at, what: Observed::Compliance(verdict, Source::Change) });
        }
        assert_eq!((keys(&both, &finding).len(), keys(&none, &finding).len()), (2, 0));
    }

    #[test]
    fn an_earlier_owner_who_was_told_in_a_summary_is_not_known_any_more() {
        let (both, none) = (document(&["chat"], 2), document(&["chat"], 0));
        let mut finding = open();
        for (place, pending) in pending(&both, &finding.clone(), now()) {
            finding.delivered(&place.key, &pending.due, None).unwrap();
        }
        assert_eq!(keys(&both, &finding).len(), 2);
        assert_eq!(keys(&none, &finding), [("chat".to_owned(), "chat".to_owned())]);
    }

    /// Their message may be gone. Whatever is posted in its place is for them, and not for the channel of all.
    #[test]
    fn an_earlier_owner_is_told_where_their_message_is() {
        let (both, none) = (document(&["chat"], 2), document(&["chat"], 0));
        let mut finding = open();
        for (place, pending) in pending(&both, &finding.clone(), now()) {
            finding.delivered(&place.key, &pending.due, Some("D0123/1.2".into())).unwrap();
        }
        let (places, _) = places(&none, &finding, now());
        let recipients =
            places.iter().map(|place| (place.key.as_str().contains(':'), place.delivery.recipient.clone()));
        let direct = Address { value: "D0123".to_owned(), kind: OwnerKind::SlackChannel };
        assert_eq!(recipients.collect::<Vec<_>>(), [(false, None), (true, Some(direct))]);
        // The place is another kind of channel by now, which knows no owners.
        let webhook = r#"{"version": 1, "channels": {"chat": {"kind": "slack", "webhook": "ssm:/t"}}}"#;
        assert_eq!(keys(&webhook.parse().unwrap(), &finding), [("chat".to_owned(), "chat".to_owned())]);
    }

    #[test]
    fn another_function_that_is_at_it_is_waited_for() {
        let document = document(&["chat"], 1);
        let mut finding = open();
        finding.begin(&"chat".into(), now()).unwrap();
        let waits = |at: Timestamp| {
            let pending = pending(&document, &finding, at);
            pending.first().and_then(|(_, pending)| pending.not_before(at))
        };
        let seconds = |seconds: i64| now() + SignedDuration::from_secs(seconds);
        assert_eq!(waits(now()), Some(seconds(20)));
        assert_eq!(waits(seconds(80)), Some(seconds(90)));
        assert_eq!(waits(seconds(90)), None);
    }
}
