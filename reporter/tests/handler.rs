//! The queue of notifications: a model of SQS, with a sweep each hour, channels that fail, and a function that ends anywhere.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "common/clock.rs"]
mod clock;
#[path = "common/life.rs"]
mod life;
#[path = "common/unpaced.rs"]
mod unpaced;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_events::sqs::SqsEvent;
use aws_traits::AwsError;
use aws_traits::sqs::{Hidden, Messages, Outgoing, SendMessages};
use channels::{Delivered, Failure, Notice, Retry, Summary};
use findings::finding::{ConfigVerdict, FindingKey, Moment, Observation, Observed, Source, State, Told};
use findings::store::{FakeStore, Fault, FindingStore, record};
use jiff::SignedDuration;
use reporter::{DocumentUnavailable, Documents, Job, Jobs, Notifier, NotifyHandler, Outlets, pending_jobs};
use routing::{Channel, ChannelKind, Document};
use rstest::rstest;
use serde_json::json;
use tokio::time::Instant;

use self::clock::{CLOCK, now, pass};
use self::life::{Death, Life};
use self::unpaced::Unpaced;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:notify";
/// For how long SQS hides a message that was received.
const VISIBILITY: i64 = 6 * 60;
/// Receipts after which SQS moves a message to the dead-letter queue.
const RECEIPTS: u32 = 20;

fn key(number: usize) -> FindingKey {
    format!("123456789012/eu-west-1/sg-{number:017x}/portcullis").parse().unwrap()
}

fn body(number: usize, channel: &str) -> String {
    Job::Finding { finding: key(number), channel: channel.to_owned() }.body()
}

fn document() -> Rc<Document> {
    let document = r##"{
        "version": 1,
        "channels": {
            "tickets": {"kind": "jira", "flavour": "cloud", "url": "https://example.atlassian.net",
                "secret": "ssm:/portcullis/jira", "project": "SEC", "closeTransition": "Done"},
            "chat": {"kind": "slack", "token": "ssm:/portcullis/slack", "channel": "#security"}
        },
        "defaultChannels": ["tickets", "chat"],
        "burst": {"findings": 10000, "minutes": 1}
    }"##;
    Rc::new(document.parse().unwrap())
}

/// What a channel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Down,
    Throttling,
    /// Carries it out, and does not answer.
    Silent,
    /// Does not accept the credentials.
    Locked,
    /// Takes one delivery in a second.
    OneInASecond,
}

/// What a channel has of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    is_open: bool,
    revision: u64,
    tickets: usize,
}

#[derive(Debug)]
struct Queued {
    body: String,
    visible_at: i64,
    receipts: u32,
}

/// The function, in this world.
type Handler<'w> = NotifyHandler<Unpaced<'w>, &'w World, &'w World, &'w World>;

/// Store, channels, and the queue between them.
struct World {
    store: FakeStore,
    known: RefCell<BTreeMap<(String, FindingKey), Known>>,
    moods: RefCell<BTreeMap<&'static str, Mood>>,
    /// Calls of channels, by kind.
    calls_of: RefCell<BTreeMap<String, usize>>,
    queue: RefCell<Vec<Queued>>,
    dead: RefCell<Vec<String>>,
    hidden: RefCell<BTreeMap<String, Duration>>,
    at_once: Cell<(usize, usize)>,
    last_taken: Cell<i64>,
    life: Life,
    document: RefCell<Result<Option<Rc<Document>>, DocumentUnavailable>>,
}

impl World {
    fn new() -> Self {
        CLOCK.set(0);
        Self {
            store: FakeStore::default(),
            known: RefCell::default(),
            moods: RefCell::default(),
            calls_of: RefCell::default(),
            queue: RefCell::default(),
            dead: RefCell::default(),
            hidden: RefCell::default(),
            at_once: Cell::default(),
            last_taken: Cell::default(),
            life: Life::default(),
            document: RefCell::new(Ok(Some(document()))),
        }
    }

