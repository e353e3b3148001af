//! Parts of a scan that failed.

use serde::Serialize;

/// A region, file, group or record that could not be scanned. It does not stop the rest of the scan, and never counts as
/// compliant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotScanned {
    /// The account, if one is concerned.
    pub account: Option<String>,
    /// The region, if one is concerned.
    pub region: Option<String>,
    /// The file, group or record, if one is concerned.
    pub target: Option<String>,
    /// The failure and its remedy.
    pub reason: String,
}

impl NotScanned {
    /// `123456789012 eu-west-1 sg-…`, as far as they are known; `None` if none of them is.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let parts = [&self.account, &self.region, &self.target];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}
