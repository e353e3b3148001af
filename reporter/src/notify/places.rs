//! Whom a channel reaches with a finding, and under which name the outbox of the finding has each of them.

use findings::finding::{Channel, Finding, hex};
use jiff::Timestamp;
use routing::{Delivery, Document, Ownership, Subject, Timing, Why, resolve};
use sha2::{Digest, Sha256};

/// Between the name of a channel, which cannot contain it, and the digest of a recipient.
const SEPARATOR: char = ':';
/// Bytes of the digest of a recipient.
const DIGEST: usize = 6;
/// Characters of the name of a channel beside such a digest.
const NAME: usize = 48;

/// A channel and a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Name in the outbox.
    pub(super) key: Channel,
    /// What is sent, to whom and why.
    pub(super) delivery: Delivery,
}

/// The places that a channel reaches with a finding at `now`: those of the routing document, and those that were told
/// already, whatever the document says by now. Otherwise nobody would tell these of the end.
pub(super) fn places(document: &Document, finding: &Finding, channel: &str, now: Timestamp) -> (Vec<Place>, Ownership) {
    let resolution = resolve(document, &Subject::new(document, finding, now));
    let Some(configured) = document.channels.get(channel) else { return (Vec::new(), resolution.ownership) };
    let wanted = resolution.deliveries.into_iter().filter(|delivery| delivery.channel == channel);
    // Those are part of a daily summary, which tells of their end, too.
    let wanted = wanted.filter(|delivery| delivery.timing != Timing::Digest);
    let mut places: Vec<Place> = Vec::new();
    for (index, delivery) in wanted.enumerate() {
        let key = if index == 0 { channel.into() } else { key(channel, &delivery) };
        places.push(Place { key, delivery });
    }
    for (told, _) in finding.channels().filter(|(key, _)| is_of(key.as_str(), channel)) {
        if !places.iter().any(|place| place.key == *told) {
            let delivery = Delivery {
                channel: channel.to_owned(),
                kind: configured.kind(),
                // The external id says where the message is.
                recipient: None,
                mentions: Vec::new(),
                ticket: None,
                timing: Timing::Normal,
                why: Why::DefaultChannels,
            };
            places.push(Place { key: told.clone(), delivery });
        }
    }
    (places, resolution.ownership)
}

/// Name of a further recipient of a channel. The first one has the name of the channel.
fn key(channel: &str, delivery: &Delivery) -> Channel {
    let recipient = delivery.recipient.as_ref().map(|address| address.value.as_str()).unwrap_or_default();
    let digest = hex(Sha256::digest(recipient.as_bytes()).iter().take(DIGEST));
    format!("{}{SEPARATOR}{digest}", beginning(channel)).as_str().into()
}

/// Whether a name in the outbox is of this channel.
fn is_of(key: &str, channel: &str) -> bool {
    match key.split_once(SEPARATOR) {
        Some((name, _)) => name == beginning(channel),
        None => key == channel,
    }
}

fn beginning(channel: &str) -> String {
    channel.chars().take(NAME).collect()
}
