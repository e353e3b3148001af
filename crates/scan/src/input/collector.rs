//! Takes what was found in an input, and hands it on.

use std::ops::ControlFlow;

use super::error::{InputError, Place, RecordError};
use super::item::{Outcome, Resource};
use super::rules::{MOST_RULES, Rule, Rules};
use super::{Each, Options, Record, Stats};

/// Why the reading ends early.
pub(super) enum Halt {
    /// `each` wants no more.
    Stopped,
    /// The input is damaged.
    Error(InputError),
}

impl From<InputError> for Halt {
    fn from(error: InputError) -> Self {
        Self::Error(error)
    }
}

/// An item that waits for the next one, which may be a newer state of the same resource.
struct Held {
    resource: Resource,
    captured_at: Option<jiff::Timestamp>,
    outcome: Outcome,
    place: Place,
}

/// What has been found so far, as far as it was not handed on yet.
pub(super) struct Collector<'o, 'e, 'f> {
    options: &'o Options,
    each: &'e mut Each<'f>,
    pub(super) stats: Stats,
    held: Option<Held>,
    rules: Rules,
}

impl<'o, 'e, 'f> Collector<'o, 'e, 'f> {
    pub(super) fn new(options: &'o Options, each: &'e mut Each<'f>) -> Self {
        Self { options, each, stats: Stats::default(), held: None, rules: Rules::default() }
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

    /// Hands out that a record cannot be understood.
    pub(super) fn refuse(&mut self, place: Place, id: Option<String>, problem: String) -> Result<(), Halt> {
        self.emit(Err(RecordError { place, id, problem }))
    }

    pub(super) fn rule(&mut self, rule: Rule<'_>, place: Place) -> Result<(), Halt> {
        if self.rules.is_full() {
            return Err(InputError::TooManyRules { place, limit: MOST_RULES }.into());
        }
        match self.rules.add(rule) {
            Ok(()) => Ok(()),
            Err(problem) => self.refuse(place, None, problem.to_owned()),
        }
    }

    /// Hands the item before out, unless this one is of the same resource: then only the newer of the two counts.
    pub(super) fn item(
        &mut self,
        (resource, captured_at, outcome): (Option<Resource>, Option<jiff::Timestamp>, Outcome),
        place: Place,
    ) -> Result<(), Halt> {
        if matches!(outcome, Outcome::OtherResource) {
            self.stats.other_resources += 1;
            return Ok(());
        }
        let Some(resource) = resource else { return self.finish_item(None, outcome, place) };
        match &mut self.held {
            Some(held) if held.resource == resource && held.captured_at.is_some() && captured_at.is_some() => {
                self.stats.superseded += 1;
                if captured_at > held.captured_at {
                    *held = Held { resource, captured_at, outcome, place };
                }
                Ok(())
            }
            _ => {
                self.release()?;
                self.held = Some(Held { resource, captured_at, outcome, place });
                Ok(())
            }
        }
    }

    /// Hands out the item that was held back.
    pub(super) fn release(&mut self) -> Result<(), Halt> {
        match self.held.take() {
            Some(Held { resource, outcome, place, .. }) => self.finish_item(Some(resource.id), outcome, place),
            None => Ok(()),
        }
    }

    fn finish_item(&mut self, id: Option<String>, outcome: Outcome, place: Place) -> Result<(), Halt> {
        match outcome {
            Outcome::Group(record) => self.emit(Ok(*record)),
            Outcome::Problem(problem) => self.emit(Err(RecordError { place, id, problem })),
            Outcome::Deleted => {
                self.stats.deleted += 1;
                Ok(())
            }
            Outcome::OtherResource => Ok(()),
        }
    }

    /// Hands out the groups that are known only now that nothing more will come.
    pub(super) fn finish(&mut self) -> Result<(), Halt> {
        self.release()?;
        std::mem::take(&mut self.rules).into_records().try_for_each(|record| self.emit(Ok(record)))
    }
}
