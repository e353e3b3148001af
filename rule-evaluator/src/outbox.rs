//! Puts events on the event bus, in batches of the size that it takes.
//!
//! An evaluation depends on no event: what cannot be put is logged, and the time for all events of an invocation is limited.

use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::events::{EVENTS_PER_CALL, Event, Events};
use exposure::{Assessment, SecurityGroup};
use findings::event::{ASSESSMENT, AssessmentEvent, AssessmentOrigin, SOURCE};
use findings::security_group_arn;
use tokio::time::{Instant, timeout};
use tracing::warn;

/// Longest time for all events of an invocation. The rest is dropped, so that a slow bus does not use up the time of a
/// scheduled evaluation.
const BUDGET: Duration = Duration::from_secs(10);
/// Longest time for one call, in case the client does not limit it itself.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// An event about a group.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) group_id: String,
    event: Event,
}

impl Announcement {
    /// The event for an assessed group; `None` if it is compliant without an exemption.
    pub(crate) fn new(
        origin: AssessmentOrigin<'_>,
        group: &SecurityGroup,
        assessment: &Assessment<'_>,
    ) -> Option<Self> {
        let detail = AssessmentEvent::new(origin, group, assessment)?;
        let owner = detail.security_group.owner_id.as_ref().or(detail.account.as_ref());
        let resource = owner.map(|owner| security_group_arn(owner, &detail.region, &detail.security_group.id));
        let event = Event { source: SOURCE, detail_type: ASSESSMENT, resource, detail: detail.to_json() };
        Some(Self { group_id: group.id.clone(), event })
    }
}

/// Events of one invocation.
#[derive(Debug)]
pub(crate) struct Outbox<'a, E> {
    events: &'a E,
    waiting: Vec<Announcement>,
    spent: Duration,
    /// Why no further event is put.
    closed: Option<&'static str>,
}

impl<'a, E: Events> Outbox<'a, E> {
    pub(crate) fn new(events: &'a E) -> Self {
        Self { events, waiting: Vec::new(), spent: Duration::ZERO, closed: None }
    }

    /// Adds an event, and puts those that wait if they fill a call.
    pub(crate) async fn add(&mut self, announcement: Announcement) {
        self.waiting.push(announcement);
        if self.waiting.len() == EVENTS_PER_CALL {
            self.flush().await;
        }
    }

    /// Puts the events that wait.
    pub(crate) async fn flush(&mut self) {
        let (group_ids, events): (Vec<String>, Vec<Event>) =
            self.waiting.drain(..).map(|announcement| (announcement.group_id, announcement.event)).unzip();
        if events.is_empty() {
            return;
        }
        if let Some(why) = self.closed {
            return all_not_put(&group_ids, why);
        }
        let begun = Instant::now();
        let answer = timeout(CALL_TIMEOUT, self.events.put_events(&events)).await;
        self.spent += begun.elapsed();
        if self.spent > BUDGET {
            self.closed = Some("no time is left for events in this invocation");
        }
        let no_answer = || AwsError::new("events:PutEvents", "the event bus", None, "no answer in time");
        match answer.unwrap_or_else(|_| Err(no_answer())) {
            Ok(rejected) => {
                for rejected in rejected {
                    not_put(group_ids.get(rejected.index).map_or("", String::as_str), &rejected.error.to_string());
                }
            }
            Err(error) => {
                // What is denied or does not answer would only delay the invocation again.
                if !error.is_throttled() {
                    self.closed = Some("an earlier event of this invocation could not be put");
                }
                all_not_put(&group_ids, &error.to_string());
            }
        }
    }
}

fn all_not_put(group_ids: &[String], error: &str) {
    for id in group_ids {
        not_put(id, error);
    }
}

fn not_put(group_id: &str, error: &str) {
    warn!(service = crate::SERVICE, security_group.id = group_id, error, "event not put");
}
