//! A Jira in memory at a time of its own, whose calls fail.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use channels::fakes::{Call, Service as _, jira};
use channels::{Http, HttpError, Request, Response};
use jiff::{SignedDuration, Timestamp};
use routing::JiraFlavour;
use serde_json::{Value, json};

pub(crate) const BASE: &str = "https://jira.example.com";
/// Time until a search finds what was changed. Less than the channel waits, since its calls take time, too.
const LAG_SECONDS: i64 = 180;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// No connection.
    NotSent,
    /// No answer, and it did not arrive.
    LostBefore,
    /// It is carried out, and the answer is lost.
    LostAfter,
    /// No answer, and it is carried out a minute later.
    Late,
    /// 429.
    Limited,
    /// 502 by a proxy, and it did not arrive.
    BadGatewayBefore,
    /// 502 by a proxy, and it is carried out.
    BadGatewayAfter,
    /// The page of a proxy, with status 200, and it did not arrive.
    Page,
    /// 401 for a moment, such as while a token is replaced.
    Unauthorized,
}

pub(crate) const FAULTS: [Fault; 9] = [
    Fault::NotSent,
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::Late,
    Fault::Limited,
    Fault::BadGatewayBefore,
    Fault::BadGatewayAfter,
    Fault::Page,
    Fault::Unauthorized,
];

#[derive(Debug)]
pub(crate) struct State {
    jira: jira::Jira,
    pub(crate) now: Timestamp,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) answers: VecDeque<Response>,
    late: Vec<(Timestamp, Request)>,
    pub(crate) calls: Vec<&'static str>,
    pub(crate) bodies: Vec<Value>,
}

impl Deref for State {
    type Target = jira::Jira;

    fn deref(&self) -> &jira::Jira {
        &self.jira
    }
}

impl DerefMut for State {
    fn deref_mut(&mut self) -> &mut jira::Jira {
        &mut self.jira
    }
}

#[derive(Debug)]
pub(crate) struct Model(RefCell<State>);

impl Model {
    pub(crate) fn new(flavour: JiraFlavour, now: Timestamp) -> Self {
        let mut jira = jira::Jira::new(flavour);
        jira.settings.lag_seconds = LAG_SECONDS;
        // Pages of two, so that they are turned.
        jira.settings.page = 2;
        Self(RefCell::new(State {
            jira,
            now,
            faults: VecDeque::new(),
            answers: VecDeque::new(),
            late: Vec::new(),
            calls: Vec::new(),
            bodies: Vec::new(),
        }))
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        let mut state = self.0.borrow_mut();
        state.now = state.now.checked_add(time).unwrap();
        state.carry_out_late();
    }

    pub(crate) fn open_tickets(&self) -> usize {
        self.0.borrow().jira.open_tickets()
    }
}

fn response(status: u16, body: &Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Response { status, headers: Vec::new(), body }
}

impl State {
    /// Carries a call out, which has to be one that Jira takes.
    fn serve(&mut self, request: &Request) -> Response {
        let call = Call::of(request, BASE).unwrap_or_else(|| panic!("{} is not of this Jira", request.url.expose()));
        self.calls.push(self.jira.operation(&call));
        self.bodies.push(call.json().unwrap());
        let response = self.jira.serve(&call, self.now);
        assert_eq!(self.jira.violations(), []);
        response
    }

    fn carry_out_late(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.late.extract_if(.., |(at, _)| *at <= now).collect();
        for (at, request) in due {
            self.now = at;
            self.serve(&request);
        }
        self.now = now;
    }

    fn answer(&mut self, request: Request) -> Result<Response, HttpError> {
        let fault = self.faults.pop_front().unwrap_or(Fault::None);
        let lost = || Err(HttpError::Unanswered("no answer within 10 s".to_owned()));
        let waits = matches!(fault, Fault::LostBefore | Fault::LostAfter | Fault::Late);
        self.now = self.now.checked_add(SignedDuration::from_secs(if waits { 10 } else { 1 })).unwrap();
        self.carry_out_late();
        match fault {
            Fault::None => Ok(self.serve(&request)),
            Fault::NotSent => Err(HttpError::NotSent("connection refused".to_owned())),
            Fault::LostBefore => lost(),
            Fault::LostAfter => {
                self.serve(&request);
                lost()
            }
            Fault::Late => {
                self.late.push((self.now.checked_add(SignedDuration::from_mins(1)).unwrap(), request));
                lost()
            }
            Fault::Limited => {
                let mut limited = self.jira.limited();
                limited.headers.push(("retry-after".to_owned(), "30".to_owned()));
                Ok(limited)
            }
            Fault::BadGatewayBefore => Ok(response(502, &Value::Null)),
            Fault::BadGatewayAfter => {
                self.serve(&request);
                Ok(response(502, &Value::Null))
            }
            Fault::Page => Ok(Response { body: b"<html>sign in</html>".to_vec(), ..response(200, &Value::Null) }),
            Fault::Unauthorized => Ok(response(401, &json!({"errorMessages": ["no"]}))),
        }
    }
}

impl Http for Model {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut state = self.0.borrow_mut();
        if let Some(answer) = state.answers.pop_front() {
            return Ok(answer);
        }
        state.answer(request)
    }
}
