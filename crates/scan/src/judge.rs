//! The verdict on a group of an input.

use exposure::{Exemptions, Policy, PrefixList, PrefixLists, assess};
use jiff::Timestamp;

use crate::input::Record;
use crate::result::GroupResult;

/// What groups are judged by.
#[derive(Debug, Clone)]
pub struct Judge {
    /// What is blocked, for whom.
    pub policy: Policy,
    /// Who is let off.
    pub exemptions: Exemptions,
    /// The prefix lists that are known. A rule for another one cannot be judged.
    pub prefix_lists: PrefixLists,
    /// The time at which exemptions have to hold.
    pub now: Timestamp,
}

impl Judge {
    /// What is to be said of a group.
    #[must_use]
    pub fn judge(&self, record: &Record) -> GroupResult {
        let Record { group, region, location } = record;
        let unknown: Vec<&str> =
            self.policy.prefix_lists_of(group).into_iter().filter(|id| self.prefix_lists.get(id).is_none()).collect();
        let extended;
        let prefix_lists = if unknown.is_empty() {
            &self.prefix_lists
        } else {
            let mut lists = self.prefix_lists.clone();
            for id in unknown {
                let reason = "a file does not say what is in it; scan the account itself to have it looked up";
                lists.insert(id.to_owned(), PrefixList::Unreadable { reason: reason.to_owned() });
            }
            extended = lists;
            &extended
        };
        let assessment = assess(group, &self.policy, &self.exemptions, prefix_lists, self.now);
        GroupResult { location: location.clone(), ..GroupResult::new(group, region.as_deref(), &assessment) }
    }
}
