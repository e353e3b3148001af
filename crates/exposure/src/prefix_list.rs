//! Managed prefix lists and their entries, which the caller looks up before the assessment.

use std::collections::BTreeMap;

use crate::address::AddressSet;

/// The entries of a prefix list, or the reason why they are unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixList {
    /// A list that AWS owns (S3, `CloudFront` …). Its addresses count as authorised.
    ///
    /// Source: <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html>
    AwsOwned,
    /// The entries of a customer-managed list.
    Entries(AddressSet),
    /// The list could not be read. It may contain the whole internet, so a rule with it is unjudged.
    Unreadable {
        /// Error message, usually the answer of AWS.
        reason: String,
    },
}

/// Prefix lists by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrefixLists(BTreeMap<String, PrefixList>);

impl PrefixLists {
    /// Returns the list with this id, or `None` if it was not looked up.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&PrefixList> {
        self.0.get(id)
    }

    /// Adds a list, and replaces an earlier one with the same id.
    pub fn insert(&mut self, id: String, list: PrefixList) {
        self.0.insert(id, list);
    }
}

impl FromIterator<(String, PrefixList)> for PrefixLists {
    fn from_iter<I: IntoIterator<Item = (String, PrefixList)>>(lists: I) -> Self {
        Self(lists.into_iter().collect())
    }
}
