//! Puts the events of a sweep on the bus.

use aws_traits::events::{EVENTS_PER_CALL, Event, Events, RejectedEvent};
use findings::event::{COMPLIANCE, SOURCE};
use findings::security_group_arn;
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::warn;
use work_queue::{Gap, in_time};

use super::{Origin, Work};
use crate::SERVICE;

/// Groups that are announced with one call.
pub(super) const AT_ONCE: usize = EVENTS_PER_CALL;

/// The way to the bus, for one sweep.
pub(super) struct Announcer<'a, E> {
    events: &'a E,
    origin: &'a Origin,
    exceptions_read: bool,
    now: Timestamp,
    end: Instant,
    pub(super) announced: usize,
    pub(super) not_announced: usize,
    /// The last failure.
    pub(super) why: Option<String>,
    /// Whether another call would fail, too.
    closed: bool,
}

impl<'a, E: Events> Announcer<'a, E> {
    pub(super) fn new(events: &'a E, origin: &'a Origin, exceptions_read: bool, now: Timestamp, end: Instant) -> Self {
        let closed = false;
        Self { events, origin, exceptions_read, now, end, announced: 0, not_announced: 0, why: None, closed }
    }

    /// Announces at most [`AT_ONCE`] groups, and marks those that the bus took.
    pub(super) async fn announce(&mut self, work: &mut [Work]) {
        if self.closed {
            self.not_announced += work.len();
            return;
        }
        let events: Vec<Event> = work.iter().map(|one| self.event(one)).collect();
        let rejected = match in_time(self.end, self.events.put_events(&events)).await {
            Ok(rejected) => rejected,
            Err(gap) => {
                // What is denied or does not answer would only take the time of the next ones, which another sweep tries.
                self.closed = !matches!(&gap, Gap::Aws(error) if error.is_throttled());
                self.not_announced += work.len();
                self.why = Some(gap.to_string());
                return;
            }
        };
        for (index, one) in work.iter_mut().enumerate() {
            if let Some(RejectedEvent { error, .. }) = rejected.iter().find(|rejected| rejected.index == index) {
                let (id, error) = (one.group_id.as_str(), error.to_string());
                warn!(service = SERVICE, security_group.id = id, error, "event not put");
                self.not_announced += 1;
                self.why = Some(error);
            } else {
                one.known.announced(self.now);
                self.announced += 1;
            }
        }
    }

    fn event(&self, Work { group_id, known, .. }: &Work) -> Event {
        let Origin { account, region, .. } = self.origin;
        Event {
            source: SOURCE,
            detail_type: COMPLIANCE,
            resource: Some(security_group_arn(account, region, group_id)),
            detail: known.event(self.origin, group_id, self.exceptions_read, self.now).to_json(),
        }
    }
}
