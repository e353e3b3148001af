//! Counts of what was done, for the last line and the exit code.

use std::fmt;

use anyhow::Result;
use remediation::{RemediationError, Response, Status};

use super::account::{Account, Group};
use super::printer::Printer;
use super::problem;
use crate::exit::{Exit, Usage};

/// What became of the groups of a command.
#[derive(Debug, Default)]
pub(super) struct Tally {
    closed: usize,
    restored: usize,
    planned: usize,
    nothing_to_do: usize,
    exempt: usize,
    held: usize,
    deferred: usize,
    declined: usize,
    not_asked: usize,
    failed: usize,
    /// Indexes of the accounts and regions in which a group was changed.
    changed_in: Vec<usize>,
}

/// How a run of several groups ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Every group was reached, or the user quit.
    Done,
    /// Standard input had no answer.
    NoAnswer,
    /// A signal asked to stop.
    Interrupted,
}

impl Ending {
    /// Exit code of a command, which is `done` if it has ended by itself.
    pub(super) fn exit(self, tally: &Tally, done: Exit) -> Result<Exit> {
        match self {
            Self::Done => Ok(done),
            Self::Interrupted => Ok(Exit::Interrupted),
            Self::NoAnswer => {
                let is_unchanged = tally.changed_in().is_empty();
                let so_far = if is_unchanged { "no answer: nothing was changed" } else { "no further answer" };
                Err(Usage(format!("standard input has {so_far}; pass --yes to skip the question")).into())
            }
        }
    }
}

impl Tally {
    /// Exit code of a closing.
    pub(super) fn exit(&self) -> Exit {
        if self.failed > 0 {
            Exit::Error
        } else if self.planned + self.held + self.deferred + self.declined + self.not_asked > 0 {
            Exit::Exposed
        } else {
            Exit::Success
        }
    }

    /// Exit code of a restore: 3 is for exposures, not for rules that a restore would add.
    pub(super) fn exit_of_restore(&self) -> Exit {
        if self.failed > 0 { Exit::Error } else { Exit::Success }
    }

    /// Counts a problem that kept groups from being reached, and reports it.
    pub(super) fn problem(&mut self, text: &str) {
        self.failed += 1;
        eprintln!("error: {}", plain_text::printable(text));
    }

    pub(super) fn declined(&mut self) {
        self.declined += 1;
    }

    pub(super) fn not_asked(&mut self, groups: usize) {
        self.not_asked += groups;
    }

    /// Indexes of the accounts and regions in which a group was changed.
    pub(super) fn changed_in(&self) -> &[usize] {
        &self.changed_in
    }

    /// Number of groups that were closed or restored.
    pub(super) fn done(&self) -> usize {
        self.closed + self.restored
    }

    /// Prints a response, and counts it.
    pub(super) fn take(
        &mut self,
        printer: Printer,
        account: &Account,
        group: &Group,
        result: Result<Response, RemediationError>,
    ) -> Result<()> {
        let (response, failed) = match result {
            Ok(response) => (response, false),
            Err(RemediationError::Incomplete(response)) => (*response, true),
            Err(problem) => {
                self.problem(&format!("{}: {}", group.id, problem::text(&problem)));
                return Ok(());
            }
        };
        // Only a change has a snapshot.
        if response.snapshot.is_some() && !self.changed_in.contains(&group.at) {
            self.changed_in.push(group.at);
        }
        let is_held = response.closed().is_some_and(|closed| closed.held_until.is_some());
        let count = match response.status {
            _ if failed => &mut self.failed,
            _ if is_held => &mut self.held,
            Status::Planned => &mut self.planned,
            Status::Exempt => &mut self.exempt,
            Status::Deferred => &mut self.deferred,
            Status::NothingToDo => &mut self.nothing_to_do,
            Status::Restored => &mut self.restored,
            Status::Closed | Status::Quarantined | Status::Released => &mut self.closed,
            Status::Partial | Status::Failed => &mut self.failed,
        };
        *count += 1;
        printer.print(&response, &account.title(group))
    }
}

/// What a command does with groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Plan,
    Close,
    Restore,
}

/// As a question begins.
impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plan => "Plan",
            Self::Close => "Close",
            Self::Restore => "Restore",
        })
    }
}

/// The counts of a tally: `1 closed, 8 not asked, 0 failed`.
pub(super) struct Summary<'t> {
    pub(super) tally: &'t Tally,
    pub(super) verb: Verb,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tally, verb } = self;
        match verb {
            Verb::Plan => write!(f, "{} to close", tally.planned),
            Verb::Close => write!(f, "{} closed", tally.closed),
            Verb::Restore => write!(f, "{} restored", tally.restored),
        }?;
        let others = [
            (tally.nothing_to_do, "with nothing to do"),
            (tally.exempt, "exempt"),
            (tally.held, "on hold"),
            (tally.deferred, "deferred"),
            (tally.declined, "declined"),
            (tally.not_asked, "not asked"),
        ];
        for (count, name) in others.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {name}")?;
        }
        write!(f, ", {} failed", tally.failed)
    }
}
