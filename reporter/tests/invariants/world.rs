//! The world: store, queues, services, and the processes that call them and may end at any call.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::{Hidden, Messages, Outgoing, SendMessages};
use channels::Publication;
use findings::finding::{Finding, FindingKey, HistoryEntry, State};
use findings::store::{
    Admission, FakeStore, FindingStore, Listing, Mark, MarkName, Marks, Pace, Page, Put, StoreError, Waiting, Window,
};
use jiff::Timestamp;
use routing::Document;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::clock::Chance;
use crate::fault::{Faults, StoreFault};
use crate::queue::Queue;
use crate::services::Services;

const EVENTS: &str = "arn:aws:sqs:eu-west-1:123456789012:record";
pub(crate) const JOBS: &str = "arn:aws:sqs:eu-west-1:123456789012:notify";

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: RefCell<Rc<FakeStore>>,
    pub(crate) services: RefCell<Services>,
    /// Security Hub: findings by id.
    pub(crate) hub: RefCell<BTreeMap<String, Value>>,
    /// SNS: what was published, the oldest first.
    pub(crate) topic: RefCell<Vec<(Timestamp, Publication)>>,
    pub(crate) events: Queue,
    pub(crate) jobs: Queue,
    pub(crate) document: Rc<Document>,
    pub(crate) faults: Faults,
    /// Calls of all processes until now.
    pub(crate) calls: Cell<usize>,
    /// The states of each finding, in the order in which they were stored.
    pub(crate) states: RefCell<BTreeMap<FindingKey, Vec<State>>>,
    /// What must not happen, and happened.
    pub(crate) violations: RefCell<Vec<String>>,
    chance: Chance,
}

impl World {
    pub(crate) fn new(document: Document, seed: u64) -> Self {
        Self {
            store: RefCell::default(),
            services: RefCell::new(Services::new()),
            hub: RefCell::default(),
            topic: RefCell::default(),
            // Time-outs and receipts as in the template.
            events: Queue::new(EVENTS, Duration::from_mins(3), 20, seed ^ 1),
            jobs: Queue::new(JOBS, Duration::from_mins(6), 30, seed ^ 2),
            document: Rc::new(document),
            faults: Faults::default(),
            calls: Cell::new(0),
            states: RefCell::default(),
            violations: RefCell::default(),
            chance: Chance::new(seed),
        }
    }

    /// The findings as they are stored, without a fault.
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        let store = Rc::clone(&self.store.borrow());
        let mut findings = Vec::new();
        let keys: Vec<FindingKey> = self.states.borrow().keys().cloned().collect();
        for key in &keys {
            findings.extend(store.get(key).await.unwrap());
        }
        findings
    }

    /// Notes the state of a finding that was stored.
    fn note(&self, finding: &Finding) {
        let mut states = self.states.borrow_mut();
        let known = states.entry(finding.key().clone()).or_default();
        if known.last() != Some(&finding.state()) {
            known.push(finding.state());
        }
    }

    /// How often a finding became open: of an open one, at least once.
    pub(crate) fn openings(&self, key: &FindingKey) -> usize {
        let states = self.states.borrow();
        states.get(key).map_or(0, |states| states.iter().filter(|state| **state == State::Open).count())
    }
}

/// A process of a function, which may end.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) world: Rc<World>,
    /// It has ended.
    pub(crate) dead: Notify,
}

impl Process {
    pub(crate) fn new(world: &Rc<World>) -> Rc<Self> {
        Rc::new(Self { world: Rc::clone(world), dead: Notify::new() })
    }

    /// Counts a call, and ends the process if its time has come: before the call, or after it was carried out.
    pub(crate) async fn call<T>(&self, carry_out: impl Future<Output = T>) -> T {
        let number = self.world.calls.get();
        self.world.calls.set(number + 1);
        // Others get their turn.
        sleep(Duration::from_millis(5 + u64::try_from(self.world.chance.below(40)).unwrap())).await;
        let death = self.world.faults.deaths.borrow_mut().remove(&number);
        let Some(is_carried_out) = death else { return carry_out.await };
        if is_carried_out {
            carry_out.await;
        }
        self.dead.notify_one();
        pending().await
    }
}

