//! Makes of a record what the caller wants of it.

use super::{Make, Options, Record};

/// How a scan makes of a record what its caller wants.
pub(super) struct Maker<'o, T> {
    pub(super) options: &'o Options,
    pub(super) make: &'o Make<'o, T>,
}

impl<T> Clone for Maker<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Maker<'_, T> {}

impl<T> Maker<'_, T> {
    /// What the caller wants of the record, with the region and the account that it names none of.
    pub(super) fn make(self, mut record: Record) -> T {
        if record.region.is_none() {
            record.region.clone_from(&self.options.region);
        }
        if record.group.owner_id.is_none() {
            record.group.owner_id.clone_from(&self.options.account);
        }
        (self.make)(record)
    }
}
