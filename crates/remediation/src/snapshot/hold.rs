//! Hold on a restored group.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of the metadata with the end of a hold. Unlike the content of the object, it can be read without the key that
/// encrypts the object.
const UNTIL: &str = "until";

/// A hold: after a restore, the group is not closed before `until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) until: Timestamp,
    /// Execution of the restore, if it is known.
    pub(crate) execution_id: Option<String>,
    /// Why the content of the hold could not be read, although its end could.
    pub(crate) unreadable: Option<String>,
}

/// State of the hold on a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HoldState {
    /// There is none.
    None,
    /// It has ended, and its object still exists.
    Ended,
    /// It is in force.
    Active(Hold),
}

/// A hold as an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct HoldDocument {
    pub(super) version: u32,
    pub(super) until: Timestamp,
    pub(super) execution_id: Option<String>,
    pub(super) config_rule_name: String,
}

/// Metadata of a hold that ends at `until`.
pub(super) fn metadata(until: Timestamp) -> BTreeMap<String, String> {
    BTreeMap::from([(UNTIL.to_owned(), until.to_string())])
}

/// End of a hold in its metadata; `None` for a hold of version 0.1, which has none.
pub(super) fn end(metadata: &BTreeMap<String, String>) -> Option<Timestamp> {
    metadata.get(UNTIL)?.parse().ok()
}
