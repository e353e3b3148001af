//! What a judgement needs besides the group itself: exemptions and prefix lists. They can be kept for a short while, so
//! that a warm function judging a thousand groups reads them once, and a change of them counts within a minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use exposure::{ExemptionError, Exemptions, Policy, PrefixList, PrefixLists, SecurityGroup};
use jiff::{SignedDuration, Timestamp};

use crate::ec2::ManagedPrefixLists;
use crate::error::AwsError;
use crate::ssm::Parameters;

/// Values by name, kept for a while as long as the function is warm.
#[derive(Debug)]
pub struct Warm<T> {
    time_to_live: SignedDuration,
    values: Mutex<BTreeMap<String, (Timestamp, T)>>,
}

impl<T> Warm<T> {
    /// An empty cache whose values are good for `time_to_live`; zero keeps nothing.
    #[must_use]
    pub fn new(time_to_live: SignedDuration) -> Self {
        Self { time_to_live, values: Mutex::new(BTreeMap::new()) }
    }
}

impl<T: Clone> Warm<T> {
    /// The value that was kept under `name`, unless it is too old.
    pub fn get(&self, name: &str, now: Timestamp) -> Option<T> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, value) = values.get(name)?;
        (now.duration_since(*read_at) < self.time_to_live).then(|| value.clone())
    }

    /// Keeps a value that was read at `now`.
    pub fn put(&self, name: &str, value: T, now: Timestamp) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(name.to_owned(), (now, value));
    }
}

/// Looks up exemptions and prefix lists.
#[derive(Debug)]
pub struct Lookups<P, L> {
    parameters: P,
    lists: L,
    exemptions: Warm<Arc<Exemptions>>,
    prefix_lists: Warm<PrefixList>,
}

/// Why the exemptions are not known. Without them nothing may be judged, let alone closed.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The parameter could not be read.
    #[error("the exemptions cannot be read")]
    Parameter(#[from] AwsError),
    /// The parameter does not hold an exemptions document.
    #[error("SSM parameter `{name}`")]
    Document {
        /// The parameter.
        name: String,
        /// What is wrong, and where.
        #[source]
        problem: ExemptionError,
    },
}

impl<P: Parameters, L: ManagedPrefixLists> Lookups<P, L> {
    /// Nothing is read before it is needed, and what was read is good for `time_to_live`.
    pub fn new(parameters: P, lists: L, time_to_live: SignedDuration) -> Self {
        Self { parameters, lists, exemptions: Warm::new(time_to_live), prefix_lists: Warm::new(time_to_live) }
    }

    /// The exemptions in the SSM parameter `name`; none without a name.
    ///
    /// # Errors
    ///
    /// When the parameter cannot be read, or does not hold an exemptions document.
    pub async fn exemptions(&self, name: Option<&str>, now: Timestamp) -> Result<Arc<Exemptions>, LookupError> {
        let Some(name) = name else { return Ok(Arc::default()) };
        if let Some(exemptions) = self.exemptions.get(name, now) {
            return Ok(exemptions);
        }
        let document = self.parameters.parameter(name).await?;
        let exemptions = Exemptions::from_json(&document)
            .map_err(|problem| LookupError::Document { name: name.to_owned(), problem })?;
        let exemptions = Arc::new(exemptions);
        self.exemptions.put(name, Arc::clone(&exemptions), now);
        Ok(exemptions)
    }

    /// The prefix lists that matter for `group`. One that cannot be read is [`PrefixList::Unreadable`], and tried again
    /// the next time.
    pub async fn prefix_lists(&self, policy: &Policy, group: &SecurityGroup, now: Timestamp) -> PrefixLists {
        let mut lists = PrefixLists::default();
        for id in policy.prefix_lists_of(group) {
            let list = match self.prefix_lists.get(id, now) {
                Some(list) => list,
                None => match self.lists.prefix_list(id).await {
                    Ok(list) => {
                        self.prefix_lists.put(id, list.clone(), now);
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
