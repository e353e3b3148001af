//! Hands out the records of an input, and keeps only the newest of several items of a group.

use std::ops::ControlFlow;

use super::configuration_item::{ItemContent, Resource};
use super::described_rules::{DescribedRule, DescribedRules, MOST_RULES};
use super::error::{InputError, InputLocation, RecordError};
use super::{Each, Options, Record, Stats};

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

/// An item that is held back, since the next one may be a newer state of the same resource.
struct Held {
    resource: Resource,
    captured_at: Option<jiff::Timestamp>,
    content: ItemContent,
    location: InputLocation,
}

/// Records that were not handed out yet.
pub(super) struct Collector<'o, 'e, 'f> {
    options: &'o Options,
    each: &'e mut Each<'f>,
    pub(super) stats: Stats,
    held: Option<Held>,
    rules: DescribedRules,
}

impl<'o, 'e, 'f> Collector<'o, 'e, 'f> {
    pub(super) fn new(options: &'o Options, each: &'e mut Each<'f>) -> Self {
        Self { options, each, stats: Stats::default(), held: None, rules: DescribedRules::default() }
    }

    pub(super) fn emit(&mut self, mut record: Result<Record, RecordError>) -> Result<(), Halt> {
        match &mut record {
            Ok(record) => {
                self.stats.groups += 1;
                if record.region.is_none() {
                    record.region.clone_from(&self.options.region);
                }
                if record.group.owner_id.is_none() {
                    record.group.owner_id.clone_from(&self.options.account);
                }
            }
            Err(_) => self.stats.errors += 1,
        }
        match (self.each)(record) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Halt::Stopped),
        }
    }

    /// Hands out the error of a record that is not understood.
    pub(super) fn refuse(&mut self, location: InputLocation, id: Option<String>, problem: String) -> Result<(), Halt> {
        self.emit(Err(RecordError { location, id, problem }))
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

    /// Takes an item. If it is of the same resource as the one before, only the newer of the two counts.
    pub(super) fn item(
        &mut self,
        (resource, captured_at, content): (Option<Resource>, Option<jiff::Timestamp>, ItemContent),
        location: InputLocation,
    ) -> Result<(), Halt> {
        if matches!(content, ItemContent::OtherResource) {
            self.stats.other_resources += 1;
            return Ok(());
        }
        let Some(resource) = resource else { return self.finish_item(None, content, location) };
        match &mut self.held {
            Some(held) if held.resource == resource && held.captured_at.is_some() && captured_at.is_some() => {
                self.stats.superseded += 1;
                if captured_at > held.captured_at {
                    *held = Held { resource, captured_at, content, location };
                }
                Ok(())
            }
            _ => {
                self.release()?;
                self.held = Some(Held { resource, captured_at, content, location });
                Ok(())
            }
        }
    }

    /// Hands out the item that is held back.
    pub(super) fn release(&mut self) -> Result<(), Halt> {
        match self.held.take() {
            Some(Held { resource, content, location, .. }) => self.finish_item(Some(resource.id), content, location),
            None => Ok(()),
        }
    }

    fn finish_item(&mut self, id: Option<String>, content: ItemContent, location: InputLocation) -> Result<(), Halt> {
        match content {
            ItemContent::Group(record) => self.emit(Ok(*record)),
            ItemContent::Problem(problem) => self.emit(Err(RecordError { location, id, problem })),
            ItemContent::Deleted => {
                self.stats.deleted += 1;
                Ok(())
            }
            ItemContent::OtherResource => Ok(()),
        }
    }

    /// Hands out the groups that are complete only at the end of the input.
    pub(super) fn finish(&mut self) -> Result<(), Halt> {
        self.release()?;
        std::mem::take(&mut self.rules).into_records().try_for_each(|record| self.emit(Ok(record)))
    }
}
