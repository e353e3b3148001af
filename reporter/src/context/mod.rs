//! The duty *context*: what surrounds a group that was opened is looked up, and announced.
//!
//! Nothing waits for it but the first message of a finding, for some seconds. The interfaces and the owner are announced at once;
//! who opened the group is announced when the event history of CloudTrail has it, for which the message stays in the queue.

mod asked;
mod known;
mod opener;
mod resources;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use aws_events::sqs::{BatchResponse, SqsEvent, SqsMessage};
use aws_traits::events::{EVENTS_PER_CALL, Event, Events};
use aws_traits::sqs::Messages;
use aws_traits::state::{Partition, StateItem, StateTable};
use aws_traits::surroundings::Surroundings;
use findings::event::{CONTEXT, ContextEvent, EventUnread, SOURCE};
use findings::security_group_arn;
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use tokio::time::Instant;
use tracing::{info, warn};
use work_queue::{Back, go_back, in_time};

use self::asked::Asked;
use self::known::{Due, Known, is_in_history, is_later};
use self::opener::Opened;
use self::resources::Surrounded;
use crate::SERVICE;
use crate::account_sweep::Origin;
use crate::time::plus;

/// Kind of the items in the state table.
const KIND: &str = "context";
/// Time that is left for the answer when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(3);
/// A look that still fails this long after the judgement is given up. The next change or schedule asks again.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// The event history is asked again after this time, and later after longer ones.
const HISTORY_AFTER: Duration = Duration::from_mins(1);
const HISTORY_AT_LEAST_EVERY: Duration = Duration::from_mins(5);

/// Looks up what surrounds the groups of a rule.
#[derive(Debug)]
pub struct ContextFinder<S, E, T, Q> {
    surroundings: S,
    events: E,
    table: T,
    queue: Q,
    origin: Origin,
    owner_tag: String,
    now: fn() -> Timestamp,
}

/// A group, and what came of it.
struct Work<'m> {
    asked: Asked<'m>,
    before: Option<Known>,
    known: Option<Known>,
    due: Due,
    /// What is announced next.
    event: Option<ContextEvent>,
    /// When its messages are delivered again, if they are.
    later: Option<Duration>,
}

impl<S: Surroundings, E: Events, T: StateTable, Q: Messages> ContextFinder<S, E, T, Q> {
    /// Looks up the groups of a rule. `owner_tag` is the key of the tag that names an owner, and `now` the clock.
    pub fn new(
        (surroundings, events, table, queue): (S, E, T, Q),
        origin: Origin,
        owner_tag: String,
        now: fn() -> Timestamp,
    ) -> Self {
        Self { surroundings, events, table, queue, origin, owner_tag, now }
    }

    /// Looks up what surrounds the groups of a batch before `deadline`. The answer has the messages that stay in the queue.
    pub async fn handle(&self, event: SqsEvent, deadline: Instant) -> BatchResponse {
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let (asked, failures) = asked::read(&event.messages, &self.origin.rule);
        for (message, error) in &failures {
            let (id, error) = (message.message_id.as_str(), error_message(error));
            warn!(
                service = SERVICE,
                message.id = id,
                deliveries = message.deliveries(),
                error,
                "assessment not understood"
            );
        }
        let mut back: Vec<Back<'_>> = failures.iter().map(|(message, _)| Back::later(message)).collect();
        let mut work = Vec::new();
        for asked in asked {
            work.push(self.begin(asked, end).await);
        }
        self.find_interfaces(&mut work, end).await;
        self.announce(&mut work, end).await;
        self.find_openers(&mut work, end).await;
        self.announce(&mut work, end).await;
        for one in &work {
            self.remember(one, end).await;
            back.extend(one.asked.messages.iter().filter_map(|message| Some(Back { message, hide_for: one.later? })));
        }
        go_back(SERVICE, &self.queue, &back, deadline).await
    }

