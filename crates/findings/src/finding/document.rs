//! The stored form of a finding.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Finding;
use super::content::State;
use super::delivery::Deliveries;
use super::episode::{Closing, Episode};
use super::facts::Facts;
use super::key::FindingKey;
use super::stamp::Stamp;
use super::text::Text;
use crate::{Openness, Severity};

/// Format of a stored finding. A field may be added without a new number; a reader ignores fields that it does not know.
pub const FORMAT: &str = "portcullis.finding/1";
/// Formats that are read: the current one, and the one before it once there is one.
const READ: [&str; 1] = [FORMAT];

/// A stored finding has a format that this version does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("format `{0}` of a finding is not known: update Portcullis to the version that wrote it")]
pub struct UnknownFormat(Text<64>);

/// A finding as it is written: first what follows from the facts, for other readers of the store, then the facts.
#[derive(Serialize)]
struct Written<'f> {
    format: &'static str,
    key: &'f FindingKey,
    account: &'f str,
    region: &'f str,
    group_id: &'f str,
    rule: &'f str,
    state: State,
    status: Openness,
    severity: Option<Severity>,
    owner: Option<&'f Text<256>>,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    closed: Option<Closing>,
    reopenings: u64,
    episodes: Vec<Episode>,
    contested: bool,
    parked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    closes: Option<Timestamp>,
    revision: u64,
    newest_news: Option<Stamp>,
    version: u64,
    deliveries: &'f Deliveries,
    facts: &'f Facts,
}

/// The members from which a finding is read. All others follow from them.
#[derive(Deserialize)]
struct Read {
    format: String,
    key: FindingKey,
    revision: u64,
    #[serde(default)]
    newest_news: Option<Stamp>,
    version: u64,
    #[serde(default)]
    deliveries: Deliveries,
    facts: Facts,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let episodes = self.episodes();
        let written = Written {
            format: FORMAT,
            key: &self.key,
            account: self.key.account(),
            region: self.key.region(),
            group_id: self.key.group_id(),
            rule: self.key.rule(),
            state: self.state(),
            status: self.openness(),
            severity: self.severity(),
            owner: self.owner().map(|owner| &owner.name),
            first_seen: self.first_seen(),
            last_seen: self.last_seen(),
            closed: self.closing(),
            reopenings: episodes.reopenings(),
            episodes: episodes.listed,
            contested: self.is_contested(),
            parked: self.parked().is_some(),
            closes: self.closes(),
            revision: self.revision,
            newest_news: self.newest_news,
            version: self.version,
            deliveries: &self.deliveries,
            facts: &self.facts,
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read { format, key, revision, newest_news, version, deliveries, facts } = Read::deserialize(deserializer)?;
        if !READ.contains(&format.as_str()) {
            return Err(serde::de::Error::custom(UnknownFormat(format.into())));
        }
        Ok(Self { key, facts, revision, newest_news, version, deliveries })
    }
}
