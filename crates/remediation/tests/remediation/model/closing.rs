//! Closings.

use exposure::IngressRule;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use remediation::{RemediationError, Response, Status};
use serde_json::json;

use super::ledger::Seen;
use super::reach::{content, contents, exposes, reach, recorded};
use super::world::{RULE, State};
use super::{Checked, Model, Outcome};
use crate::account::GROUP;

/// More rules than a closing puts in the place of one.
pub(super) const MOST_PIECES: usize = 9;

/// A closing that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub(super) strategy: &'static str,
    pub(super) ignore_hold: bool,
    pub(super) dry_run: bool,
    pub(super) is_disturbed: bool,
}

impl Model {
    pub(super) async fn close(&mut self, closing: Closing) -> Checked {
        let Closing { strategy, ignore_hold, dry_run, is_disturbed } = closing;
        let (before, blocked) = (self.world.state(), self.world.blocked());
        let outcome = self
            .world
            .handle(json!({"action":"close","securityGroupId":GROUP,"configRuleName":RULE,"strategy":strategy,
                "dryRun":dry_run,"ignoreHold":ignore_hold}))
            .await;
        self.succeeded = matches!(outcome, Some(Ok(_)));
        let after = self.world.state();
        let seen =
            Seen { strategy, blocked, before: before.rules(), after: after.rules(), is_killed: outcome.is_none() };
        let is_open = before.is_open(blocked);
        let held = self.ledger.hold.filter(|_| !ignore_hold && is_open && !self.world.is_exempt);
        let is_kept = is_open && (self.world.is_exempt || held.is_some());
        if dry_run {
            prop_assert_eq!(&before, &after, "a dry run");
        }
        if is_kept {
            prop_assert_eq!(before.rules(), after.rules(), "exempt or on hold");
        }
        if let (Some(until), Some(outcome)) = (held, &outcome) {
            let response = outcome.as_ref().map_err(|error| TestCaseError::fail(format!("on hold: {error:?}")))?;
            let held_until = response.closed().and_then(|closed| closed.held_until);
            prop_assert_eq!((response.status, held_until), (Status::Exempt, Some(until)));
        }
        self.check_changes(&seen, &outcome)?;
        if dry_run {
            return Ok(());
        }
        let is_done = |response: &Response| matches!(response.status, Status::Closed | Status::NothingToDo);
        let is_complete = matches!(&outcome, Some(Ok(response)) if is_done(response));
        prop_assert!(!is_complete || !is_kept, "{outcome:?}");
        prop_assert!(!is_complete || !after.is_open(blocked), "{outcome:?}: {:?}", contents(after.rules()));
        if !is_disturbed && !is_kept {
            self.check_undisturbed(&seen, &outcome)?;
        }
        if ignore_hold {
            self.end_hold(&outcome, &after);
        }
        if !is_kept {
            self.ledger.closing(&seen, is_complete);
        }
        Ok(())
    }

    /// If nothing goes wrong, a closing closes, and gives back what is owed, as far as there is room.
    fn check_undisturbed(&self, seen: &Seen<'_>, outcome: &Outcome) -> Checked {
        let open: Vec<_> = seen.after.iter().filter(|rule| exposes(rule, seen.blocked)).map(content).collect();
        prop_assert!(open.is_empty(), "{open:?} is not closed: {outcome:?}");
        match outcome {
            Some(Err(RemediationError::Incomplete(response))) => {
                let remaining = &response.closed().unwrap().remaining;
                prop_assert!(remaining.is_empty() && !self.world.has_room(MOST_PIECES), "{response:?}");
            }
            Some(Err(error)) => return Err(TestCaseError::fail(format!("{error:?}"))),
            Some(Ok(response)) if seen.strategy != "Revoke" && self.world.is_readable() => {
                let there = reach(seen.after);
                let lost: Vec<_> = self.ledger.promised.difference(&there).collect();
                prop_assert!(lost.is_empty(), "{lost:?} was owed, and is not given back: {response:?}");
            }
            Some(Ok(_)) | None => {}
        }
        Ok(())
    }

    /// A closing takes only what exposes the group, opens nothing, and says what it owes.
    fn check_changes(&self, seen: &Seen<'_>, outcome: &Outcome) -> Checked {
        let (gone, come) = (seen.gone(), seen.come());
        for rule in &gone {
            prop_assert!(exposes(rule, seen.blocked), "{} was not exposing: {outcome:?}", content(rule));
        }
        for rule in &come {
            prop_assert!(!exposes(rule, seen.blocked), "{} is exposing: {outcome:?}", content(rule));
        }
        let mut allowed = reach(seen.before);
        allowed.extend(self.ledger.may_open(seen));
        let opened: Vec<_> = reach(&come).difference(&allowed).copied().collect();
        prop_assert!(opened.is_empty(), "{opened:?} was opened by {:?}: {outcome:?}", contents(&come));
        let owed: Vec<IngressRule> = match outcome {
            Some(Ok(_)) => Vec::new(),
            Some(Err(RemediationError::Incomplete(response))) => {
                response.closed().unwrap().not_authorized.iter().map(|remaining| recorded(&remaining.rule)).collect()
            }
            Some(Err(_)) => {
                prop_assert!(gone.is_empty() && come.is_empty(), "{outcome:?}");
                Vec::new()
            }
            None => return Ok(()),
        };
        let unsaid: Vec<_> = seen.lost().difference(&reach(&owed)).copied().collect();
        prop_assert!(unsaid.is_empty(), "{unsaid:?} is lost, and is not reported: {outcome:?}");
        Ok(())
    }

    /// A closing that ignores the hold ends it, unless it failed before the first change.
    fn end_hold(&mut self, outcome: &Outcome, after: &State) {
        match outcome {
            Some(Ok(_)) => self.ledger.hold = None,
            Some(Err(_)) | None if after.hold().is_none() => self.ledger.hold = None,
            Some(Err(_)) | None => {}
        }
    }
}
