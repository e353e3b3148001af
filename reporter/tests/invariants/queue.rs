//! A queue of SQS with its mapping to a function: at least once, in any order, with a visibility time-out and a dead-letter
//! queue.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use aws_events::sqs::{BatchResponse, MessageAttributes, SqsEvent, SqsMessage};
use aws_traits::sqs::{Hidden, MESSAGES_PER_CALL, Outgoing};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::clock::Chance;

/// Messages of a batch, as the mapping of the template has it.
const BATCH: usize = 10;
/// One of so many messages is received twice at once, and one of so many deletions is forgotten.
const TWICE: usize = 20;

#[derive(Debug, Clone)]
struct Message {
    id: usize,
    body: String,
    visible_at: Instant,
    receives: u32,
    receipt: Option<String>,
    received_at: Instant,
}

/// A queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) arn: &'static str,
    visibility: Duration,
    max_receives: u32,
    messages: RefCell<Vec<Message>>,
    /// Bodies of the messages that were received too often.
    pub(crate) dead: RefCell<Vec<String>>,
    /// Calls that SQS would refuse.
    pub(crate) violations: RefCell<Vec<String>>,
    numbers: Cell<usize>,
    wake: Notify,
    chance: Chance,
}

impl Queue {
    pub(crate) fn new(arn: &'static str, visibility: Duration, max_receives: u32, seed: u64) -> Self {
        Self {
            arn,
            visibility,
            max_receives,
            messages: RefCell::default(),
            dead: RefCell::default(),
            violations: RefCell::default(),
            numbers: Cell::new(0),
            wake: Notify::new(),
            chance: Chance::new(seed),
        }
    }

    fn number(&self) -> usize {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// Whether it has no message, visible or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.borrow().is_empty()
    }

    pub(crate) fn add(&self, body: String, delay: Duration) {
        let now = Instant::now();
        let (id, visible_at) = (self.number(), now + delay);
        self.messages.borrow_mut().push(Message { id, body, visible_at, receives: 0, receipt: None, received_at: now });
        self.wake.notify_waiters();
    }

    /// `SendMessageBatch`.
    pub(crate) fn send(&self, arn: &str, messages: &[Outgoing]) {
        self.check(arn, messages.len());
        for message in messages {
            if message.delay > Duration::from_mins(15) {
                self.violations.borrow_mut().push(format!("a delay of {:?}", message.delay));
            }
            self.add(message.body.clone(), message.delay);
        }
    }

    /// `ChangeMessageVisibilityBatch`.
    pub(crate) fn hide(&self, arn: &str, hidden: &[Hidden]) {
        self.check(arn, hidden.len());
        let now = Instant::now();
        for hidden in hidden {
            let mut messages = self.messages.borrow_mut();
            let mut known = messages.iter_mut().filter(|message| message.receipt.as_ref() == Some(&hidden.receipt));
            // One that another function has received meanwhile has another receipt.
            let Some(message) = known.next() else { continue };
            message.visible_at = now + hidden.hide_for;
            if message.visible_at > message.received_at + Duration::from_hours(12) {
                self.violations.borrow_mut().push(format!("hidden for {:?}", hidden.hide_for));
            }
        }
        self.wake.notify_waiters();
    }

    fn check(&self, arn: &str, messages: usize) {
        if arn != self.arn || !(1..=MESSAGES_PER_CALL).contains(&messages) {
            self.violations.borrow_mut().push(format!("{messages} messages for {arn}"));
        }
    }

    /// A batch for a function, once there is one.
    pub(crate) async fn receive(&self) -> SqsEvent {
        loop {
            let messages = self.receive_visible();
            if !messages.is_empty() {
                return SqsEvent { messages };
            }
            let woken = self.wake.notified();
            let next = self.messages.borrow().iter().map(|message| message.visible_at).min();
            match next {
                Some(next) => drop(timeout_at(next, woken).await),
                None => woken.await,
            }
        }
    }

    fn receive_visible(&self) -> Vec<SqsMessage> {
        let now = Instant::now();
        let mut batch: Vec<SqsMessage> = Vec::new();
        let size = 1 + self.chance.below(BATCH);
        while batch.len() < size {
            let mut messages = self.messages.borrow_mut();
            let is_new = |message: &Message| batch.iter().all(|known| known.message_id != format!("m{}", message.id));
            let visible = messages.iter().enumerate().filter(|(_, one)| one.visible_at <= now && is_new(one));
            let visible: Vec<usize> = visible.map(|(at, _)| at).collect();
            if visible.is_empty() {
                break;
            }
            let at = visible[self.chance.below(visible.len())];
            if messages[at].receives >= self.max_receives {
                self.dead.borrow_mut().push(messages.remove(at).body);
                continue;
            }
            let receipt = format!("r{}", self.number());
            let again = self.chance.one_in(TWICE).then(|| messages[at].clone());
            let message = &mut messages[at];
            message.receives += 1;
            message.receipt = Some(receipt.clone());
            (message.received_at, message.visible_at) = (now, now + self.visibility);
            let receives = message.receives.to_string();
            batch.push(SqsMessage {
                message_id: format!("m{}", message.id),
                receipt_handle: receipt,
                body: message.body.clone(),
                attributes: MessageAttributes { approximate_receive_count: Some(receives) },
                queue_arn: self.arn.to_owned(),
            });
            messages.extend(again);
        }
        batch
    }

    /// The function has answered: the mapping deletes what has not failed.
    pub(crate) fn answer(&self, batch: &SqsEvent, response: &BatchResponse) {
        for message in &batch.messages {
            let mut failures = response.batch_item_failures.iter();
            let has_failed = failures.any(|failure| failure.item_identifier == message.message_id);
            if has_failed || self.chance.one_in(TWICE) {
                continue;
            }
            self.messages.borrow_mut().retain(|known| known.receipt.as_ref() != Some(&message.receipt_handle));
        }
        self.wake.notify_waiters();
    }
}
