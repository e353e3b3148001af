//! A model of Jira: tickets, an index that lags, a workflow, screens, users, permissions, and calls that fail.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeSet, VecDeque};

use channels::{Http, HttpError, Request, Response};
use jiff::{SignedDuration, Timestamp};
use routing::JiraFlavour;
use serde_json::{Value, json};

pub(crate) const BASE: &str = "https://jira.example.com";
/// Time until a search finds what was changed. Less than the channel waits, since its calls take time, too.
pub(crate) const LAG: SignedDuration = SignedDuration::from_mins(3);

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

#[derive(Debug, Clone, Default)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) key: String,
    pub(crate) summary: String,
    pub(crate) description: Value,
    pub(crate) labels: Vec<String>,
    pub(crate) priority: Option<String>,
    pub(crate) assignee: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) resolution: Option<String>,
    pub(crate) resolved: Option<Timestamp>,
    pub(crate) comments: Vec<(Timestamp, Value)>,
    pub(crate) links: BTreeSet<String>,
    pub(crate) deleted: bool,
    /// When it became what, for the index.
    pub(crate) indexed: Vec<(Timestamp, &'static str)>,
}

impl Issue {
    pub(crate) fn is_closed(&self) -> bool {
        self.status == "Done"
    }

    /// Changes the status, as a transition does.
    pub(crate) fn set(&mut self, status: &'static str, now: Timestamp) {
        self.status = status;
        self.resolved = (status == "Done").then_some(now);
        self.indexed.push((now, status));
    }

    /// The text of a comment or of the description, without markup and structure.
    pub(crate) fn comment(&self, at: usize) -> String {
        text_of(&self.comments[at].1)
    }
}

/// The text of a tree or of wiki markup.
pub(crate) fn text_of(value: &Value) -> String {
    fn collect(value: &Value, text: &mut String) {
        match value {
            Value::Object(node) => {
                text.push_str(node.get("text").and_then(Value::as_str).unwrap_or_default());
                collect(node.get("content").unwrap_or(&Value::Null), text);
                if node.get("type").is_some_and(|kind| kind == "paragraph") {
                    text.push('\n');
                }
            }
            Value::Array(nodes) => nodes.iter().for_each(|node| collect(node, text)),
            _ => {}
        }
    }
    let mut text = value.as_str().unwrap_or_default().to_owned();
    collect(value, &mut text);
    text
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) flavour: JiraFlavour,
    pub(crate) now: Timestamp,
    pub(crate) issues: Vec<Issue>,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) answers: VecDeque<Response>,
    late: Vec<(Timestamp, Request)>,
    pub(crate) calls: Vec<String>,
    pub(crate) bodies: Vec<Value>,
    /// Fields on the screens that create and edit tickets.
    pub(crate) create_screen: Vec<&'static str>,
    pub(crate) edit_screen: Vec<&'static str>,
    pub(crate) priorities: Vec<&'static str>,
    /// Users by id, e-mail address and whether they may be assigned.
    pub(crate) users: Vec<(&'static str, &'static str, bool)>,
    pub(crate) permissions: Vec<&'static str>,
    pub(crate) link_types: Vec<&'static str>,
    /// Names of the transitions that the workflow has; each leads to where its name says.
    pub(crate) transitions: Vec<&'static str>,
    /// A field that the transition to `Done` demands, on its screen, or by a validator only.
    pub(crate) demanded: Option<&'static str>,
    pub(crate) validated: bool,
    pub(crate) closed_is_editable: bool,
}

#[derive(Debug)]
pub(crate) struct Model(RefCell<State>);

impl Model {
    pub(crate) fn new(flavour: JiraFlavour, now: Timestamp) -> Self {
        let screen = vec!["priority", "assignee", "description", "labels", "summary"];
        Self(RefCell::new(State {
            flavour,
            now,
            issues: Vec::new(),
            faults: VecDeque::new(),
            answers: VecDeque::new(),
            late: Vec::new(),
            calls: Vec::new(),
            bodies: Vec::new(),
            create_screen: screen.clone(),
            edit_screen: screen,
            priorities: vec!["Highest", "High", "Medium"],
            users: vec![
                ("5b10a2844c20165700ede21a", "ana@example.com", true),
                ("5b10a2844c20165700ede21b", "bob@example.com", true),
                ("5b10a2844c20165700ede21c", "eve@example.com", false),
            ],
            permissions: vec!["BROWSE_PROJECTS", "CREATE_ISSUES"],
            link_types: vec!["Blocks", "Relates"],
            transitions: vec!["Done", "To Do"],
            demanded: None,
            validated: false,
            closed_is_editable: true,
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
        self.0.borrow().issues.iter().filter(|issue| !issue.deleted && !issue.is_closed()).count()
    }
}

fn response(status: u16, body: &Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Response { status, headers: Vec::new(), body }
}

impl State {
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
            Fault::None => {
                let (status, body) = self.serve(&request);
                Ok(response(status, &body))
            }
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
            Fault::Limited => Ok(Response {
                headers: vec![
                    ("retry-after".to_owned(), "30".to_owned()),
                    ("ratelimit-reason".to_owned(), "jira-burst-based".to_owned()),
                ],
                ..response(429, &Value::Null)
            }),
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
