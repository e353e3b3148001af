//! The routing document.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jiff::civil::Time;
use plain_text::counted;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

use crate::channel::Channel;
use crate::json::Node;
use crate::owners::Owners;
use crate::problem::{DocumentError, Problem, Sink};
use crate::reader::Value;
use crate::route::{Match, Route, channel_names};
use crate::ticket_owners::{KEYS, TicketOwners};

/// Largest document, in bytes.
pub const DOCUMENT_MAX: usize = 512 * 1024;
const CHANNELS_MAX: usize = 100;
const ROUTES_MAX: usize = 500;
const VERSION: u32 = 1;

/// Where findings are sent, and who owns them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Written")]
pub struct Document {
    /// Channels by name.
    pub channels: BTreeMap<String, Channel>,
    /// Channels of findings that no route matches.
    pub default_channels: Vec<String>,
    /// Routes, in order.
    pub routes: Vec<Route>,
    /// Owners.
    pub owners: Owners,
    /// Hammer's `ticket_owners.json`.
    pub ticket_owners: TicketOwners,
    /// When many findings are one message.
    pub burst: Burst,
    /// When the daily summary is sent.
    pub digest: Digest,
}

/// A recipient gets so many messages within so many minutes, and one about what is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Burst {
    /// Most findings that are told one by one.
    pub findings: u32,
    /// The window.
    pub minutes: u32,
}

impl Default for Burst {
    fn default() -> Self {
        Self { findings: 20, minutes: 10 }
    }
}

/// When the daily summary is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// Time of day, UTC.
    #[serde(serialize_with = "hour_and_minute")]
    pub at: Time,
}

impl Default for Digest {
    fn default() -> Self {
        Self { at: Time::constant(8, 0, 0, 0) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn hour_and_minute<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:02}:{:02}", time.hour(), time.minute()))
}

/// The document as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    version: u32,
    channels: BTreeMap<String, Channel>,
    default_channels: Vec<String>,
    routes: Vec<Route>,
    owners: Owners,
    ticket_owners: TicketOwners,
    burst: Burst,
    digest: Digest,
}

impl From<Document> for Written {
    fn from(document: Document) -> Self {
        let Document { channels, default_channels, routes, owners, ticket_owners, burst, digest } = document;
        Self { version: VERSION, channels, default_channels, routes, owners, ticket_owners, burst, digest }
    }
}

impl FromStr for Document {
    type Err = DocumentError;

