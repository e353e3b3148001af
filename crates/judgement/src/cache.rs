//! Values that a warm function keeps for a while.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Values by name, each for a while. A warm function that judges a thousand groups reads a prefix list once, and a change
/// of it counts within that while.
#[derive(Debug)]
pub struct Cache<T> {
    time_to_live: SignedDuration,
    values: Mutex<BTreeMap<String, (Timestamp, T)>>,
}

impl<T> Cache<T> {
    /// An empty cache whose values are good for `time_to_live`; zero keeps nothing.
    #[must_use]
    pub fn new(time_to_live: SignedDuration) -> Self {
        Self { time_to_live, values: Mutex::new(BTreeMap::new()) }
    }
}

impl<T: Clone> Cache<T> {
    /// The value kept under `name`, unless it is too old.
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
