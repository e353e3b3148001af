//! The accounts and regions of a scan, found without a search.

use std::collections::HashMap;
use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::ScanTarget;

/// The accounts and regions of a scan, in their order. Reports look one up for every exposure.
#[derive(Debug, Clone, Default)]
pub struct ScanTargets {
    targets: Vec<ScanTarget>,
    /// Indexes by account.
    accounts: HashMap<String, OfAccount>,
}

/// Indexes of one account.
#[derive(Debug, Clone)]
struct OfAccount {
    first: usize,
    regions: HashMap<String, usize>,
}

impl ScanTargets {
    /// An account and region.
    #[must_use]
    pub fn find(&self, account: &str, region: &str) -> Option<&ScanTarget> {
        self.targets.get(*self.accounts.get(account)?.regions.get(region)?)
    }

    /// The first region of an account.
    #[must_use]
    pub fn of_account(&self, account: &str) -> Option<&ScanTarget> {
        self.targets.get(self.accounts.get(account)?.first)
    }
}

impl From<Vec<ScanTarget>> for ScanTargets {
    fn from(targets: Vec<ScanTarget>) -> Self {
        let mut accounts: HashMap<String, OfAccount> = HashMap::new();
        for (at, target) in targets.iter().enumerate() {
            let new = || OfAccount { first: at, regions: HashMap::new() };
            accounts
                .entry(target.account.clone())
                .or_insert_with(new)
                .regions
                .entry(target.region.clone())
                .or_insert(at);
        }
        Self { targets, accounts }
    }
}

impl FromIterator<ScanTarget> for ScanTargets {
    fn from_iter<I: IntoIterator<Item = ScanTarget>>(targets: I) -> Self {
        targets.into_iter().collect::<Vec<_>>().into()
    }
}

impl Deref for ScanTargets {
    type Target = [ScanTarget];

    fn deref(&self) -> &[ScanTarget] {
        &self.targets
    }
}

/// The indexes follow from the targets.
impl PartialEq for ScanTargets {
    fn eq(&self, other: &Self) -> bool {
        self.targets == other.targets
    }
}

impl Eq for ScanTargets {}

impl Serialize for ScanTargets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.targets.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_ones_is_found() {
        let target = |account: &str, region: &str, profile: &str| ScanTarget {
            account: account.into(),
            region: region.into(),
            profile: Some(profile.into()),
            assumed_role: None,
            caller_arn: None,
            policy: None,
        };
        let targets: ScanTargets =
            [target("1", "b", "p"), target("2", "b", "q"), target("1", "a", "r"), target("1", "b", "s")]
                .into_iter()
                .collect();
        let profile = |target: Option<&ScanTarget>| target.and_then(|target| target.profile.clone());
        assert_eq!(profile(targets.find("1", "b")).as_deref(), Some("p"));
        assert_eq!(profile(targets.find("1", "a")).as_deref(), Some("r"));
        assert_eq!(profile(targets.of_account("1")).as_deref(), Some("p"));
        assert_eq!((targets.find("2", "a"), targets.of_account("3")), (None, None));
        assert_eq!(targets.len(), 4);
    }
}
