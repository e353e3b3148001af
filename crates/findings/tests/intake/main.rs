//! Events of a bus, read as observations: samples, what is refused or ignored, executions, properties.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod executions;
mod properties;
mod refusals;
mod samples;

use findings::finding::{FindingKey, Moment, Observed};
use findings::intake::{Ignored, Intake, IntakeError, Statement, read_value};
use jiff::Timestamp;
use serde_json::Value;

const KEY: &str = "111122223333/eu-central-1/sg-0aaaaaaaaaaaaaaaa/portcullis";

/// A sample by its name, of `docs/events/` or of AWS.
fn sample(name: &str) -> Value {
    let text = match name {
        "open" => include_str!("../../../../docs/events/assessment-open.json"),
        "exempt" => include_str!("../../../../docs/events/assessment-exempt.json"),
        "unknown" => include_str!("../../../../docs/events/assessment-unknown.json"),
        "closed" => include_str!("../../../../docs/events/remediation-closed.json"),
        "failed" => include_str!("../../../../docs/events/remediation-failed.json"),
        "swept-open" => include_str!("../../../../docs/events/compliance-open.json"),
        "swept-parked" => include_str!("../../../../docs/events/compliance-parked.json"),
        "swept-closed" => include_str!("../../../../docs/events/compliance-closed.json"),
        "context" => include_str!("../../../../docs/events/context-interfaces.json"),
        "opener" => include_str!("../../../../docs/events/context-opener.json"),
        "compliance" => include_str!("samples/compliance-change.json"),
        "execution" => include_str!("samples/execution-failed.json"),
        "automation" => include_str!("samples/automation-execution.json"),
        other => panic!("no sample `{other}`"),
    };
    serde_json::from_str(text).unwrap()
}

/// The sample with other values at these JSON pointers. `null` at the end of a pointer with `-` removes the key.
fn changed(name: &str, changes: &[(&str, Value)]) -> Value {
    let mut event = sample(name);
    for (pointer, value) in changes {
        match pointer.strip_prefix('-') {
            Some(pointer) => {
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                event.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
            }
            None => *event.pointer_mut(pointer).unwrap_or_else(|| panic!("no `{pointer}`")) = value.clone(),
        }
    }
    event
}

fn statement(event: Value) -> Statement {
    match read_value(event).unwrap() {
        Intake::Observed(statement) => *statement,
        other => panic!("{other:?}"),
    }
}

fn observed(event: Value) -> Observed {
    statement(event).observation.what
}

fn ignored(event: Value) -> Ignored {
    match read_value(event).unwrap() {
        Intake::Ignored(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn refused(event: Value) -> IntakeError {
    read_value(event).unwrap_err()
}

fn key() -> FindingKey {
    KEY.parse().unwrap()
}

fn moment(ordering: &str, judged: &str) -> Moment {
    let time = |clock: &str| -> Timestamp { format!("2026-03-01T{clock}Z").parse().unwrap() };
    Moment::new(time(ordering), time(judged))
}
