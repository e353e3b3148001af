//! The hold on a group that was restored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A group is on hold after a restore: it is not closed until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Hold {
    pub(super) version: u32,
    pub(crate) until: Timestamp,
    pub(crate) execution_id: Option<String>,
    pub(crate) config_rule_name: String,
}
