//! The prefix lists that a judgement needs.

use aws_traits::ec2::ManagedPrefixLists;
use exposure::{Policy, PrefixList, PrefixLists, SecurityGroup};
use jiff::{SignedDuration, Timestamp};

use crate::cache::Cache;

/// Reads managed prefix lists, each at most once within its time to live.
#[derive(Debug)]
pub struct CachedPrefixLists {
    lists: Cache<PrefixList>,
}

impl CachedPrefixLists {
    /// An empty cache. A list expires after `time_to_live`; zero disables the cache.
    #[must_use]
    pub fn new(time_to_live: SignedDuration) -> Self {
        Self { lists: Cache::new(time_to_live) }
    }

    /// Prefix lists of those rules of `group` that include a focus port. A list that cannot be read is
    /// [`PrefixList::Unreadable`], and is not cached. A cached list counts if it was read at `since` or later.
    pub async fn of(
        &self,
        ec2: &impl ManagedPrefixLists,
        policy: &Policy,
        group: &SecurityGroup,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> PrefixLists {
        let mut lists = PrefixLists::default();
        for id in policy.prefix_lists_of(group) {
            let list = match self.lists.get(id, since, now) {
                Some(list) => list,
                None => match ec2.prefix_list(id).await {
                    Ok(list) => {
                        self.lists.put(id, list.clone(), now);
                        list
                    }
                    Err(error) => PrefixList::Unreadable { reason: error.to_string() },
                },
            };
            lists.insert(id.to_owned(), list);
        }
        lists
    }
}