/// The store, as a process has it.
#[derive(Debug)]
pub(crate) struct Table(pub(crate) Rc<Process>);

impl Table {
    /// The store, which answers the next call with the fault that is due.
    fn store(&self) -> (Rc<FakeStore>, Option<StoreFault>) {
        let world = &self.0.world;
        let fault = world.faults.store.borrow_mut().pop_front().flatten();
        let store = Rc::clone(&world.store.borrow());
        store.set_faults([fault.map(Into::into)]);
        (store, fault)
    }
}

impl FindingStore for Table {
    async fn get(&self, key: &FindingKey) -> Result<Option<Finding>, StoreError> {
        self.0.call(async { self.store().0.get(key).await }).await
    }

    async fn put(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Put, StoreError> {
        let put = async {
            let (store, fault) = self.store();
            let outcome = store.put(finding, history).await;
            if let Ok(Put::Stored(stored)) = &outcome {
                self.0.world.note(stored);
            } else if fault == Some(StoreFault::AnswerLost) {
                self.0.world.note(&store.get(finding.key()).await?.unwrap());
            }
            outcome
        };
        self.0.call(put).await
    }

    async fn list(&self, listing: &Listing, from: Option<&str>) -> Result<Page, StoreError> {
        self.0.call(async { self.store().0.list(listing, from).await }).await
    }

    async fn history(&self, key: &FindingKey) -> Result<Vec<HistoryEntry>, StoreError> {
        self.0.call(async { self.store().0.history(key).await }).await
    }
}

impl Pace for Table {
    async fn admit(&self, window: &Window, message: &str, most: u32) -> Result<Admission, StoreError> {
        self.0.call(async { self.store().0.admit(window, message, most).await }).await
    }

    async fn mark_queued(&self, window: &Window) -> Result<(), StoreError> {
        self.0.call(async { self.store().0.mark_queued(window).await }).await
    }

    async fn wait(&self, channel: &str, waiting: &Waiting) -> Result<(), StoreError> {
        self.0.call(async { self.store().0.wait(channel, waiting).await }).await
    }

    async fn waiting(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, StoreError> {
        self.0.call(async { self.store().0.waiting(channel, most).await }).await
    }

    async fn forget(&self, channel: &str, waiting: &[Waiting]) -> Result<(), StoreError> {
        self.0.call(async { self.store().0.forget(channel, waiting).await }).await
    }
}

impl Marks for Table {
    async fn read_mark(&self, name: &MarkName) -> Result<Mark, StoreError> {
        self.0.call(async { self.store().0.read_mark(name).await }).await
    }

    async fn write_mark(
        &self,
        name: &MarkName,
        read: &Mark,
        content: String,
        expires: Timestamp,
    ) -> Result<Option<Mark>, StoreError> {
        self.0.call(async { self.store().0.write_mark(name, read, content, expires).await }).await
    }
}

/// SQS, as a process has it.
#[derive(Debug)]
pub(crate) struct Sqs(pub(crate) Rc<Process>);

impl Sqs {
    async fn call(&self, operation: &'static str, arn: &str, carry_out: impl FnOnce(&Queue)) -> Result<(), AwsError> {
        let call = async {
            let world = &self.0.world;
            let fault = world.faults.queues.borrow_mut().pop_front().flatten();
            let queue = if arn == world.jobs.arn { &world.jobs } else { &world.events };
            if fault != Some(false) {
                carry_out(queue);
            }
            let error = || AwsError::new(operation, arn, Some("ServiceUnavailable"), "try again");
            fault.map_or(Ok(()), |_| Err(error()))
        };
        self.0.call(call).await
    }
}

impl SendMessages for Sqs {
    async fn send(&self, arn: &str, messages: &[Outgoing]) -> Result<(), AwsError> {
        self.call("sqs:SendMessage", arn, |queue| queue.send(arn, messages)).await
    }
}

impl Messages for Sqs {
    async fn hide(&self, arn: &str, messages: &[Hidden]) -> Result<(), AwsError> {
        self.call("sqs:ChangeMessageVisibility", arn, |queue| queue.hide(arn, messages)).await
    }
}
