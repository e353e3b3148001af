//! Cache of a warm function.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Time for which an evaluation may use a copy of the exemptions or of a prefix list. Who asks for an evaluation because one
/// of them was changed asks for it after this time: AWS does not document whether the notifications of an evaluation on demand
/// are newer than the change.
pub const COPIES_LAST: SignedDuration = SignedDuration::from_secs(20);

/// Values by name, each with a time to live. A warm function that judges a thousand groups after one notification reads a
/// prefix list once.
#[derive(Debug)]
pub struct Cache<T> {
    time_to_live: SignedDuration,
    values: Mutex<BTreeMap<String, (Timestamp, T)>>,
}

impl<T> Cache<T> {
    /// An empty cache whose values expire after `time_to_live`; zero disables the cache.
    #[must_use]
    pub fn new(time_to_live: SignedDuration) -> Self {
        Self { time_to_live, values: Mutex::new(BTreeMap::new()) }
    }
}

impl<T: Clone> Cache<T> {
    /// The value of `name`, if it was read at `since` or later, and has not expired. `None` for `since` stands for an unknown
    /// time, after which nothing that is cached was read.
    pub fn get(&self, name: &str, since: Option<Timestamp>, now: Timestamp) -> Option<T> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, value) = values.get(name)?;
        let is_fresh = since.is_some_and(|since| since <= *read_at) && now.duration_since(*read_at) < self.time_to_live;
        is_fresh.then(|| value.clone())
    }

    /// Stores a value whose reading began at `now`.
    pub fn put(&self, name: &str, value: T, now: Timestamp) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(name.to_owned(), (now, value));
    }
}
