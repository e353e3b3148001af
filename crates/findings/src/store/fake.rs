//! A store in memory that fails when it is told to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::{Admission, FindingStore, Listing, Mark, MarkName, Marks, Pace, Page, Put, StoreError, Waiting, Window};
use crate::finding::{Finding, FindingKey, HistoryEntry};

/// Findings on a page.
const PAGE: usize = 2;

/// A failure of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call is throttled, and not carried out.
    Throttled,
    /// The call is carried out, and its answer is lost.
    AnswerLost,
    /// Another writer changes the item before a write.
    Overtaken,
}

/// A store in memory. It keeps what a real one would: texts, not values.
#[derive(Debug, Default)]
pub struct FakeStore(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    findings: BTreeMap<String, String>,
    history: BTreeMap<String, Vec<HistoryEntry>>,
    marks: BTreeMap<MarkName, Mark>,
    /// Messages that are admitted, and whether the job is queued that tells what waits.
    windows: BTreeMap<Window, (BTreeSet<String>, bool)>,
    waiting: BTreeSet<(String, Waiting)>,
    /// Faults of the next calls; `None` lets one pass.
    faults: VecDeque<Option<Fault>>,
    calls: usize,
}

impl FakeStore {
    /// Sets the faults of the next calls, in their order. `None` lets a call pass.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.content().faults = faults.into_iter().collect();
    }

    /// Number of calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.content().calls
    }

    /// Spoils the item of a finding: it cannot be read any more, and is listed in every state.
    pub fn spoil(&self, key: &FindingKey) {
        self.content().findings.insert(key.to_string(), "{}".to_owned());
    }

    /// The messages that are admitted to a window.
    #[must_use]
    pub fn admitted(&self, window: &Window) -> usize {
        self.content().windows.get(window).map_or(0, |(messages, _)| messages.len())
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call on `subject`: counts it, lets it fail if a fault is set, and else carries it out.
    fn call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        carry_out: impl FnOnce(&mut Content, Option<Fault>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut content = self.content();
        content.calls += 1;
        let subject = subject.to_owned();
        let fault = content.faults.pop_front().flatten();
        if fault == Some(Fault::Throttled) {
            return Err(StoreError::Throttled { operation, subject });
        }
        let answer = carry_out(&mut content, fault)?;
        if fault == Some(Fault::AnswerLost) {
            return Err(StoreError::Unanswered { operation, subject });
        }
        Ok(answer)
    }
}

impl Content {
    fn read(&self, key: &str) -> Result<Option<Finding>, StoreError> {
        let item = self.findings.get(key);
        item.map(|text| serde_json::from_str(text).map_err(|error| StoreError::Other(error.into()))).transpose()
    }

    fn write(&mut self, finding: &Finding) -> Result<(), StoreError> {
        let text = serde_json::to_string(finding).map_err(|error| StoreError::Other(error.into()))?;
        self.findings.insert(finding.key().to_string(), text);
        Ok(())
    }
}

impl Listing {
    fn has(&self, finding: &Finding) -> bool {
        match self {
            Self::Account(account) => finding.key().account() == account,
            Self::State(state) => finding.state() == *state,
            Self::ClosedSince(since) => finding.closing().is_some_and(|closing| closing.at >= *since),
            Self::Owner(name) => finding.owner().is_some_and(|owner| owner.name.as_str() == name),
        }
    }
}

impl FindingStore for FakeStore {
    async fn get(&self, key: &FindingKey) -> Result<Option<Finding>, StoreError> {
        let key = key.to_string();
        self.call("reading", &key, |content, _| content.read(&key))
    }

    async fn put(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Put, StoreError> {
        let key = finding.key().to_string();
        self.call("writing", &key, |content, fault| {
            let stored = content.read(&key)?;
            if fault == Some(Fault::Overtaken) {
                let other = stored.clone().unwrap_or_else(|| Finding::new(finding.key().clone()));
                content.write(&other.stored())?;
                return Ok(Put::Changed);
            }
            if stored.map_or(0, |stored| stored.version()) != finding.version() {
                return Ok(Put::Changed);
            }
            let stored = finding.clone().stored();
            content.write(&stored)?;
            content.history.entry(key.clone()).or_default().extend(history.iter().cloned());
            Ok(Put::Stored(Box::new(stored)))
        })
    }

    async fn list(&self, listing: &Listing, from: Option<&str>) -> Result<Page, StoreError> {
        self.call("listing", &format!("{listing:?}"), |content, _| {
            let keys = content.findings.keys().filter(|key| from.is_none_or(|from| key.as_str() > from));
            let (mut page, mut last) = (Page::default(), None::<&String>);
            for key in keys {
                if page.findings.len() + page.unreadable.len() == PAGE {
                    page.next = last.cloned();
                    break;
                }
                match content.read(key) {
                    Ok(Some(finding)) if listing.has(&finding) => page.findings.push(finding),
                    Ok(_) => continue,
                    Err(error) => page.unreadable.push(format!("{key}: {error}")),
                }
                last = Some(key);
            }
            Ok(page)
        })
    }

    async fn history(&self, key: &FindingKey) -> Result<Vec<HistoryEntry>, StoreError> {
        let key = key.to_string();
        self.call("reading", &key, |content, _| Ok(content.history.get(&key).cloned().unwrap_or_default()))
    }
}

impl Marks for FakeStore {
    async fn read_mark(&self, name: &MarkName) -> Result<Mark, StoreError> {
        self.call("reading", &name.name, |content, _| Ok(content.marks.get(name).cloned().unwrap_or_default()))
    }

    async fn write_mark(
        &self,
        name: &MarkName,
        read: &Mark,
        text: String,
        _: Timestamp,
    ) -> Result<Option<Mark>, StoreError> {
        self.call("writing", &name.name, |content, fault| {
            let mark = content.marks.entry(name.clone()).or_default();
            if fault == Some(Fault::Overtaken) {
                mark.version += 1;
            }
            if mark.version != read.version {
                return Ok(None);
            }
            *mark = Mark { content: text, version: read.version + 1 };
            Ok(Some(mark.clone()))
        })
    }
}

impl Pace for FakeStore {
    async fn admit(&self, window: &Window, message: &str, most: u32) -> Result<Admission, StoreError> {
        self.call("writing", &window.channel, |content, _| {
            let (messages, is_queued) = content.windows.entry(window.clone()).or_default();
            if messages.contains(message) {
                return Ok(Admission::Admitted);
            }
            if messages.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
                return Ok(Admission::Full { is_queued: *is_queued });
            }
            messages.insert(message.to_owned());
            Ok(Admission::Admitted)
        })
    }

    async fn mark_queued(&self, window: &Window) -> Result<(), StoreError> {
        self.call("writing", &window.channel, |content, _| {
            content.windows.entry(window.clone()).or_default().1 = true;
            Ok(())
        })
    }

    async fn wait(&self, channel: &str, waiting: &Waiting) -> Result<(), StoreError> {
        self.call("writing", channel, |content, _| {
            content.waiting.insert((channel.to_owned(), waiting.clone()));
            Ok(())
        })
    }

    async fn waiting(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, StoreError> {
        self.call("listing", channel, |content, _| {
            let of_channel = content.waiting.iter().filter(|(name, _)| name == channel);
            Ok(of_channel.map(|(_, waiting)| waiting.clone()).take(most).collect())
        })
    }

    async fn forget(&self, channel: &str, waiting: &[Waiting]) -> Result<(), StoreError> {
        self.call("writing", channel, |content, _| {
            content.waiting.retain(|(name, known)| name != channel || !waiting.contains(known));
            Ok(())
        })
    }
}
