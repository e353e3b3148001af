//! The services that channels call, in memory: for tests of this crate, and for servers that stand for these services.
//!
//! Each takes [calls](Call) at times, keeps what it was told, checks every payload against the published limits, and answers
//! as the service does. What a program must never send is a [violation](Violation), and is kept. No fake has a clock.

mod call;
pub mod jira;
pub mod pagerduty;
pub mod slack;
pub mod teams;
pub mod webhook;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::call::Call;
use crate::http::Response;

/// A service.
pub trait Service {
    /// What a test may change, such as a token or a workflow.
    type Settings: Serialize + DeserializeOwned;

    /// The name of what is called, such as `chat.postMessage`: one of [`operations`](Self::operations), or empty.
    fn operation(&self, call: &Call) -> &'static str;

    /// The names of all that can be called.
    fn operations(&self) -> &'static [&'static str];

    /// Carries a call out, and answers it.
    fn serve(&mut self, call: &Call, now: Timestamp) -> Response;

    /// The answer if the service limits the rate of calls. Nothing is carried out.
    fn limited(&self) -> Response {
        Response { status: 429, headers: Vec::new(), body: Vec::new() }
    }

    /// What it has been told.
    fn state(&self) -> Value;

    /// Forgets what it has been told, and keeps the settings.
    fn clear(&mut self);

    /// What it had to refuse.
    fn violations(&self) -> &[Violation];

    /// Its settings.
    fn settings(&self) -> &Self::Settings;

    /// Replaces its settings.
    fn set(&mut self, settings: Self::Settings);
}

/// A request that no program should send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What was called.
    pub operation: &'static str,
    /// What is wrong.
    pub faults: Vec<String>,
}

/// Keeps faults, if there are any. Returns whether there are.
pub(crate) fn note(violations: &mut Vec<Violation>, operation: &'static str, faults: Vec<String>) -> bool {
    let has_faults = !faults.is_empty();
    if has_faults {
        violations.push(Violation { operation, faults });
    }
    has_faults
}

/// A response with JSON, or without content.
pub(crate) fn json_response(status: u16, body: &Value) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Response { status, headers, body }
}

/// A response with a word.
pub(crate) fn text_response(status: u16, body: &str) -> Response {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Response { status, headers, body: body.as_bytes().to_vec() }
}

/// Names as the settings have them.
pub fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}
