//! A store for tests in which nothing is part of a burst or a daily summary.

use findings::finding::{Finding, FindingKey, HistoryEntry};
use findings::store::{
    Admission, FakeStore, FindingStore, Listing, Mark, MarkName, Marks, Pace, Page, Put, StoreError, Waiting, Window,
};
use jiff::Timestamp;

use crate::life::Life;

/// The store of a program that may end at any call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unpaced<'w> {
    pub(crate) store: &'w FakeStore,
    pub(crate) life: &'w Life,
}

impl FindingStore for Unpaced<'_> {
    async fn get(&self, key: &FindingKey) -> Result<Option<Finding>, StoreError> {
        self.life.call(self.store.get(key)).await
    }

    async fn put(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Put, StoreError> {
        self.life.call(self.store.put(finding, history)).await
    }

    async fn list(&self, listing: &Listing, from: Option<&str>) -> Result<Page, StoreError> {
        self.life.call(self.store.list(listing, from)).await
    }

    async fn history(&self, key: &FindingKey) -> Result<Vec<HistoryEntry>, StoreError> {
        self.life.call(self.store.history(key)).await
    }
}

impl Pace for Unpaced<'_> {
    async fn admit(&self, window: &Window, message: &str, most: u32) -> Result<Admission, StoreError> {
        self.life.call(self.store.admit(window, message, most)).await
    }

    async fn mark_queued(&self, _: &Window) -> Result<(), StoreError> {
        panic!("no job is queued here")
    }

    async fn wait(&self, _: &str, _: &Waiting) -> Result<(), StoreError> {
        panic!("nothing waits here")
    }

    async fn waiting(&self, _: &str, _: usize) -> Result<Vec<Waiting>, StoreError> {
        panic!("nothing waits here")
    }

    async fn forget(&self, _: &str, _: &[Waiting]) -> Result<(), StoreError> {
        panic!("nothing waits here")
    }
}

impl Marks for Unpaced<'_> {
    async fn read_mark(&self, _: &MarkName) -> Result<Mark, StoreError> {
        panic!("nothing is remembered here")
    }

    async fn write_mark(&self, _: &MarkName, _: &Mark, _: String, _: Timestamp) -> Result<Option<Mark>, StoreError> {
        panic!("nothing is remembered here")
    }
}
