//! Telling channels of findings, with a program that ends after each call in turn.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "common/clock.rs"]
mod clock;
#[path = "common/life.rs"]
mod life;
#[path = "common/unpaced.rs"]
mod unpaced;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::{Outgoing, SendMessages};
use channels::{Delivered, Failure, Notice, Retry, Summary};
use findings::finding::{ConfigVerdict, Finding, FindingKey, Moment, Mute, Observation, Observed, Source, Text, Told};
use findings::store::{FakeStore, FindingStore, record};
use jiff::SignedDuration;
use reporter::{Jobs, Notified, Notifier, Outlets};
use routing::{Channel, ChannelKind, Document};
use rstest::rstest;
use tokio::time::Instant;

use self::clock::{CLOCK, now, pass};
use self::life::{Death, Life};
use self::unpaced::Unpaced;

const KEY: &str = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis";

/// A deadline that leaves time for everything.
fn far() -> Instant {
    Instant::now() + Duration::from_mins(10)
}

fn key() -> FindingKey {
    KEY.parse().unwrap()
}

fn document() -> Document {
    r##"{
        "version": 1,
        "channels": {
            "tickets": {"kind": "jira", "flavour": "cloud", "url": "https://example.atlassian.net",
                "secret": "ssm:/portcullis/jira", "project": "SEC", "closeTransition": "Done"},
            "chat": {"kind": "slack", "token": "ssm:/portcullis/slack", "channel": "#security"}
        },
        "defaultChannels": ["tickets", "chat"]
    }"##
    .parse()
    .unwrap()
}

/// A ticket as the channel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ticket {
    is_open: bool,
    comments: usize,
}

/// What a channel does with the next deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Down,
    Throttling,
    /// Carries it out, and does not answer.
    Silent,
}

/// Store, channels, and the death of the program.
struct World {
    store: FakeStore,
    tickets: RefCell<Vec<Ticket>>,
    messages: RefCell<usize>,
    mood: Cell<Mood>,
    life: Life,
}

impl World {
    fn new() -> Self {
        CLOCK.set(0);
        Self {
            store: FakeStore::default(),
            tickets: RefCell::default(),
            messages: RefCell::default(),
            mood: Cell::new(Mood::Well),
            life: Life::default(),
        }
    }

    /// The store of the program.
    fn store(&self) -> Unpaced<'_> {
        Unpaced { store: &self.store, life: &self.life }
    }

    /// Learns that the group is open or closed, a minute later.
    async fn learn(&self, verdict: ConfigVerdict) {
        pass(SignedDuration::from_mins(1));
        let what = Observed::Compliance(verdict, Source::Change);
        record(&self.store, &key(), &Observation { at: Moment::live(now()), what }).await.unwrap();
    }

    /// One run of the function for a channel; `None` if it died.
    async fn run(&self, channel: &str) -> Option<Result<Notified, String>> {
        self.life.calls.set(0);
        let notifier = Notifier::new(self.store(), self, jobs(), now);
        let (document, key) = (document(), key());
        tokio::select! {
            biased;
            () = self.life.dead.notified() => None,
            outcome = notifier.notify(&document, &key, channel, far()) => Some(outcome.map_err(|error| error.to_string())),
        }
    }

    /// Runs until the channel was told all, as a queue does: again when the run says so, and after the visibility of the
    /// message if the run died.
    async fn settle(&self, channel: &str) {
        for _ in 0..20 {
            match self.run(channel).await {
                Some(Ok(Notified::Done)) => return,
                Some(Ok(Notified::Again(at))) => {
                    assert!(at > now(), "a time in the past would turn the queue into a loop");
                    pass(at.duration_since(now()));
                }
                Some(Err(_)) | None => pass(SignedDuration::from_mins(3)),
            }
        }
        panic!("{channel} was never told");
    }

    async fn finding(&self) -> Finding {
        self.store.get(&key()).await.unwrap().unwrap()
    }

    /// Checks that the channel knows what the finding is, and nothing twice.
    async fn is_consistent(&self, is_open: bool) {
        let tickets = self.tickets.borrow().clone();
        assert_eq!(tickets.len(), 1, "{tickets:?}");
        assert_eq!(tickets[0].is_open, is_open);
        let finding = self.finding().await;
        let delivery = finding.delivery(&"tickets".into()).unwrap().clone();
        assert_eq!(delivery.revision, finding.revision());
        assert_eq!(delivery.told, if is_open { Told::Open } else { Told::Ended });
        assert_eq!(delivery.external_id.as_ref().map(Text::as_str), Some("SEC-1"));
        assert_eq!((delivery.began, delivery.unknown_since, delivery.attempts), (None, None, 0));
    }
}

