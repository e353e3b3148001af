//! How many messages the recipients got within a time.

use std::collections::BTreeMap;

use crate::fault::Place;
use crate::messages::messages;
use crate::scenario::{BURST_MINUTES, Outcome};

/// What a recipient got within a window.
#[derive(Debug, Default)]
struct Got {
    singles: usize,
    summaries: usize,
}

/// Nobody gets more than the routing document says: so many messages of their own within a window, and one about many. What
/// was admitted at the end of a window may arrive in the next one. After each disturbance a message may come again.
pub(crate) fn check(outcome: &Outcome, place: Place) -> Result<(), String> {
    let Some(most) = outcome.scenario.burst.filter(|_| !outcome.was_emptied) else { return Ok(()) };
    let mut windows: BTreeMap<(String, i64), Got> = BTreeMap::new();
    for message in messages(&outcome.world, place) {
        let window = message.sent.as_second().div_euclid(i64::from(BURST_MINUTES) * 60);
        let got = windows.entry((message.recipient.clone(), window)).or_default();
        *(if message.is_summary() { &mut got.summaries } else { &mut got.singles }) += 1;
    }
    let disturbances = outcome.scenario.disturbances(place);
    let most = usize::try_from(most).unwrap();
    let singles = if disturbances == 0 { most } else { 2 * most };
    for ((recipient, window), got) in &windows {
        let is_paced = got.singles <= singles && got.summaries <= 1 + disturbances;
        if !is_paced {
            return Err(format!("`{recipient}` got {got:?} in window {window} after {disturbances} disturbances"));
        }
    }
    Ok(())
}
