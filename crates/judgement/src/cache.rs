//! Cache of a warm function.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Values by name, each with a time to live. A warm function that judges a thousand groups reads a prefix list once,
/// and notices a change of it within that time.
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
    /// The value of `name`, unless it has expired.
    pub fn get(&self, name: &str, now: Timestamp) -> Option<T> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, value) = values.get(name)?;
        (now.duration_since(*read_at) < self.time_to_live).then(|| value.clone())
    }

    /// Stores a value that was read at `now`.
    pub fn put(&self, name: &str, value: T, now: Timestamp) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(name.to_owned(), (now, value));
    }
}
