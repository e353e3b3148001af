//! Restores.

use jiff::{SignedDuration, Unit};
use proptest::prelude::*;
use remediation::{RemediationError, Status};
use serde_json::json;

use super::action::{Disturbance, Restore};
use super::closing::MOST_PIECES;
use super::ledger::without;
use super::reach::{content, reach};
use super::world::{RULE, clock};
use super::{Checked, Model};
use crate::account::GROUP;

impl Model {
    pub(super) async fn restore(&mut self, restore: Restore, disturbance: Disturbance) -> Checked {
        let Restore { hours, dry_run, misspelt, snapshot } = restore;
        let before = self.world.state();
        let snapshot = snapshot.and_then(|back| before.snapshots().rev().nth(back).map(str::to_owned));
        disturbance.arrange(&self.world.aws);
        let rule_name = if misspelt { "portculis" } else { RULE };
        let outcome = self
            .world
            .handle(json!({"action":"restore","securityGroupId":GROUP,"configRuleName":rule_name,
                "snapshot":snapshot.as_deref().unwrap_or("latest"),"exceptionHours":hours,"dryRun":dry_run}))
            .await;
        let after = self.world.state();
        if dry_run || misspelt {
            prop_assert_eq!(&before, &after, "a dry run or a refused request");
            prop_assert!(!misspelt || outcome.is_none_or(|outcome| outcome.is_err()));
            return Ok(());
        }
        for rule in without(after.rules(), before.rules()) {
            let rule = content(&rule);
            prop_assert!(self.ledger.taken.contains(&rule), "{rule} was never taken: {outcome:?}");
        }
        for rule in without(before.rules(), after.rules()) {
            let rule = content(&rule);
            prop_assert!(self.ledger.added.contains(&rule), "{rule} is of the owner: {outcome:?}");
        }
        let gone = without(before.rules(), after.rules());
        let moot = reach(gone.iter().filter(|rule| self.ledger.moot.contains(&content(rule))));
        let mut lost = reach(before.rules());
        lost.retain(|point| !moot.contains(point));
        let lost: Vec<_> = lost.difference(&reach(after.rules())).copied().collect();
        let is_undisturbed = matches!(disturbance, Disturbance::None);
        prop_assert!(!is_undisturbed || lost.is_empty(), "{lost:?} lost: {outcome:?}");
        let until = (clock() + SignedDuration::from_hours(hours.into())).round(Unit::Second).unwrap();
        let asked = (hours > 0).then_some(until);
        let is_changed = before.rules() != after.rules();
        match &outcome {
            Some(Ok(response)) => {
                prop_assert!(matches!(response.status, Status::Restored | Status::NothingToDo), "{response:?}");
                let missing = self.ledger.missing(after.rules());
                let is_latest = snapshot.is_none();
                prop_assert!(!is_latest || missing.is_empty(), "{missing:?} is not given back: {response:?}");
                self.ledger.hold = asked;
                self.ledger.restored();
            }
            Some(Err(RemediationError::Incomplete(response))) => {
                prop_assert!(!is_undisturbed || !self.world.has_room(MOST_PIECES), "{response:?}");
                if is_changed {
                    self.ledger.hold = asked;
                    self.ledger.restored();
                }
            }
            Some(Err(error)) => {
                let is_expected = !self.ledger.has_taken() || !self.world.is_readable();
                prop_assert!(!is_undisturbed || is_expected, "{error:?}");
                prop_assert!(!is_changed, "{error:?}");
            }
            None => {
                let hold = after.hold();
                prop_assert!(hold == asked || hold == self.ledger.hold, "{hold:?}");
                self.ledger.hold = hold;
                self.ledger.promised.clear();
            }
        }
        Ok(())
    }
}