    async fn begin<'m>(&self, asked: Asked<'m>, end: Instant) -> Work<'m> {
        let known = in_time(end, self.table.items::<Known>(&self.partition(&asked), None)).await;
        // Without it, the group would be new each time; which costs a few calls, and announces what is known already.
        let before = known.unwrap_or_else(|gap| {
            self.warn(&asked, "what was looked up before was not read", &gap);
            (Vec::new(), None)
        });
        let before = before.0.into_iter().map(|item| item.value).next();
        let due = Due::of(before.as_ref(), &asked, (self.now)());
        Work { asked, before, known: before, due, event: None, later: None }
    }

    async fn find_interfaces(&self, work: &mut [Work<'_>], end: Instant) {
        let asked: Vec<&Asked<'_>> = work.iter().filter(|one| one.due.interfaces).map(|one| &one.asked).collect();
        if asked.is_empty() {
            return;
        }
        let place = (self.origin.account.as_str(), self.origin.region.as_str());
        let found = Surrounded::look_up(&self.surroundings, &asked, place, end).await;
        let now = (self.now)();
        for one in work.iter_mut().filter(|one| one.due.interfaces) {
            if found.passes && !is_over(&one.asked, now) {
                one.later = Some(delay(&one.asked));
            } else {
                one.known = Some(Known::looked_up(one.before.as_ref(), &one.asked, now));
            }
            let interfaces = found.interfaces(&one.asked, &self.owner_tag);
            let owner = found.owner(&one.asked, interfaces.as_ref(), &self.owner_tag);
            let unread = found.unread.clone();
            one.event = Some(ContextEvent { interfaces, owner, unread, ..self.event(&one.asked, now) });
        }
    }

    /// One group after the other: CloudTrail answers two requests a second, and this is nobody's hurry.
    async fn find_openers(&self, work: &mut [Work<'_>], end: Instant) {
        for one in work.iter_mut().filter(|one| one.due.opener) {
            let changes = in_time(end, self.surroundings.rule_changes(&one.asked.group_id)).await;
            let now = (self.now)();
            let (opened, unread, is_final) = match changes {
                Ok(changes) => {
                    let mut opened = Opened::new(&one.asked, &changes);
                    let is_new = opened.by.as_ref().is_some_and(|by| is_later(one.before.as_ref(), by.at));
                    let is_final = (opened.is_complete && is_new) || is_in_history(&one.asked, now);
                    // It may be somebody who opened the group before.
                    opened.by = opened.by.filter(|_| is_new || is_final);
                    (opened, Vec::new(), is_final)
                }
                Err(gap) => {
                    self.warn(&one.asked, "the event history of CloudTrail was not read", &gap);
                    let unread = vec![EventUnread::new("cloudtrail:LookupEvents", &gap.to_string())];
                    (Opened::default(), unread, !gap.passes() || is_over(&one.asked, now))
                }
            };
            if is_final {
                one.known = one.known.map(|known| known.with_opener(&one.asked));
            } else {
                one.later = Some(one.later.unwrap_or_else(|| until_history(&one.asked)));
            }
            // An error is announced once, when nothing better is to be expected.
            if opened.by.is_some() || (is_final && !unread.is_empty()) {
                one.event = Some(ContextEvent { opener: opened.by, unread, ..self.event(&one.asked, now) });
            }
        }
    }

    fn event(&self, asked: &Asked<'_>, now: Timestamp) -> ContextEvent {
        let Origin { account, region, rule } = &self.origin;
        ContextEvent::new((account, region, rule), &asked.group_id, now)
    }

    /// Puts the events. A group whose event was not taken is looked up again.
    async fn announce(&self, work: &mut [Work<'_>], end: Instant) {
        let Origin { account, region, .. } = &self.origin;
        let mut announced: Vec<(&mut Work<'_>, Event)> = Vec::new();
        for one in work {
            if let Some(event) = one.event.take() {
                let resource = Some(security_group_arn(account, region, &one.asked.group_id));
                let detail = event.fitted().to_json();
                announced.push((one, Event { source: SOURCE, detail_type: CONTEXT, resource, detail }));
            }
        }
        for chunk in announced.chunks_mut(EVENTS_PER_CALL) {
            let events: Vec<Event> = chunk.iter().map(|(_, event)| event.clone()).collect();
            let failed: BTreeMap<usize, String> = match in_time(end, self.events.put_events(&events)).await {
                Ok(rejected) => rejected.into_iter().map(|one| (one.index, one.error.to_string())).collect(),
                Err(gap) => (0..events.len()).map(|index| (index, gap.to_string())).collect(),
            };
            for (index, (one, _)) in chunk.iter_mut().enumerate() {
                match failed.get(&index) {
                    None => info!(service = SERVICE, security_group.id = one.asked.group_id, "context announced"),
                    Some(error) => {
                        self.warn(&one.asked, "event not put", error);
                        one.known = one.before;
                        one.later = Some(delay(&one.asked));
                    }
                }
            }
        }
    }

    async fn remember(&self, one: &Work<'_>, end: Instant) {
        let Some(known) = one.known.filter(|known| Some(*known) != one.before) else { return };
        let item = StateItem { id: one.asked.group_id.clone(), value: known };
        let expires = Known::expires((self.now)());
        if let Err(gap) = in_time(end, self.table.put_item(&self.partition(&one.asked), &item, expires)).await {
            self.warn(&one.asked, "what was looked up was not written down", &gap);
        }
    }

    /// A group has a partition of its own, because a batch asks for a few of many.
    fn partition(&self, asked: &Asked<'_>) -> Partition {
        Partition { kind: KIND, of: format!("{}/{}", self.origin.rule, asked.group_id) }
    }

    fn warn(&self, asked: &Asked<'_>, what: &str, why: &impl Display) {
        let (id, rule, error) = (asked.group_id.as_str(), self.origin.rule.as_str(), why.to_string());
        warn!(
            service = SERVICE,
            security_group.id = id,
            config_rule.name = rule,
            step = what,
            error,
            "context incomplete"
        );
    }
}

/// Deliveries of the message that came most often.
fn deliveries(asked: &Asked<'_>) -> u32 {
    asked.messages.iter().map(|message: &&SqsMessage| message.deliveries()).max().unwrap_or(1)
}

fn delay(asked: &Asked<'_>) -> Duration {
    work_queue::delay(deliveries(asked))
}

fn until_history(asked: &Asked<'_>) -> Duration {
    HISTORY_AFTER.saturating_mul(deliveries(asked)).min(HISTORY_AT_LEAST_EVERY)
}

fn is_over(asked: &Asked<'_>, now: Timestamp) -> bool {
    plus(asked.ordering, GIVE_UP_AFTER) <= now
}
