//! What a prefix list stands for, once somebody has looked it up.

use std::collections::BTreeMap;

use crate::address::AddressSet;

/// A prefix list, or why it could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixList {
    /// Owned by AWS (S3, `CloudFront` …): counts as authorised.
    AwsOwned,
    /// A customer's list, by its entries.
    Entries(AddressSet),
    /// Could not be read; never silently harmless.
    Unreadable {
        /// What AWS answered.
        reason: String,
    },
}

/// The prefix lists that were looked up, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrefixLists(BTreeMap<String, PrefixList>);

impl PrefixLists {
    /// The list with this id, if it was looked up.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&PrefixList> {
        self.0.get(id)
    }

    /// Remembers what a list stands for.
    pub fn insert(&mut self, id: String, list: PrefixList) {
        self.0.insert(id, list);
    }
}

impl FromIterator<(String, PrefixList)> for PrefixLists {
    fn from_iter<I: IntoIterator<Item = (String, PrefixList)>>(lists: I) -> Self {
        Self(lists.into_iter().collect())
    }
}
