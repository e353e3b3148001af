//! Calls of Jira, and what becomes of their answers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::dialect::Dialect;
use crate::answer::{Effect, retry_after};
use crate::channel::{Failure, Retry};
use crate::http::{Http, HttpError, Method, Request, Response};
use crate::secret::Secret;

/// Characters of an answer that a message repeats.
const SAID_MAX: usize = 100;
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A way to one Jira, as one user.
#[derive(Debug)]
pub(super) struct Client<'a, H> {
    pub(super) http: &'a H,
    pub(super) base: &'a str,
    pub(super) dialect: Dialect,
    pub(super) authorization: Secret,
    pub(super) now: Timestamp,
}

/// A call, as a message names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// What is attempted, such as ``create a ticket in `SEC` ``.
    pub(super) what: &'a str,
    /// The permission that it takes.
    pub(super) permission: &'a str,
    /// Whether it matters if it arrived.
    pub(super) effect: Effect,
}

/// An answer that the caller decides upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Carried out. `null` if there is no content.
    Done(Value),
    /// 404: there is no such thing, or the user may not know of it.
    Missing,
    /// 403: the user has not the permission.
    Denied,
    /// 400: the content was refused, field by field.
    Invalid(Problems),
}

/// What Jira says of content that it refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Problems {
    /// By the name of the field.
    pub(super) errors: BTreeMap<String, String>,
    /// Of the whole.
    #[serde(rename = "errorMessages")]
    pub(super) messages: Vec<String>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.errors.iter().map(|(field, error)| format!("{field}: {error}"));
        let all: Vec<String> = fields.chain(self.messages.iter().cloned()).collect();
        let all = if all.is_empty() { "no reason given".to_owned() } else { all.join("; ") };
        f.write_str(&plain_text::one_line(&all, SAID_MAX))
    }
}

impl Call<'_> {
    /// Nothing was changed by this call, and nothing will be before a person has changed something.
    pub(super) fn repair(&self, reason: impl fmt::Display) -> Failure {
        Failure::Refused { error: format!("cannot {}: {reason}", self.what), retry: Retry::AfterRepair }
    }

    /// The same, if the change has to be another token.
    fn other_token(&self, reason: impl fmt::Display) -> Failure {
        Failure::Refused { error: format!("cannot {}: {reason}", self.what), retry: Retry::AfterNewCredentials }
    }

    /// What Jira answered, if it did what was asked of a ticket that was there a moment ago.
    pub(super) fn done(&self, answer: Answer) -> Result<Value, Failure> {
        match answer {
            Answer::Done(value) => Ok(value),
            Answer::Missing => Err(self.later("the ticket is gone: it is searched for at the next attempt", None)),
            Answer::Denied => Err(self.repair(self.denied())),
            Answer::Invalid(problems) => Err(self.repair(format_args!("Jira refused it: {problems}"))),
        }
    }

    /// Why it was denied, and the remedy.
    pub(super) fn denied(&self) -> String {
        format!("Jira does not permit it (403): give the user the permission {}", self.permission)
    }

    /// The answer in the form that Jira documents.
    pub(super) fn read<T: DeserializeOwned>(&self, value: Value) -> Result<T, Failure> {
        serde_json::from_value(value).map_err(|_| {
            self.repair("Jira answered in a form that is not known: check `flavour`, or update Portcullis")
        })
    }

    fn later(&self, reason: impl fmt::Display, after: Option<Duration>) -> Failure {
        Failure::Refused { error: format!("cannot {}: {reason}", self.what), retry: Retry::Later(after) }
    }

    /// There is no answer that tells whether it was carried out.
    fn unknown(&self, reason: impl fmt::Display, after: Option<Duration>) -> Failure {
        let error = match self.effect {
            Effect::Harmless => format!("cannot {}: {reason}", self.what),
            Effect::Repeated => format!("it is not known whether Jira took the call to {}: {reason}", self.what),
        };
        self.effect.unknown(error, after)
    }
}

