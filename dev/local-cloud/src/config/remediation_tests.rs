//! The state machine of automatic remediation, with a simulated clock.

use serde_json::json;

use super::*;
use crate::config::evaluation::Evaluated;

const GROUP: &str = "AWS::EC2::SecurityGroup";

fn at(seconds: i64) -> Timestamp {
    clock::from_millis(seconds * 1000)
}

fn state(groups: usize, automatic: bool) -> State {
    let mut state = State::default();
    for index in 0..groups {
        judge(&mut state, index, "NON_COMPLIANT");
    }
    let configuration = serde_json::from_value(json!({
        "ConfigRuleName": "r", "TargetType": "SSM_DOCUMENT", "TargetId": "close", "Automatic": automatic,
        "MaximumAutomaticAttempts": 3, "RetryAttemptSeconds": 600,
        "ExecutionControls": {"SsmControls": {"ConcurrentExecutionRatePercentage": 25, "ErrorPercentage": 50}}}))
    .unwrap();
    state.remediation.configurations.insert("r".to_owned(), configuration);
    state
}

fn key(index: usize) -> Key {
    ("r".to_owned(), format!("sg-{index:02}"))
}

fn judge(state: &mut State, index: usize, compliance: &str) {
    let evaluated = Evaluated {
        resource_type: GROUP.to_owned(),
        compliance: compliance.to_owned(),
        annotation: None,
        ordering: at(0),
        recorded: at(0),
        invoked: at(0),
    };
    state.results.insert(key(index), evaluated);
}

fn failed(state: &mut State, index: usize, seconds: i64) {
    state.remediation.finish(&key(index), Some("it failed".to_owned()), at(seconds), AttemptsCounted::Failures);
}

fn succeeded(state: &mut State, index: usize, seconds: i64, counted: AttemptsCounted) {
    state.remediation.finish(&key(index), None, at(seconds), counted);
}

#[test]
fn a_manual_configuration_starts_nothing() {
    let mut state = state(2, false);
    assert!(state.start_automatic(at(1), &Settings::default()).is_empty());
    assert!(state.remediation.idle(&state, at(1), &Settings::default(), &BTreeSet::new()));
}

#[test]
fn a_quarter_of_the_resources_runs_at_a_time() {
    let mut state = state(8, true);
    let settings = Settings::default();
    assert_eq!(state.start_automatic(at(1), &settings), [key(0), key(1)]);
    assert_eq!(state.remediation.runs[&key(7)].progress, Progress::Queued);
    assert!(state.start_automatic(at(2), &settings).is_empty(), "both places are taken");
    judge(&mut state, 0, "COMPLIANT");
    succeeded(&mut state, 0, 2, AttemptsCounted::Failures);
    assert_eq!(state.start_queued(at(2), &settings), [key(2)]);
}

#[test]
fn after_the_last_attempt_an_exception_excludes_the_resource() {
    let mut state = state(1, true);
    let settings = Settings::default();
    for attempt in 1..=3 {
        assert_eq!(state.start_automatic(at(attempt), &settings), [key(0)], "attempt {attempt}");
        failed(&mut state, 0, attempt);
    }
    assert!(state.start_automatic(at(4), &settings).is_empty());
    assert!(state.remediation.exceptions.contains_key(&key(0)));
    assert!(state.remediation.idle(&state, at(4), &settings, &BTreeSet::new()));
    state.remediation.exceptions.clear();
    assert_eq!(state.start_automatic(at(5), &settings), [key(0)], "deleting the exception starts over");
}

#[test]
fn failures_outside_the_window_do_not_count() {
    let mut state = state(1, true);
    let settings = Settings::default();
    for attempt in 1..=4 {
        assert_eq!(state.start_automatic(at(attempt * 601), &settings), [key(0)]);
        failed(&mut state, 0, attempt * 601);
    }
    assert!(state.remediation.exceptions.is_empty());
}

#[test]
fn a_success_that_leaves_the_resource_non_compliant_is_repeated_without_end() {
    let mut state = state(1, true);
    for second in 1..20 {
        assert_eq!(state.start_automatic(at(second), &Settings::default()), [key(0)]);
        succeeded(&mut state, 0, second, AttemptsCounted::Failures);
    }
}

