//! Hold on a restored group.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A hold: after a restore, the group is not closed before `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Hold {
    pub(super) version: u32,
    pub(crate) until: Timestamp,
    pub(crate) execution_id: Option<String>,
    pub(crate) config_rule_name: String,
}
