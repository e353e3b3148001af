//! Which execution for a group is next, if any: twice is once, and what failed does not block what comes after it.
//!
//! The client token of an execution is made of what it is to close and of the number of the attempt. Whoever computes the same
//! token gets the same execution. The number is one more than that of the last attempt, which is remembered with its execution.

use std::collections::BTreeMap;

use aws_traits::ssm::{ExecutionState, Progress};
use exposure::{Assessment, IngressRule};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answer::Action;
use crate::settings::Settings;

/// Namespace of the client tokens.
const NAMESPACE: Uuid = Uuid::from_u128(0x9b1f_6c52_4c0e_4d0a_8f8e_5a0c_0d5e_7c11);
/// Longest time from the start of an execution to its end, with some to spare: its steps end after four minutes, if they do not
/// wait for one another's place. For executions whose id is not known.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);
/// A group that is open by the same rules although an execution succeeded gets another one after this time. EC2 may have shown the
/// execution an older state, or shows it now.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// For how long the last attempt is remembered.
pub(crate) const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Output of the documents with the status of the response.
const STATUS: &str = "VerifyOutcome.Status";
/// Output of the document that closes with the end of a deferral.
const DEFERRED_UNTIL: &str = "VerifyOutcome.DeferredUntil";

/// What an execution is for: a digest of account, region, action, parameters, and the exposing rules by id and content. Rule and
/// group are among the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Purpose(Uuid);

impl Purpose {
    /// The purpose of an execution of `action` with these parameters, for a group that is open by what `assessment` says. What was
    /// undone since is not done any more: `undone` is the number of the last attempt to do so.
    pub(crate) fn new(
        settings: &Settings,
        (action, undone): (Action, Option<u32>),
        parameters: &BTreeMap<String, String>,
        assessment: &Assessment<'_>,
    ) -> Self {
        let content = |rule: &IngressRule| {
            (rule.id.clone().unwrap_or_default(), rule.traffic.to_string(), rule.source.to_string())
        };
        let mut rules: Vec<_> = assessment.exposures.iter().map(|exposure| content(exposure.rule)).collect();
        rules.sort();
        let Settings { account, region, .. } = settings;
        let name = serde_json::json!([account, region, action.as_str(), undone, parameters, rules]);
        Self(Uuid::new_v5(&NAMESPACE, name.to_string().as_bytes()))
    }

    /// The client token of an attempt.
    pub(crate) fn token(self, number: u32) -> String {
        Uuid::new_v5(&self.0, &number.to_be_bytes()).to_string()
    }
}

/// The last attempt for a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) purpose: Purpose,
    pub(crate) number: u32,
    /// When it was started; to the knowledge of whoever wrote this.
    pub(crate) at: Timestamp,
    /// The execution; `None` if another invocation started it, and did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) execution: Option<String>,
}

/// What to do about a group that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Start the attempt with this number.
    Start(u32),
    /// Look again after an execution that runs, or that ended just now.
    Wait,
    /// Nothing: the last execution left the group open on purpose, such as one on hold.
    LeftOpen,
}

/// What is to be done about a group that is open for `purpose`. `state` is that of the execution of the last attempt, if it is
/// known.
pub(crate) fn next(last: Option<&Attempt>, state: Option<&ExecutionState>, purpose: Purpose, now: Timestamp) -> Next {
    let Some(last) = last else { return Next::Start(0) };
    let another = Next::Start(last.number.saturating_add(1));
    let age = now.duration_since(last.at);
    let Some(state) = state else { return if age < LONGEST { Next::Wait } else { another } };
    let status = state.outputs.get(STATUS).map(String::as_str);
    match state.progress {
        Progress::Failed => another,
        // Until then, another execution would be deferred, too, whatever it is for. The sweep goes on with the group.
        Progress::Succeeded if status == Some("DEFERRED") => {
            if now < deferred_until(state, last.at) {
                Next::LeftOpen
            } else {
                another
            }
        }
        Progress::Succeeded if last.purpose != purpose => another,
        // It denies the ports by network ACLs, and the group stays as it is.
        Progress::Succeeded if status == Some("QUARANTINED") => Next::LeftOpen,
        Progress::Succeeded if age >= AGAIN_AFTER => another,
        Progress::Succeeded if status == Some("EXEMPT") => Next::LeftOpen,
        Progress::Running | Progress::Succeeded => Next::Wait,
    }
}

/// When a deferral ends; at most an hour after it began.
fn deferred_until(state: &ExecutionState, at: Timestamp) -> Timestamp {
    let told = state.outputs.get(DEFERRED_UNTIL).and_then(|until| until.parse().ok());
    told.unwrap_or_else(|| at.saturating_add(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX))
}