impl<H: Http> Client<'_, H> {
    /// `GET` of a path below that of the interface.
    pub(super) async fn get(&self, call: Call<'_>, path: &str) -> Result<Answer, Failure> {
        self.send(call, Method::Get, path, None).await
    }

    /// A call with content.
    pub(super) async fn call(
        &self,
        call: Call<'_>,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer, Failure> {
        self.send(call, method, path, Some(body)).await
    }

    async fn send(&self, call: Call<'_>, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let mut headers = vec![("authorization", self.authorization.clone()), ("accept", "application/json".into())];
        if body.is_some() {
            headers.push(("content-type", "application/json".into()));
        }
        let request = Request {
            method,
            url: format!("{}{}{path}", self.base, self.dialect.api()).into(),
            headers,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        };
        match self.http.send(request).await {
            Ok(response) => answer(call, &response, retry_after(&response, self.now)),
            Err(HttpError::NotSent(error)) => Err(call.later(format_args!("Jira is not reached: {error}"), None)),
            Err(HttpError::Invalid(error)) => Err(call.repair(error)),
            Err(HttpError::Unanswered(error)) => Err(call.unknown(format_args!("no answer: {error}"), None)),
        }
    }
}

/// A text as a part of a path or the value of a parameter.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, IN_PATH).to_string()
}

fn answer(call: Call<'_>, response: &Response, after: Option<Duration>) -> Result<Answer, Failure> {
    // Jira answers some calls with a wrong token as if nobody had logged in: without an error, and without tickets.
    //
    // Source: https://developer.atlassian.com/server/jira/platform/basic-authentication/, "CAPTCHA"
    let reason = response.header("x-seraph-loginreason").unwrap_or_default();
    if reason.contains("AUTHENTICATION_DENIED") {
        let remedy = "log in as that user in a browser once and solve the CAPTCHA, then check the token";
        return Err(call.repair(format_args!("Jira denies the user to log in: {remedy}")));
    }
    if reason.contains("AUTHENTICATED_FAILED") {
        return Err(call.other_token("Jira does not accept the token: make a new one and replace the secret"));
    }
    let status = response.status;
    match status {
        200..=299 => content(call, response),
        300..=399 => Err(call.repair(format_args!(
            "Jira answered {status}, a redirection: write the base URL of Jira itself, and let this user pass any log-in page"
        ))),
        400 => Ok(Answer::Invalid(problems(response))),
        401 => Err(call.other_token("Jira does not accept the token (401): make a new one and replace the secret")),
        403 => Ok(Answer::Denied),
        404 => Ok(Answer::Missing),
        410 => Err(call.repair("Jira has removed this interface (410): check `flavour`, and update Portcullis")),
        409 | 423 | 425 => Err(call.later(format_args!("another change is under way ({status})"), after)),
        429 => {
            let limit = response.header("ratelimit-reason").map(|reason| plain_text::one_line(reason, 40));
            let limit = limit.map(|limit| format!(", {limit}")).unwrap_or_default();
            Err(call.later(format_args!("Jira limits the rate of calls (429{limit})"), after))
        }
        408 | 500.. => Err(call.unknown(format_args!("Jira, or a proxy before it, answered {status}"), after)),
        _ => Err(call.repair(format_args!("Jira answered {status}: {}", problems(response)))),
    }
}

fn content(call: Call<'_>, response: &Response) -> Result<Answer, Failure> {
    let is_empty = response.body.iter().all(u8::is_ascii_whitespace);
    if is_empty {
        return Ok(Answer::Done(Value::Null));
    }
    if let Ok(value) = serde_json::from_slice(&response.body) {
        return Ok(Answer::Done(value));
    }
    let is_html = response.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    let what = if is_html { "a web page" } else { "no JSON" };
    let reason = format!(
        "Jira answered with {what}: check that `url` is the base URL of Jira, and that no log-in page or proxy is before it"
    );
    // A page in place of an answer to a change may come from a proxy behind which Jira took it.
    match call.effect {
        Effect::Repeated => Err(call.unknown(reason, None)),
        Effect::Harmless => Err(call.repair(reason)),
    }
}

fn problems(response: &Response) -> Problems {
    serde_json::from_slice(&response.body).unwrap_or_default()
}