/// No message of this test is part of a burst.
struct NoBurst;

fn jobs() -> Jobs<NoBurst> {
    Jobs::new(NoBurst, String::new())
}

impl SendMessages for NoBurst {
    async fn send(&self, _: &str, _: &[Outgoing]) -> Result<(), AwsError> {
        panic!("no job is queued here")
    }
}

impl Outlets for &World {
    async fn deliver(&self, channel: &Channel, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        self.life
            .call(async {
                match self.mood.get() {
                    Mood::Down => {
                        let retry = Retry::Later(None);
                        return Err(Failure::Refused { error: "connection refused".into(), retry });
                    }
                    Mood::Throttling => {
                        let retry = Retry::Later(Some(Duration::from_secs(17)));
                        return Err(Failure::Refused { error: "HTTP status 429".into(), retry });
                    }
                    Mood::Well | Mood::Silent => {}
                }
                let is_ticket = channel.kind() == ChannelKind::Jira;
                if is_ticket {
                    self.tell_of_ticket(notice);
                } else {
                    *self.messages.borrow_mut() += 1;
                }
                if self.mood.get() == Mood::Silent {
                    return Err(Failure::Unanswered { error: "no answer".into(), wait: None });
                }
                Ok(Delivered { external_id: is_ticket.then(|| "SEC-1".into()) })
            })
            .await
    }

    async fn summarise(&self, _: &Channel, _: &Summary<'_>) -> Result<Delivered, Failure> {
        panic!("no summary is told here")
    }
}

impl World {
    /// Searches only if it is told that there may be a ticket: a notifier that forgot it would make another one.
    fn tell_of_ticket(&self, notice: &Notice<'_>) {
        let mut tickets = self.tickets.borrow_mut();
        let is_known = notice.due.external_id.is_some() || notice.due.unknown_since.is_some();
        match tickets.last_mut().filter(|_| is_known) {
            Some(ticket) => {
                ticket.is_open = notice.due.tells == Told::Open;
                ticket.comments += 1;
            }
            None if notice.due.tells == Told::Open => tickets.push(Ticket { is_open: true, comments: 0 }),
            None => {}
        }
    }
}

#[tokio::test]
async fn a_ticket_is_opened_and_closed() {
    let world = World::new();
    world.learn(ConfigVerdict::NonCompliant).await;
    world.settle("tickets").await;
    world.is_consistent(true).await;
    world.learn(ConfigVerdict::Compliant).await;
    world.settle("tickets").await;
    world.is_consistent(false).await;
    // Told once: a message that is delivered again calls nobody.
    let comments = world.tickets.borrow()[0].comments;
    world.settle("tickets").await;
    assert_eq!(world.tickets.borrow()[0].comments, comments);
}

#[rstest]
#[tokio::test]
async fn a_program_that_ends_after_any_call_makes_no_ticket_twice_and_loses_none(
    #[values(0, 1, 2, 3, 4, 5, 6)] at_call: usize,
    #[values(false, true)] after: bool,
    #[values(false, true)] of_closing: bool,
) {
    let world = World::new();
    world.learn(ConfigVerdict::NonCompliant).await;
    if !of_closing {
        world.life.death.set(Some(Death { at_call, after }));
    }
    world.settle("tickets").await;
    world.is_consistent(true).await;
    world.learn(ConfigVerdict::Compliant).await;
    if of_closing {
        world.life.death.set(Some(Death { at_call, after }));
    }
    world.settle("tickets").await;
    world.is_consistent(false).await;
}

