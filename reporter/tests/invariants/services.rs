//! The services that channels call by HTTP, each with its faults.

use std::rc::Rc;
use std::time::Duration;

use channels::fakes::jira::Jira;
use channels::fakes::pagerduty::PagerDuty;
use channels::fakes::slack::{Slack, SlackWebhook};
use channels::fakes::teams::Teams;
use channels::fakes::webhook::Webhook;
use channels::fakes::{Call, Service, Violation};
use channels::{Http, HttpError, Request, Response};
use jiff::SignedDuration;
use routing::JiraFlavour;
use tokio::time::sleep;

use crate::clock::now;
use crate::fault::{Fault, Place};
use crate::world::{Process, World};

/// Time limit of a request.
const LIMIT: Duration = Duration::from_secs(10);
/// Where each service is, in the routing document and in secrets.
const BASES: [(Place, &str); 7] = [
    (Place::Chat, "https://slack.com"),
    (Place::Hook, "https://hooks.slack.com"),
    (Place::Teams, "https://prod.logic.azure.com"),
    (Place::Cloud, "https://example.atlassian.net"),
    (Place::Server, "https://jira.example.com"),
    (Place::Pager, "https://events.pagerduty.com"),
    (Place::Receiver, "https://receiver.example.com"),
];

/// The fakes.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) chat: Slack,
    pub(crate) hook: SlackWebhook,
    pub(crate) teams: Teams,
    pub(crate) cloud: Jira,
    pub(crate) server: Jira,
    pub(crate) pager: PagerDuty,
    pub(crate) receiver: Webhook,
}

impl Services {
    pub(crate) fn new() -> Self {
        let mut chat = Slack::default();
        chat.settings.one_message_a_second = true;
        Self {
            chat,
            hook: SlackWebhook::default(),
            teams: Teams::default(),
            cloud: Jira::new(JiraFlavour::Cloud),
            server: Jira::new(JiraFlavour::DataCenter),
            pager: PagerDuty::default(),
            receiver: Webhook::default(),
        }
    }

    fn serve(&mut self, place: Place, call: &Call) -> Response {
        let now = now();
        match place {
            Place::Chat => self.chat.serve(call, now),
            Place::Hook => self.hook.serve(call, now),
            Place::Teams => self.teams.serve(call, now),
            Place::Cloud => self.cloud.serve(call, now),
            Place::Server => self.server.serve(call, now),
            Place::Pager => self.pager.serve(call, now),
            Place::Receiver => self.receiver.serve(call, now),
            Place::Topic | Place::Hub | Place::Secrets => status(404),
        }
    }

    fn limited(&self, place: Place) -> Response {
        match place {
            Place::Chat => self.chat.limited(),
            Place::Hook => self.hook.limited(),
            Place::Teams => self.teams.limited(),
            Place::Cloud => self.cloud.limited(),
            Place::Server => self.server.limited(),
            Place::Pager => self.pager.limited(),
            _ => self.receiver.limited(),
        }
    }

    /// What no program should have sent.
    pub(crate) fn violations(&self) -> Vec<(Place, Violation)> {
        let of = |place, violations: &[Violation]| violations.iter().map(move |one| (place, one.clone())).collect();
        let all: [Vec<_>; 7] = [
            of(Place::Chat, self.chat.violations()),
            of(Place::Hook, self.hook.violations()),
            of(Place::Teams, self.teams.violations()),
            of(Place::Cloud, self.cloud.violations()),
            of(Place::Server, self.server.violations()),
            of(Place::Pager, self.pager.violations()),
            of(Place::Receiver, self.receiver.violations()),
        ];
        all.concat()
    }
}

fn status(status: u16) -> Response {
    Response { status, headers: Vec::new(), body: Vec::new() }
}

fn with_wait(mut response: Response, wait: Option<String>) -> Response {
    response.headers.extend(wait.map(|wait| ("retry-after".to_owned(), wait)));
    response
}

async fn hang() -> Result<Response, HttpError> {
    sleep(LIMIT).await;
    Err(HttpError::Unanswered("no answer within 10 seconds".to_owned()))
}

/// What becomes of a request.
async fn answer(world: &Rc<World>, request: &Request) -> Result<Response, HttpError> {
    let found = BASES.iter().find_map(|(place, base)| Some((*place, Call::of(request, base)?)));
    let Some((place, call)) = found else {
        world.violations.borrow_mut().push(format!("a request that is for no service: {request:?}"));
        return Err(HttpError::NotSent("no such host".to_owned()));
    };
    let serve = || world.services.borrow_mut().serve(place, &call);
    let limited = || world.services.borrow().limited(place);
    match world.faults.of(place) {
        None => Ok(serve()),
        Some(Fault::NoConnection) => Err(HttpError::NotSent("connection refused".to_owned())),
        Some(Fault::Throttled(wait)) => Ok(with_wait(limited(), wait.map(|wait| wait.to_string()))),
        Some(Fault::ThrottledUntil(wait)) => {
            let until = now() + SignedDuration::from_secs(wait.into());
            let date = until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            Ok(with_wait(limited(), Some(date)))
        }
        Some(Fault::Unavailable(wait)) => Ok(with_wait(status(503), Some(wait.to_string()))),
        Some(Fault::Unauthorized) => Ok(status(401)),
        Some(Fault::Error { carried_out }) => {
            if carried_out {
                serve();
            }
            Ok(status(500))
        }
        Some(Fault::Hang { carried_out }) => {
            if carried_out {
                serve();
            }
            hang().await
        }
        Some(Fault::Cut { carried_out }) => {
            if carried_out {
                serve();
            }
            Err(HttpError::Unanswered("the connection was closed".to_owned()))
        }
        Some(Fault::Late(seconds)) => {
            let world = Rc::clone(world);
            tokio::task::spawn_local(async move {
                sleep(Duration::from_secs(seconds.into())).await;
                world.services.borrow_mut().serve(place, &call);
            });
            hang().await
        }
    }
}

/// HTTP, as a process has it.
#[derive(Debug)]
pub(crate) struct Network(pub(crate) Rc<Process>);

impl Http for Network {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.0.call(answer(&self.0.world, &request)).await
    }
}
