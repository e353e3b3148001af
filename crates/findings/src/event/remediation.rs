//! The event `Portcullis Remediation`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::MAX_DETAIL_BYTES;
use super::fit::{clipped, clipped_option, json_bytes, keep_first, take};

/// Most bytes of a name or an id.
const NAME: usize = 1_020;
/// Most bytes of a text.
const TEXT: usize = 2_000;
/// Lists of a response that come first when there is no room for all: what stays open, then what was changed.
const FIRST: [&str; 4] = ["remaining", "notAuthorized", "revoked", "authorized"];

/// Detail of a `Portcullis Remediation`: how a request to the remediator ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemediationEvent {
    /// Schema of the detail.
    pub schema: RemediationSchema,
    /// Account of the group.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name of the AWS Config rule.
    pub config_rule_name: String,
    /// `sg-…`.
    pub security_group_id: String,
    /// `close`, `restore`, `quarantine` or `release`.
    pub action: String,
    /// Whether nothing was to be changed.
    pub dry_run: bool,
    /// The SSM Automation execution.
    pub execution_id: Option<String>,
    /// Time at which the outcome was known, by which outcomes are ordered.
    pub time: Timestamp,
    /// Status of the response; `FAILED` if there is none. Readers expect further ones.
    pub status: String,
    /// The response, without what has no room.
    pub response: Option<Map<String, Value>>,
    /// Number of items of each list of the response.
    pub counts: BTreeMap<String, usize>,
    /// The failure, if there is no response. Nothing was changed.
    pub error: Option<EventError>,
}

/// Schema of a [`RemediationEvent`]. Another one is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemediationSchema {
    /// The first.
    #[default]
    #[serde(rename = "portcullis.remediation/1")]
    V1,
}

/// A failure without a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventError {
    /// Stable name, such as `SnapshotUnavailable`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The failure and its remedy.
    pub message: String,
}

impl RemediationEvent {
    /// The event, cut to [`MAX_DETAIL_BYTES`] of JSON: texts are clipped, and lists end where there is no more room.
    #[must_use]
    pub fn fitted(self) -> Self {
        let counts = self.response.iter().flatten();
        let counts = counts.filter_map(|(key, value)| Some((clipped(key, NAME), value.as_array()?.len())));
        let mut event = Self {
            account: clipped(&self.account, NAME),
            region: clipped(&self.region, NAME),
            config_rule_name: clipped(&self.config_rule_name, NAME),
            security_group_id: clipped(&self.security_group_id, NAME),
            action: clipped(&self.action, NAME),
            execution_id: clipped_option(self.execution_id.as_deref(), NAME),
            status: clipped(&self.status, NAME),
            counts: counts.collect(),
            error: self.error.map(|EventError { kind, message }| EventError {
                kind: clipped(&kind, NAME),
                message: clipped(&message, TEXT),
            }),
            response: self.response.as_ref().map(|_| Map::new()),
            ..self
        };
        let mut room = MAX_DETAIL_BYTES.saturating_sub(json_bytes(&event));
        event.response = self.response.map(|response| cut(response, &mut room));
        event
    }

    /// The JSON of the detail.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The parts of `response` that fit into `room`: single values, then lists, then objects.
fn cut(response: Map<String, Value>, room: &mut usize) -> Map<String, Value> {
    let rank = |(key, value): &(String, Value)| {
        let of_list = FIRST.iter().position(|name| name == key).unwrap_or(FIRST.len());
        match value {
            Value::Array(_) => 1 + of_list,
            Value::Object(_) => 2 + FIRST.len(),
            _ => 0,
        }
    };
    let mut parts: Vec<(String, Value)> = response.into_iter().collect();
    parts.sort_by_key(rank);
    let mut kept = Map::new();
    // The keys of the lists are kept, and with them the lists, however short.
    parts.retain(|(key, value)| !value.is_array() || take(room, json_bytes(key).saturating_add(":[],".len())));
    for (key, value) in parts {
        let value = match value {
            Value::Array(mut items) => {
                keep_first(&mut items, room);
                kept.insert(key, Value::Array(items));
                continue;
            }
            Value::String(text) => Value::String(clipped(&text, TEXT)),
            other => other,
        };
        if take(room, json_bytes(&key).saturating_add(json_bytes(&value)).saturating_add(":,".len())) {
            kept.insert(key, value);
        }
    }
    kept
}
