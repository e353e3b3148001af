//! The verdict on a group of an input.

use exposure::{Exemptions, Policy, PrefixList, PrefixLists, SecurityGroup, assess};
use jiff::Timestamp;

use crate::result::{GroupResult, Location};

/// What groups are judged by.
#[derive(Debug, Clone)]
pub struct Criteria {
    /// What is blocked, for whom.
    pub policy: Policy,
    /// Who is let off.
    pub exemptions: Exemptions,
    /// The prefix lists that are known. A rule for another one cannot be judged.
    pub prefix_lists: PrefixLists,
    /// The time at which exemptions have to hold.
    pub now: Timestamp,
}

impl Criteria {
    /// What is to be said of a group.
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