#[test]
fn a_success_starts_the_count_of_failures_over() {
    let mut state = state(1, true);
    for second in 1..20 {
        assert_eq!(state.start_automatic(at(second), &Settings::default()), [key(0)]);
        if second % 3 == 0 {
            succeeded(&mut state, 0, second, AttemptsCounted::Failures);
        } else {
            failed(&mut state, 0, second);
        }
    }
}

#[test]
fn if_all_attempts_count_the_last_success_adds_an_exception_without_end() {
    let mut state = state(1, true);
    let settings = Settings { attempts_counted: AttemptsCounted::Attempts, ..Settings::default() };
    for attempt in 1..=3 {
        assert!(state.remediation.exceptions.is_empty());
        judge(&mut state, 0, "NON_COMPLIANT");
        assert_eq!(state.start_automatic(at(attempt), &settings), [key(0)], "attempt {attempt}");
        succeeded(&mut state, 0, attempt, AttemptsCounted::Attempts);
        judge(&mut state, 0, "COMPLIANT");
    }
    assert_eq!(state.remediation.exceptions[&key(0)].expires, None);
    judge(&mut state, 0, "NON_COMPLIANT");
    assert!(state.start_automatic(at(1_000_000), &settings).is_empty(), "re-opened, and left open");
    state.remediation.exceptions.clear();
    assert_eq!(state.start_automatic(at(1_000_001), &settings), [key(0)], "deleting the exception starts over");
}

#[test]
fn attempts_outside_the_window_do_not_count() {
    let mut state = state(1, true);
    let settings = Settings { attempts_counted: AttemptsCounted::Attempts, ..Settings::default() };
    for attempt in 1..=6 {
        assert_eq!(state.start_automatic(at(attempt * 301), &settings), [key(0)]);
        succeeded(&mut state, 0, attempt * 301, AttemptsCounted::Attempts);
    }
    assert!(state.remediation.exceptions.is_empty());
}

#[test]
fn nothing_starts_while_a_newer_item_awaits_evaluation_unless_set() {
    let mut state = state(1, true);
    state.scan.groups.insert(key(0).1);
    assert!(state.start_automatic(at(1), &Settings::default()).is_empty());
    let switched = Settings { remediate_while_evaluation_pending: true, ..Settings::default() };
    assert_eq!(state.start_automatic(at(1), &switched), [key(0)]);
}

#[test]
fn a_stale_snapshot_remediates_compliant_resources() {
    let mut state = state(1, true);
    let switched = Settings { remediation_snapshot_stale: true, ..Settings::default() };
    assert!(state.start_automatic(at(1), &switched).is_empty(), "there is no older snapshot yet");
    judge(&mut state, 0, "COMPLIANT");
    assert_eq!(state.start_automatic(at(2), &switched), [key(0)]);
}

#[test]
fn an_exception_holds_until_it_expires() {
    let mut state = state(1, true);
    let exception = Exception { resource_type: GROUP.to_owned(), message: None, expires: Some(at(10)) };
    state.remediation.exceptions.insert(key(0), exception);
    assert!(state.start_automatic(at(9), &Settings::default()).is_empty());
    assert_eq!(state.start_automatic(at(10), &Settings::default()), [key(0)]);
}

#[test]
fn turning_off_drops_waiting_runs_and_keeps_active_ones() {
    let mut state = state(8, true);
    state.start_automatic(at(1), &Settings::default());
    state.remediation.configurations.get_mut("r").unwrap().automatic = false;
    assert!(state.start_automatic(at(2), &Settings::default()).is_empty());
    let left: Vec<Progress> = state.remediation.runs.values().map(|run| run.progress).collect();
    assert_eq!(left, [Progress::Running, Progress::Running]);
}

#[test]
fn too_many_failures_halt_the_batch() {
    let mut state = state(4, true);
    let all_at_once = json!({"SsmControls": {"ConcurrentExecutionRatePercentage": 50, "ErrorPercentage": 1}});
    state.remediation.configurations.get_mut("r").unwrap().execution_controls = Some(all_at_once);
    assert_eq!(state.start_automatic(at(1), &Settings::default()), [key(0), key(1)]);
    failed(&mut state, 0, 1);
    assert!(state.start_queued(at(1), &Settings::default()).is_empty(), "one of four is more than 1 %");
}
