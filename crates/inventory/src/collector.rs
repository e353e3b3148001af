//! Hands out the records of an input.

use std::io;
use std::ops::ControlFlow;

use jiff::Timestamp;

use super::configuration_item::{Item, ItemContent, Parts};
use super::described_rules::{DescribedRule, DescribedRules, MOST_RULES};
use super::error::{InputError, InputLocation, RecordError};
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
pub(super) struct Collector<'s, 'o, 'e, 'f> {
    pub(super) scan: &'s mut Scan<'o>,
    each: &'e mut Each<'f>,
    rules: DescribedRules,
    /// Time of capture of the last item of a list.
    last_captured: Option<Timestamp>,
    /// Whether an item of the list is newer than the one before.
    is_oldest_first: bool,
}

impl<'s, 'o, 'e, 'f> Collector<'s, 'o, 'e, 'f> {
    pub(super) fn new(scan: &'s mut Scan<'o>, each: &'e mut Each<'f>) -> Self {
        Self { scan, each, rules: DescribedRules::default(), last_captured: None, is_oldest_first: false }
    }

    pub(super) fn emit(&mut self, mut record: Result<Record, RecordError>) -> Result<(), Halt> {
        let options = self.scan.options;
        match &mut record {
            Ok(record) => {
                self.scan.stats.groups += 1;
                if record.region.is_none() {
                    record.region.clone_from(&options.region);
                }
                if record.group.owner_id.is_none() {
                    record.group.owner_id.clone_from(&options.account);
                }
            }
            Err(_) => self.scan.stats.errors += 1,
        }
        match (self.each)(record) {
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
            self.scan.stats.other_resources += 1;
            return Ok(());
        }
        let version = item.version();
        if let (Some(last), Some((at, _))) = (self.last_captured, version) {
            self.is_oldest_first |= at > last;
        }
        self.last_captured = version.map(|(at, _)| at);
        let Some((resource, version)) = item.resource().zip(version) else {
            return self.newest(item.parts(), location);
        };
        let is_known = self.scan.items.add(&resource, version, item.parts(), &location)?;
        self.scan.stats.superseded += u64::from(is_known);
        Ok(())
    }

    /// Hands out the group of an item that is the newest of its group.
    pub(super) fn newest(&mut self, parts: Parts<'_>, location: InputLocation) -> Result<(), Halt> {
        match parts.content() {
            ItemContent::Group(record) => self.emit(Ok(*record)),
            ItemContent::Problem(problem) => self.refuse(location, parts.id().map(str::to_owned), problem),
            ItemContent::Deleted => {
                self.scan.stats.deleted += 1;
                Ok(())
            }
        }
    }

    /// Hands out the groups that are complete only at the end of the input.
    pub(super) fn finish(&mut self) -> Result<(), Halt> {
        std::mem::take(&mut self.rules).into_records().try_for_each(|record| self.emit(Ok(record)))
    }
}