#[rstest]
#[case::down(Mood::Down)]
#[case::throttling(Mood::Throttling)]
#[case::silent(Mood::Silent)]
#[tokio::test]
async fn a_channel_that_comes_back_is_told_once_and_another_one_at_once(#[case] mood: Mood) {
    let world = World::new();
    world.learn(ConfigVerdict::NonCompliant).await;
    world.mood.set(mood);
    for _ in 0..4 {
        let Some(Ok(Notified::Again(at))) = world.run("tickets").await else { panic!("told") };
        pass(at.duration_since(now()));
    }
    let delivery = world.finding().await.delivery(&"tickets".into()).unwrap().clone();
    assert_eq!(delivery.attempts, 4);
    assert!(delivery.last_error.is_some());
    // The other channel waits for nothing.
    world.mood.set(Mood::Well);
    world.settle("chat").await;
    assert_eq!(*world.messages.borrow(), 1);
    world.settle("tickets").await;
    world.is_consistent(true).await;
}

#[tokio::test]
async fn the_pause_is_the_one_that_the_channel_asks_for() {
    let world = World::new();
    world.learn(ConfigVerdict::NonCompliant).await;
    world.mood.set(Mood::Throttling);
    let Some(Ok(Notified::Again(at))) = world.run("tickets").await else { panic!("told") };
    assert_eq!(at.duration_since(now()), SignedDuration::from_secs(17));
    // Earlier, nobody is called.
    world.mood.set(Mood::Well);
    assert_eq!(world.run("tickets").await, Some(Ok(Notified::Again(at))));
    assert!(world.tickets.borrow().is_empty());
}

#[tokio::test]
async fn two_runs_at_once_make_one_ticket() {
    let world = World::new();
    world.learn(ConfigVerdict::NonCompliant).await;
    let document = document();
    let (first, second) =
        (Notifier::new(world.store(), &world, jobs(), now), Notifier::new(world.store(), &world, jobs(), now));
    let key = key();
    let (one, other) =
        tokio::join!(first.notify(&document, &key, "tickets", far()), second.notify(&document, &key, "tickets", far()));
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(world.tickets.borrow().len(), 1);
    world.settle("tickets").await;
    world.is_consistent(true).await;
}

#[tokio::test]
async fn a_run_that_began_elsewhere_is_waited_for() {
    let world = World::new();
    world.learn(ConfigVerdict::NonCompliant).await;
    // The other one died in the call of the channel, which took it.
    world.life.death.set(Some(Death { at_call: 3, after: true }));
    assert_eq!(world.run("tickets").await, None);
    assert_eq!(world.tickets.borrow().len(), 1);
    let Some(Ok(Notified::Again(at))) = world.run("tickets").await else { panic!("told") };
    assert!(at > now());
    world.settle("tickets").await;
    world.is_consistent(true).await;
}

#[tokio::test]
async fn a_muted_finding_is_not_sent_and_its_ticket_is_closed_all_the_same() {
    let world = World::new();
    world.learn(ConfigVerdict::NonCompliant).await;
    world.settle("tickets").await;
    let mute = Mute { reason: "CHG-7".into(), by: "jane".into(), until: None };
    let observation = Observation { at: Moment::live(now()), what: Observed::Muted(mute) };
    record(&world.store, &key(), &observation).await.unwrap();
    world.settle("chat").await;
    assert_eq!(*world.messages.borrow(), 0);
    world.learn(ConfigVerdict::Compliant).await;
    world.settle("tickets").await;
    world.is_consistent(false).await;
}

#[tokio::test]
async fn whoever_was_told_hears_of_the_end_whatever_the_document_says_by_then() {
    let world = World::new();
    world.learn(ConfigVerdict::NonCompliant).await;
    world.settle("tickets").await;
    world.learn(ConfigVerdict::Compliant).await;
    let none: Document = document_without_routes();
    let notifier = Notifier::new(world.store(), &world, jobs(), now);
    assert_eq!(notifier.notify(&none, &key(), "tickets", far()).await.unwrap(), Notified::Done);
    world.is_consistent(false).await;
}

fn document_without_routes() -> Document {
    r#"{
        "version": 1,
        "channels": {
            "tickets": {"kind": "jira", "flavour": "cloud", "url": "https://example.atlassian.net",
                "secret": "ssm:/portcullis/jira", "project": "SEC"}
        }
    }"#
    .parse()
    .unwrap()
}