    /// The store of the function.
    fn store(&self) -> Unpaced<'_> {
        Unpaced { store: &self.store, life: &self.life }
    }

    fn set(&self, channel: &'static str, mood: Mood) {
        self.moods.borrow_mut().insert(channel, mood);
    }

    fn calls_of(&self, channel: &str) -> usize {
        self.calls_of.borrow().get(channel).copied().unwrap_or_default()
    }

    async fn learn(&self, number: usize, verdict: ConfigVerdict) {
        pass(SignedDuration::from_secs(1));
        let what = Observed::Compliance(verdict, Source::Change);
        record(&self.store, &key(number), &Observation { at: Moment::live(now()), what }).await.unwrap();
    }

    fn send(&self, body: String) {
        self.queue.borrow_mut().push(Queued { body, visible_at: CLOCK.get(), receipts: 0 });
    }

    /// What the recorder would send.
    async fn announce(&self, number: usize) {
        let finding = self.store.get(&key(number)).await.unwrap().unwrap();
        for pending in pending_jobs(&document(), &finding, now()) {
            self.send(pending.job.body());
        }
    }

    /// A sweep: what is pending and due within half an hour.
    async fn sweep(&self, findings: usize) {
        for number in 0..findings {
            let Some(finding) = self.store.get(&key(number)).await.unwrap() else { continue };
            for pending in pending_jobs(&document(), &finding, now()) {
                if pending.next_attempt <= now() + SignedDuration::from_mins(30) && !pending.is_leased {
                    self.send(pending.job.body());
                }
            }
        }
    }

    /// A handler, whose process lives on until it dies.
    fn handler(&self) -> Handler<'_> {
        let jobs = Jobs::new(self, QUEUE.to_owned());
        NotifyHandler::new(Notifier::new(self.store(), self, jobs, now), self, self, now)
    }

    /// SQS delivers up to ten visible messages. Returns false if there are none, or if the function died.
    async fn deliver(&self, handler: &Handler<'_>, deadline: Duration) -> Delivery {
        let mut batch: Vec<(usize, Queued)> = Vec::new();
        {
            let mut queue = self.queue.borrow_mut();
            let mut rest = Vec::new();
            for mut queued in queue.drain(..) {
                if queued.visible_at > CLOCK.get() || batch.len() == 10 {
                    rest.push(queued);
                    continue;
                }
                queued.receipts += 1;
                if queued.receipts > RECEIPTS {
                    self.dead.borrow_mut().push(queued.body);
                } else {
                    batch.push((batch.len(), queued));
                }
            }
            *queue = rest;
        }
        if batch.is_empty() {
            return Delivery::Nothing;
        }
        let message = |(index, queued): &(usize, Queued)| {
            json!({
                "messageId": format!("m{index}"), "receiptHandle": format!("m{index}"), "body": queued.body,
                "attributes": {"ApproximateReceiveCount": queued.receipts.to_string()}, "eventSourceARN": QUEUE,
            })
        };
        let records: Vec<_> = batch.iter().map(message).collect();
        let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
        self.hidden.borrow_mut().clear();
        self.life.calls.set(0);
        let answer = tokio::select! {
            biased;
            () = self.life.dead.notified() => None,
            answer = handler.handle(event, Instant::now() + deadline) => Some(answer),
        };
        let has_died = answer.is_none();
        for (index, queued) in batch {
            let id = format!("m{index}");
            let stays = answer
                .as_ref()
                .is_none_or(|answer| answer.batch_item_failures.iter().any(|item| item.item_identifier == id));
            if stays {
                let hide_for =
                    self.hidden.borrow().get(&id).map_or(VISIBILITY, |hidden| i64::try_from(hidden.as_secs()).unwrap());
                assert!(hide_for > 0, "a message that is visible at once turns the queue into a loop");
                self.queue.borrow_mut().push(Queued { visible_at: CLOCK.get() + hide_for, ..queued });
            }
        }
        if has_died { Delivery::Died } else { Delivery::Done }
    }

    /// Checks that the channels know what each finding is, and have no ticket twice.
    async fn is_told(&self, findings: usize) {
        for number in 0..findings {
            let Some(finding) = self.store.get(&key(number)).await.unwrap() else { continue };
            let is_open = finding.state() == State::Open;
            if finding.state() == State::NeverOpen {
                continue;
            }
            for channel in ["tickets", "chat"] {
                let known = self.known.borrow().get(&(channel.to_owned(), key(number))).cloned();
                // A ticket is not begun for what is over.
                let Some(known) = known else {
                    assert!(channel == "tickets" && !is_open, "{channel} was never told of {number}");
                    continue;
                };
                assert_eq!((known.is_open, known.tickets <= 1), (is_open, true), "{channel} of {number}: {known:?}");
            }
            assert_eq!(pending_jobs(&document(), &finding, now()), [], "of {number}");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Nothing,
    Done,
    Died,
}

impl Messages for &World {
    async fn hide(&self, queue_arn: &str, messages: &[Hidden]) -> Result<(), AwsError> {
        assert_eq!(queue_arn, QUEUE);
        let mut hidden = self.hidden.borrow_mut();
        hidden.extend(messages.iter().map(|message| (message.receipt.clone(), message.hide_for)));
        Ok(())
    }
}

/// No message of these tests is part of a burst.
impl SendMessages for &World {
    async fn send(&self, _: &str, _: &[Outgoing]) -> Result<(), AwsError> {
        panic!("no job is queued here")
    }
}

impl Documents for &World {
    async fn document(&self) -> Result<Option<Rc<Document>>, DocumentUnavailable> {
        self.document.borrow().clone()
    }
}

impl Outlets for &World {
    async fn deliver(&self, channel: &Channel, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        let name = if channel.kind() == ChannelKind::Jira { "tickets" } else { "chat" };
        *self.calls_of.borrow_mut().entry(name.to_owned()).or_default() += 1;
        let (running, most) = self.at_once.get();
        self.at_once.set((running + 1, most.max(running + 1)));
        let outcome = self
            .life
            .call(async {
                let refused = |error: &str, retry| Err(Failure::Refused { error: error.to_owned(), retry });
                let mood = self.moods.borrow().get(name).copied().unwrap_or(Mood::Well);
                match mood {
                    Mood::Down => return refused("connection refused", Retry::Later(None)),
                    Mood::Throttling => return refused("429", Retry::Later(Some(Duration::from_secs(40)))),
                    Mood::Locked => return refused("401", Retry::AfterNewCredentials),
                    Mood::OneInASecond if self.last_taken.replace(CLOCK.get()) == CLOCK.get() => {
                        return refused("429", Retry::Later(Some(Duration::from_secs(1))));
                    }
                    Mood::Well | Mood::Silent | Mood::OneInASecond => {}
                }
                self.take(name, notice);
                if mood == Mood::Silent {
                    return Err(Failure::Unanswered { error: "no answer".to_owned(), wait: None });
                }
                Ok(Delivered { external_id: (name == "tickets").then(|| "SEC-1".into()) })
            })
            .await;
        let (running, most) = self.at_once.get();
        self.at_once.set((running - 1, most));
        outcome
    }

    async fn summarise(&self, _: &Channel, _: &Summary<'_>) -> Result<Delivered, Failure> {
        panic!("no summary is told here")
    }
}

impl World {
    fn take(&self, channel: &str, notice: &Notice<'_>) {
        let mut known = self.known.borrow_mut();
        let place = (channel.to_owned(), notice.finding.key().clone());
        let searches = notice.due.external_id.is_some() || notice.due.unknown_since.is_some();
        let before = known.get(&place).cloned();
        let is_open = notice.due.tells == Told::Open;
        if channel == "tickets" && before.is_none() && !is_open {
            return;
        }
        let tickets = match &before {
            Some(before) if searches => before.tickets,
            Some(before) => before.tickets + usize::from(channel == "tickets"),
            None => 1,
        };
        let revision = notice.due.revision;
        assert!(before.is_none_or(|before| before.revision <= revision), "an older state was told after a newer one");
        known.insert(place, Known { is_open, revision, tickets });
    }
}

const LONG: Duration = Duration::from_mins(10);

#[tokio::test]
async fn a_batch_is_told_with_eight_findings_at_once_and_one_finding_in_order() {
    let world = World::new();
    for number in 0..9 {
        world.learn(number, ConfigVerdict::NonCompliant).await;
        world.send(body(number, "chat"));
    }
    // The same job, once more.
    world.send(body(0, "chat"));
    assert_eq!(world.deliver(&world.handler(), LONG).await, Delivery::Done);
    assert!(world.queue.borrow().is_empty());
    assert_eq!(world.calls_of("chat"), 9);
    assert_eq!(world.at_once.get().1, 8);
}

#[tokio::test]
async fn jobs_that_have_nothing_to_tell_are_done() {
    let world = World::new();
    world.learn(1, ConfigVerdict::NonCompliant).await;
    world.send(body(7, "chat"));
    world.send(body(1, "removed"));
    assert_eq!(world.deliver(&world.handler(), LONG).await, Delivery::Done);
    assert!(world.queue.borrow().is_empty());
    assert!(world.known.borrow().is_empty());
}

#[tokio::test]
async fn a_message_that_is_not_understood_goes_to_the_dead_letter_queue_and_holds_up_no_other() {
    let world = World::new();
    world.learn(1, ConfigVerdict::NonCompliant).await;
    for poison in ["{", r#"{"kind": "holiday"}"#] {
        world.send(poison.to_owned());
    }
    world.send(body(1, "chat"));
    let handler = world.handler();
    for _ in 0..=RECEIPTS {
        world.deliver(&handler, LONG).await;
        pass(SignedDuration::from_secs(600));
    }
    assert_eq!(world.calls_of("chat"), 1);
    assert!(world.queue.borrow().is_empty());
    assert_eq!(world.dead.borrow().len(), 2);
}

#[rstest]
#[case::down(Mood::Down)]
#[case::throttling(Mood::Throttling)]
#[case::silent(Mood::Silent)]
#[case::locked(Mood::Locked)]
#[tokio::test]
async fn a_channel_that_fails_is_left_alone_and_costs_the_other_nothing(#[case] mood: Mood) {
    let world = World::new();
    world.set("tickets", mood);
    for number in 0..40 {
        world.learn(number, ConfigVerdict::NonCompliant).await;
        world.announce(number).await;
    }
    let handler = world.handler();
    while world.deliver(&handler, LONG).await == Delivery::Done {}
    assert_eq!(world.calls_of("chat"), 40);
    // Those that were under way already.
    assert!(world.calls_of("tickets") <= 8, "{}", world.calls_of("tickets"));
    // None of the messages is visible at once, or lost.
    let queue = world.queue.borrow();
    assert!(queue.iter().all(|queued| queued.visible_at > CLOCK.get()));
    assert!(queue.len() + 8 >= 40, "{}", queue.len());
}

#[tokio::test]
async fn what_is_to_be_tried_again_is_hidden_until_then() {
    let world = World::new();
    world.set("chat", Mood::Throttling);
    world.learn(1, ConfigVerdict::NonCompliant).await;
    world.send(body(1, "chat"));
    let handler = world.handler();
    world.deliver(&handler, LONG).await;
    assert_eq!(world.queue.borrow()[0].visible_at, CLOCK.get() + 40);
    world.set("chat", Mood::Well);
    pass(SignedDuration::from_secs(40));
    world.deliver(&handler, LONG).await;
    assert!(world.queue.borrow().is_empty());
    world.store.get(&key(1)).await.unwrap().unwrap().delivery(&"chat".into()).unwrap();
    assert_eq!(world.calls_of("chat"), 2);
}

/// Slack takes a message in a second, and says so.
#[tokio::test]
async fn many_jobs_for_a_slow_channel_are_told_without_the_sweep() {
    let world = World::new();
    for number in 0..120 {
        world.learn(number, ConfigVerdict::NonCompliant).await;
        world.send(body(number, "chat"));
    }
    world.set("chat", Mood::OneInASecond);
    let handler = world.handler();
    while !world.queue.borrow().is_empty() {
        world.deliver(&handler, LONG).await;
        pass(SignedDuration::from_secs(1));
    }
    assert_eq!(world.known.borrow().len(), 120);
}

#[tokio::test]
async fn what_is_tried_again_in_an_hour_is_left_to_the_sweep() {
    let world = World::new();
    world.set("chat", Mood::Locked);
    world.learn(1, ConfigVerdict::NonCompliant).await;
    world.send(body(1, "chat"));
    let handler = world.handler();
    world.deliver(&handler, LONG).await;
    assert!(world.queue.borrow().is_empty());
    let finding = world.store.get(&key(1)).await.unwrap().unwrap();
    let left = pending_jobs(&document(), &finding, now());
    assert!(left.iter().any(|pending| pending.job.body() == body(1, "chat") && pending.next_attempt > now()));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_does_not_begin_if_the_channel_could_outlast_the_function() {
    let world = World::new();
    world.learn(1, ConfigVerdict::NonCompliant).await;
    world.send(body(1, "chat"));
    let handler = world.handler();
    world.deliver(&handler, Duration::from_secs(46)).await;
    assert_eq!(world.calls_of("chat"), 0);
    let finding = world.store.get(&key(1)).await.unwrap().unwrap();
    assert!(finding.delivery(&"chat".into()).is_none(), "nothing was begun");
    assert_eq!(world.queue.borrow()[0].visible_at, CLOCK.get() + 5);
    pass(SignedDuration::from_secs(5));
    world.deliver(&handler, Duration::from_secs(48)).await;
    assert_eq!(world.calls_of("chat"), 1);
}

#[rstest]
#[case::unreadable(Err(DocumentUnavailable::new("ssm:/routing", "ssm:GetParameter failed")), 1)]
#[case::nowhere(Ok(None), 0)]
#[tokio::test]
async fn without_a_document_nobody_is_told(
    #[case] document: Result<Option<Rc<Document>>, DocumentUnavailable>,
    #[case] left: usize,
) {
    let world = World::new();
    *world.document.borrow_mut() = document;
    world.learn(1, ConfigVerdict::NonCompliant).await;
    world.send(body(1, "chat"));
    world.deliver(&world.handler(), LONG).await;
    assert_eq!((world.queue.borrow().len(), world.calls_of("chat")), (left, 0));
}

#[tokio::test]
async fn a_store_that_throttles_leaves_the_message_in_the_queue() {
    let world = World::new();
    world.learn(1, ConfigVerdict::NonCompliant).await;
    world.send(body(1, "chat"));
    world.store.set_faults([Some(Fault::Throttled)]);
    let handler = world.handler();
    world.deliver(&handler, LONG).await;
    assert_eq!(world.queue.borrow()[0].visible_at, CLOCK.get() + 2);
    pass(SignedDuration::from_secs(2));
    world.deliver(&handler, LONG).await;
    assert_eq!((world.queue.borrow().len(), world.calls_of("chat")), (0, 1));
}

/// Numbers that look random and are the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const FINDINGS: usize = 4;

/// A day on which groups are opened and closed, channels fail for hours, the function ends in the middle, stores throttle
/// and the recorder's messages get lost; then three hours in which all is well.
#[tokio::test]
async fn whatever_happens_every_channel_is_told_in_the_end_and_no_message_wears_out() {
    for seed in 0..5 {
        let world = World::new();
        let mut dice = Dice(seed);
        let mut handler = world.handler();
        let moods = [Mood::Well, Mood::Down, Mood::Throttling, Mood::Silent, Mood::Locked];
        for minute in 0..(27 * 60) {
            CLOCK.set(CLOCK.get().max(minute * 60));
            let is_over = minute >= 24 * 60;
            if is_over {
                world.moods.borrow_mut().clear();
            } else if dice.roll(120) == 0 {
                let channel = if dice.roll(2) == 0 { "tickets" } else { "chat" };
                world.set(channel, moods[usize::try_from(dice.roll(5)).unwrap()]);
            }
            if !is_over && dice.roll(40) == 0 {
                let number = usize::try_from(dice.roll(FINDINGS as u64)).unwrap();
                let verdict = if dice.roll(2) == 0 { ConfigVerdict::NonCompliant } else { ConfigVerdict::Compliant };
                world.learn(number, verdict).await;
                if dice.roll(5) > 0 {
                    world.announce(number).await;
                }
            }
            if minute % 60 == 59 {
                world.sweep(FINDINGS).await;
            }
            for _ in 0..20 {
                if !is_over && dice.roll(20) == 0 {
                    let at_call = usize::try_from(dice.roll(30)).unwrap();
                    world.life.death.set(Some(Death { at_call, after: true }));
                }
                if !is_over && dice.roll(20) == 0 {
                    world.store.set_faults([
                        None,
                        Some(Fault::AnswerLost),
                        Some(Fault::Overtaken),
                        Some(Fault::Throttled),
                    ]);
                }
                let delivered = world.deliver(&handler, LONG).await;
                world.life.death.set(None);
                world.store.set_faults([]);
                match delivered {
                    Delivery::Nothing => break,
                    Delivery::Done => {}
                    // Another process, which remembers nothing.
                    Delivery::Died => handler = world.handler(),
                }
            }
        }
        assert_eq!(*world.dead.borrow(), [] as [String; 0], "seed {seed}");
        world.is_told(FINDINGS).await;
    }
}
