//! Hands out the records of an input.

use std::io;
use std::ops::ControlFlow;

use jiff::Timestamp;

use super::configuration_item::{Item, ItemContent, Parts};
use super::described_rules::{DescribedRule, DescribedRules, MOST_RULES};
use super::error::{InputError, InputLocation, RecordError};
use super::in_order::{Jobs, in_order};
use super::items::{Entry, NewestItems, StoredItem};
use super::maker::Maker;
use super::record::Record;
use super::{Each, Scan};

/// Why a reading ends early.
pub(super) enum Halt {
    /// `each` broke.
    Stopped,
    /// The input is damaged.
    Error(InputError),
}

impl From<InputError> for Halt {
    fn from(error: InputError) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Error(InputError::Spool(error))
    }
}

/// Records that were not handed out yet.
pub(super) struct Collector<'s, 'o, 'e, 'f, T> {
    pub(super) scan: &'s mut Scan<'o, T>,
    each: &'e mut Each<'f, T>,
    rules: DescribedRules,
    /// Time of capture of the last item of a list.
    last_captured: Option<Timestamp>,
    /// Whether an item of the list is newer than the one before.
    is_oldest_first: bool,
}

impl<'s, 'o, 'e, 'f, T: Send> Collector<'s, 'o, 'e, 'f, T> {
    pub(super) fn new(scan: &'s mut Scan<'o, T>, each: &'e mut Each<'f, T>) -> Self {
        Self { scan, each, rules: DescribedRules::default(), last_captured: None, is_oldest_first: false }
    }

    pub(super) fn emit(&mut self, record: Result<Record, RecordError>) -> Result<(), Halt> {
        self.scan.stats.assumed += u64::from(record.as_ref().is_ok_and(|record| record.is_assumed));
        self.hand_out(record.map(|record| self.scan.maker.make(record)))
    }

    /// Hands out what was made of a record.
    pub(super) fn hand_out(&mut self, made: Result<T, RecordError>) -> Result<(), Halt> {
        let count = if made.is_ok() { &mut self.scan.stats.groups } else { &mut self.scan.stats.errors };
        *count += 1;
        match (self.each)(made) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Halt::Stopped),
        }
    }

    /// Hands out the error of a record that is not understood.
    pub(super) fn refuse(&mut self, location: InputLocation, id: Option<String>, problem: String) -> Result<(), Halt> {
        self.emit(Err(RecordError { location, id, problem, hidden: None }))
    }

    pub(super) fn rule(&mut self, rule: DescribedRule<'_>, location: InputLocation) -> Result<(), Halt> {
        if self.rules.is_full() {
            return Err(InputError::TooManyRules { location, limit: MOST_RULES }.into());
        }
        match self.rules.add(rule) {
            Ok(()) => Ok(()),
            Err(problem) => self.refuse(location, None, problem.to_owned()),
        }
    }

    /// Begins a list of items.
    pub(super) fn begin_list(&mut self) {
        (self.last_captured, self.is_oldest_first) = (None, false);
    }

    /// Whether the items of the list are in the order of their times, so that newer ones follow it.
    pub(super) fn is_oldest_first(&self) -> bool {
        self.is_oldest_first
    }

    /// Takes an item. It waits for the end of all inputs, since another one may be newer.
    pub(super) fn item(&mut self, item: &Item<'_>, location: InputLocation) -> Result<(), Halt> {
        if item.is_of_other_type() {
            self.other_resource();
            return Ok(());
        }
        if let Some(entry) = self.scan.items.keys().entry(item) {
            return self.entry(&entry, &location);
        }
        self.captured(item.version().map(|version| version.captured));
        let content = Content::new(item.parts(), location, self.scan.maker);
        self.content(content)
    }

    /// Counts a resource that is no security group.
    pub(super) fn other_resource(&mut self) {
        self.scan.stats.other_resources += 1;
    }

    /// Takes an item that says which group it is about.
    pub(super) fn entry(&mut self, entry: &Entry, location: &InputLocation) -> Result<(), Halt> {
        self.captured(Some(entry.version.captured));
        let is_known = self.scan.items.add(entry, location)?;
        self.scan.stats.superseded += u64::from(is_known);
        Ok(())
    }

    fn captured(&mut self, at: Option<Timestamp>) {
        if let (Some(last), Some(at)) = (self.last_captured, at) {
            self.is_oldest_first |= at > last;
        }
        self.last_captured = at;
    }

    fn content(&mut self, content: Content<T>) -> Result<(), Halt> {
        match content {
            Content::Group(made) => self.hand_out(Ok(made)),
            Content::Problem(problem) => self.hand_out(Err(problem)),
            Content::Deleted => {
                self.scan.stats.deleted += 1;
                Ok(())
            }
        }
    }

    /// Hands out the newest item of each group.
    pub(super) fn newest(&mut self, items: NewestItems) -> Result<(), Halt> {
        let maker = self.scan.maker;
        let content = |item: StoredItem| {
            let parts = item.parts();
            if item.is_disputed {
                let problem = "configuration items of the same time differ: remove all but the newest one".to_owned();
                let id = parts.id().map(str::to_owned);
                return Content::Problem(RecordError { location: item.location.clone(), id, problem, hidden: None });
            }
            Content::new(parts, item.location.clone(), maker)
        };
        in_order(&mut Newest { collector: self, items }, |batch: Vec<StoredItem>| {
            batch.into_iter().map(content).collect::<Vec<_>>()
        })
    }

    /// Hands out the groups that are complete only at the end of the input.
    pub(super) fn finish(&mut self) -> Result<(), Halt> {
        std::mem::take(&mut self.rules).into_records().try_for_each(|record| self.emit(Ok(record)))
    }
}

/// What is made of an item.
enum Content<T> {
    Group(T),
    Problem(RecordError),
    Deleted,
}

impl<T> Content<T> {
    fn new(parts: Parts<'_>, location: InputLocation, maker: Maker<'_, T>) -> Self {
        match parts.content() {
            ItemContent::Group(record) => Self::Group(maker.make(*record)),
            ItemContent::Problem(problem) => {
                Self::Problem(RecordError { location, id: parts.id().map(str::to_owned), problem, hidden: None })
            }
            ItemContent::Deleted => Self::Deleted,
        }
    }
}

/// The newest items, as jobs of several.
struct Newest<'c, 's, 'o, 'e, 'f, T> {
    collector: &'c mut Collector<'s, 'o, 'e, 'f, T>,
    items: NewestItems,
}

impl<T: Send> Jobs for Newest<'_, '_, '_, '_, '_, T> {
    type Job = Vec<StoredItem>;
    type Done = Vec<Content<T>>;

    fn next(&mut self) -> Result<Option<Self::Job>, Halt> {
        const BATCH: usize = 128;
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(item) = self.items.next()?
        {
            batch.push(item);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn take(&mut self, done: Self::Done) -> Result<(), Halt> {
        done.into_iter().try_for_each(|content| self.collector.content(content))
    }
}
