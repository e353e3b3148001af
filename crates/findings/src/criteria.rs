//! The step from a security group to its result.

use exposure::{Exemptions, Policy, PrefixList, PrefixLists, SecurityGroup, assess};
use jiff::Timestamp;

use crate::{GroupResult, Location};

/// Criteria that security groups are judged by.
#[derive(Debug, Clone)]
pub struct Criteria {
    /// Ports that are blocked, and sources that are authorized.
    pub policy: Policy,
    /// Exempt groups.
    pub exemptions: Exemptions,
    /// Prefix lists whose entries are known. A rule for any other list cannot be judged.
    pub prefix_lists: PrefixLists,
    /// Time at which exemptions must be valid.
    pub now: Timestamp,
}

impl Criteria {
    /// The result for a group that was read from a file, with its region and its position there.
    #[must_use]
    pub fn result(&self, group: &SecurityGroup, region: Option<&str>, location: Option<Location>) -> GroupResult {
        let unknown: Vec<&str> =
            self.policy.prefix_lists_of(group).into_iter().filter(|id| self.prefix_lists.get(id).is_none()).collect();
        let extended;
        let prefix_lists = if unknown.is_empty() {
            &self.prefix_lists
        } else {
            let mut lists = self.prefix_lists.clone();
            for id in unknown {
                let reason = "a file does not contain its entries: scan the account itself";
                lists.insert(id.to_owned(), PrefixList::Unreadable { reason: reason.to_owned() });
            }
            extended = lists;
            &extended
        };
        let assessment = assess(group, &self.policy, &self.exemptions, prefix_lists, self.now);
        GroupResult { location, ..GroupResult::new(group, region, &assessment) }
    }
}