    /// Reads a routing document, or Hammer's `ticket_owners.json` alone, which has owners and no channels.
    fn from_str(text: &str) -> Result<Self, DocumentError> {
        // Nobody reads more of a file or an object than tells that it is too large, so its size is not known.
        if text.len() > DOCUMENT_MAX {
            let problem = format!("has more than {DOCUMENT_MAX} bytes, and no more are possible");
            return Err(DocumentError::of_document(problem));
        }
        // Some editors and shells write a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let node =
            serde_json::from_str(text).map_err(|error| DocumentError::of_document(format!("is not JSON: {error}")))?;
        Self::from_node(node)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_node(Node::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Document {
    /// Returns the document with the owners of Hammer's `ticket_owners.json`, which were kept elsewhere.
    #[must_use]
    pub fn with_ticket_owners(self, ticket_owners: TicketOwners) -> Self {
        Self { ticket_owners, ..self }
    }

    fn from_node(node: Node) -> Result<Self, DocumentError> {
        let sink = Sink::default();
        let document = Self::read(Value::document(node, &sink));
        let problems = sink.into_problems();
        // Without a document there is always a problem.
        document.filter(|_| problems.is_empty()).ok_or_else(|| DocumentError::new(problems))
    }

    fn read(value: Value<'_>) -> Option<Self> {
        let is_ours = ["version", "channels", "routes", "ticketOwners"].into_iter().any(|key| value.has(key));
        if !is_ours && KEYS.into_iter().any(|key| value.has(key)) {
            let ticket_owners = TicketOwners::read(value, &BTreeMap::new())?;
            return Some(Self { ticket_owners, ..Self::default() });
        }
        let mut fields = value.fields()?;
        let version = fields.require("version")?;
        let place = version.place.clone();
        let version = version.number_like(VERSION)?;
        if version != VERSION {
            place.problem(format!("is {version}, and this release supports version {VERSION} only"));
            return None;
        }
        let owners = fields.take("owners").map_or_else(|| Some(Owners::default()), Owners::read);
        let owners = owners.unwrap_or_default();
        let ticket_owners = fields
            .take("ticketOwners")
            .map_or_else(|| Some(TicketOwners::default()), |value| TicketOwners::read(value, &owners.aliases));
        let ticket_owners = ticket_owners.unwrap_or_default();
        let project = ticket_owners.settings.jira_project.is_some();
        let (names, channels) =
            fields.require("channels").and_then(|value| channels(value, project)).unwrap_or_default();
        let default_channels =
            fields.take("defaultChannels").and_then(|value| channel_names(value, &names)).unwrap_or_default();
        let routes = fields.take("routes").and_then(|value| value.list(ROUTES_MAX)).unwrap_or_default();
        let read_route = |value: Value<'_>| {
            let place = value.place.clone();
            let route = Route::read(value, &names, &owners.aliases)?;
            let summarized = route.channels.iter().filter(|_| route.digest);
            for (name, channel) in summarized.filter_map(|name| channels.get_key_value(name)) {
                if !channel.kind().has_summary() {
                    let kind = channel.kind().as_str();
                    place.problem(format!(
                        "`digest` and `{name}`: {kind} has no daily summary, so name it in another route"
                    ));
                }
            }
            Some(route)
        };
        let routes = routes.into_iter().filter_map(read_route).collect();
        let burst = fields.take("burst").and_then(Burst::read).unwrap_or_default();
        let digest = fields.take("digest").and_then(Digest::read).unwrap_or_default();
        fields.finish();
        Some(Self { channels, default_channels, routes, owners, ticket_owners, burst, digest })
    }

    /// Returns what is suspicious, but no mistake.
    #[must_use]
    pub fn warnings(&self) -> Vec<Problem> {
        let mut warnings = Vec::new();
        let mut warn = |place: String, text: String| warnings.push(Problem { place, text });
        let used: BTreeSet<&String> =
            self.routes.iter().flat_map(|route| &route.channels).chain(&self.default_channels).collect();
        for name in self.channels.keys().filter(|name| !used.contains(name)) {
            let text = "no route and no `defaultChannels` uses this channel: it hears of nothing";
            warn(format!("channels.{name}"), text.to_owned());
        }
        for (index, route) in self.routes.iter().enumerate() {
            let earlier = self.routes.iter().take(index).enumerate();
            let covering = earlier.filter(|(_, earlier)| !earlier.r#continue);
            let covering = covering.into_iter().find(|(_, earlier)| earlier.r#match.covers(&route.r#match));
            if let Some((first, covering)) = covering {
                let first = covering.title(first);
                let text = format!(
                    "is never reached: {first} takes all its findings; change their order or set `continue` there"
                );
                warn(format!("routes[{index}]"), text);
            }
        }
        let takes_all = self.routes.iter().any(|route| route.r#match == Match::default());
        if self.channels.is_empty() {
            warn(String::new(), "has no channels: nothing is sent".to_owned());
        } else if self.default_channels.is_empty() && !takes_all {
            let text = "a finding that no route matches is sent nowhere: add `defaultChannels`";
            warn(String::new(), text.to_owned());
        }
        for account in self.ticket_owners.impossible_accounts() {
            let digits = counted(account.len(), "digit");
            let text = format!("has {digits}, and account ids have 12: this entry is never used");
            warn(format!("ticketOwners.account.{account}"), text);
        }
        warnings
    }
}

/// The names of all channels, also of those that have mistakes, and the channels.
fn channels(value: Value<'_>, has_project: bool) -> Option<(BTreeSet<String>, BTreeMap<String, Channel>)> {
    let mut names = BTreeSet::new();
    let mut channels = BTreeMap::new();
    for (name, value) in value.members(CHANNELS_MAX)? {
        let place = value.place.clone();
        if !is_channel_name(&name) {
            place.problem(
                "is not the name of a channel: 1 to 64 letters, digits, `.`, `_` and `-`, a letter or digit first",
            );
            continue;
        }
        names.insert(name.clone());
        let Some(channel) = Channel::read(value) else { continue };
        if matches!(&channel, Channel::Jira(jira) if jira.project.is_none()) && !has_project {
            place.problem("`project` is missing");
        }
        channels.insert(name, channel);
    }
    Some((names, channels))
}

fn is_channel_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

impl Burst {
    fn read(value: Value<'_>) -> Option<Self> {
        let mut fields = value.fields()?;
        let findings = fields.require("findings").and_then(|value| value.number(1, 10_000));
        let minutes = fields.require("minutes").and_then(|value| value.number(1, 1440));
        fields.finish();
        Some(Self { findings: findings?, minutes: minutes? })
    }
}

impl Digest {
    fn read(value: Value<'_>) -> Option<Self> {
        let mut fields = value.fields()?;
        let at = fields
            .require("at")
            .and_then(|value| value.form(5, |text| time_of_day(text).is_some(), "a time of day, UTC, such as 08:00"));
        fields.finish();
        Some(Self { at: time_of_day(&at?)? })
    }
}

fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i8>().ok().filter(|_| is_number)
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}
