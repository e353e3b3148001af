//! A world in memory: store, queue, channels, a clock, and a program that ends at any call.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::{Outgoing, SendMessages};
use channels::{Delivered, Failure, Notice, Occasion, Retry, Summary};
use findings::finding::{
    Assessed, AssessedVerdict, ConfigVerdict, ExemptionFacts, ExposureList, Finding, FindingKey, GroupFacts,
    HistoryEntry, Moment, Mute, Observation, Observed, Source,
};
use findings::store::{
    Admission, FakeStore, FindingStore, Listing, Mark, MarkName, Marks, Pace, Page, Put, StoreError, Waiting, Window,
    record,
};
use jiff::{SignedDuration, Timestamp};
use reporter::{
    DocumentUnavailable, Documents, Job, Jobs, Notified, Notifier, NotifyError, Outlets, SweepError, Sweeper, Swept,
    pending_jobs,
};
use routing::{Channel, ChannelKind, Document};
use tokio::time::Instant;

use crate::life::Life;

pub(crate) const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:notify";
/// When a message comes back whose function died.
const VISIBILITY: SignedDuration = SignedDuration::from_mins(3);

thread_local! {
    static CLOCK: Cell<i64> = const { Cell::new(0) };
}

/// 2026-12-01T06:00:00Z at first, where a window of ten minutes begins.
pub(crate) fn now() -> Timestamp {
    time("2026-12-01T06:00:00Z").saturating_add(SignedDuration::from_secs(CLOCK.get())).unwrap()
}

pub(crate) fn pass(time: SignedDuration) {
    CLOCK.set(CLOCK.get() + time.as_secs());
}

pub(crate) fn pass_until(time: Timestamp) {
    pass(time.duration_since(now()).max(SignedDuration::ZERO));
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn key(number: usize) -> FindingKey {
    format!("123456789012/eu-west-1/sg-{number:017x}/portcullis").parse().unwrap()
}

/// A deadline that leaves time for everything.
pub(crate) fn far() -> Instant {
    Instant::now() + Duration::from_mins(10)
}

/// Three messages within ten minutes. Findings with the tag `urgent` are told at once, those with `daily` in the summary.
pub(crate) fn document() -> Document {
    r##"{
        "version": 1,
        "channels": {
            "chat": {"kind": "slack", "token": "ssm:/portcullis/slack", "channel": "#security"},
            "hook": {"kind": "webhook", "url": "https://example.com", "secret": "ssm:/portcullis/hook"},
            "tickets": {"kind": "jira", "flavour": "cloud", "url": "https://example.atlassian.net",
                "secret": "ssm:/portcullis/jira", "project": "SEC"}
        },
        "defaultChannels": ["chat"],
        "routes": [
            {"match": {"tags": {"urgent": "*"}}, "channels": ["chat"], "immediate": true},
            {"match": {"tags": {"hook": "*"}}, "channels": ["hook"]},
            {"match": {"tags": {"ticket": "*"}}, "channels": ["tickets"]},
            {"match": {"tags": {"daily": "*"}}, "channels": ["chat"], "digest": true}
        ],
        "burst": {"findings": 3, "minutes": 10},
        "digest": {"at": "08:00"}
    }"##
    .parse()
    .unwrap()
}

/// What a channel does with the next messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Down,
    /// Wants five seconds between two messages.
    Throttling,
    /// Carries it out, and does not answer.
    Silent,
}

/// A message that a channel has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) at: Timestamp,
    pub(crate) channel: &'static str,
    pub(crate) recipient: String,
    /// Whether an earlier message was updated.
    pub(crate) is_update: bool,
    /// `None` of a message about one finding.
    pub(crate) summary: Option<(String, Occasion, Option<String>)>,
    pub(crate) findings: Vec<FindingKey>,
}

pub(crate) struct World {
    pub(crate) document: Document,
    pub(crate) store: FakeStore,
    pub(crate) queue: RefCell<Vec<(Timestamp, Job)>>,
    pub(crate) messages: RefCell<Vec<Message>>,
    pub(crate) mood: Cell<Mood>,
    /// Recipients whom the chat does not know.
    pub(crate) unknown: RefCell<Vec<&'static str>>,
    pub(crate) life: Life,
    pub(crate) is_queue_down: Cell<bool>,
    /// How long the reading of a page takes.
    pub(crate) page_takes: Cell<Duration>,
    /// How long a channel takes for a message.
    pub(crate) channel_takes: Cell<Duration>,
    /// Listings that fail.
    pub(crate) is_unreadable: Cell<Option<findings::finding::State>>,
    pub(crate) has_document: Cell<bool>,
    pub(crate) document_problem: Cell<Option<&'static str>>,
}

impl World {
    pub(crate) fn new() -> Self {
        CLOCK.set(0);
        Self {
            document: document(),
            store: FakeStore::default(),
            queue: RefCell::default(),
            messages: RefCell::default(),
            mood: Cell::new(Mood::Well),
            unknown: RefCell::default(),
            life: Life::default(),
            is_queue_down: Cell::new(false),
            page_takes: Cell::new(Duration::ZERO),
            channel_takes: Cell::new(Duration::ZERO),
            is_unreadable: Cell::new(None),
            has_document: Cell::new(true),
            document_problem: Cell::new(None),
        }
    }

    pub(crate) async fn observe(&self, number: usize, what: Observed) {
        pass(SignedDuration::from_secs(1));
        record(&self.store, &key(number), &Observation { at: Moment::live(now()), what }).await.unwrap();
    }

    /// Learns that a group with these tags is open, and queues what is to be told of it.
    pub(crate) async fn open(&self, number: usize, tags: &[(&str, &str)]) {
        let verdict = AssessedVerdict::Open { exposures: ExposureList::default(), exempted: 0 };
        self.assess(number, tags, verdict).await;
        self.queue_jobs(number).await;
    }

    pub(crate) async fn exempt(&self, number: usize, tags: &[(&str, &str)], until: &str) {
        let exemption = ExemptionFacts { expires: Some(until.into()), ..ExemptionFacts::default() };
        let verdict = AssessedVerdict::Exempt { exempted: ExposureList::default(), exemption };
        self.assess(number, tags, verdict).await;
        self.queue_jobs(number).await;
    }

    async fn assess(&self, number: usize, tags: &[(&str, &str)], verdict: AssessedVerdict) {
        let group = GroupFacts::default().with_tags(tags.iter().copied());
        self.observe(
            number,
            Observed::Assessed(Box::new(Assessed { source: Source::Change, verdict, group, closes: None })),
        )
        .await;
    }

    pub(crate) async fn close(&self, number: usize) {
        self.observe(number, Observed::Compliance(ConfigVerdict::Compliant, Source::Change)).await;
        self.queue_jobs(number).await;
    }

    pub(crate) async fn mute(&self, number: usize, until: Timestamp) {
        let mute = Mute { reason: "CHG-7".into(), by: "jane".into(), until: Some(until) };
        self.observe(number, Observed::Muted(mute)).await;
    }

    /// As the recorder does.
    async fn queue_jobs(&self, number: usize) {
        let finding = self.finding(number).await;
        let jobs = pending_jobs(&self.document, &finding, now()).into_iter().map(|pending| (now(), pending.job));
        self.queue.borrow_mut().extend(jobs);
    }

    pub(crate) async fn finding(&self, number: usize) -> Finding {
        self.store.get(&key(number)).await.unwrap().unwrap()
    }

    /// One run of the function for a job; `None` if it died.
    pub(crate) async fn run(&self, job: &Job) -> Option<Result<Notified, NotifyError>> {
        let notifier = Notifier::new(self, self, Jobs::new(self, QUEUE.to_owned()), now);
        let run = async {
            match job {
                Job::Finding { finding, channel } => notifier.notify(&self.document, finding, channel, far()).await,
                Job::Burst { channel, window, .. } => notifier.burst(&self.document, channel, *window, far()).await,
                Job::Digest { channel, at, .. } => notifier.digest(&self.document, channel, *at, far()).await,
            }
        };
        tokio::select! {
            biased;
            () = self.life.dead.notified() => None,
            outcome = run => Some(outcome),
        }
    }

    /// One sweep; `None` if it died.
    pub(crate) async fn sweep(&self, deadline: Instant) -> Option<Result<Swept, SweepError>> {
        let sweeper = Sweeper::new(self, self, Jobs::new(self, QUEUE.to_owned()), now);
        tokio::select! {
            biased;
            () = self.life.dead.notified() => None,
            outcome = sweeper.sweep(deadline) => Some(outcome),
        }
    }

    /// Runs the jobs as a queue does, up to a time: again when a run says so, and later if it failed or died.
    pub(crate) async fn work_until(&self, end: Timestamp) {
        for _ in 0..5_000 {
            let next = self.queue.borrow().iter().enumerate().min_by_key(|(_, (at, _))| *at).map(|(index, _)| index);
            let Some(index) = next.filter(|index| self.queue.borrow()[*index].0 <= end) else {
                pass_until(end);
                return;
            };
            let (at, job) = self.queue.borrow_mut().remove(index);
            pass_until(at);
            match self.run(&job).await {
                Some(Ok(Notified::Done)) => {}
                Some(Ok(Notified::Again(at))) => {
                    assert!(at > now(), "a time in the past would turn the queue into a loop");
                    self.queue.borrow_mut().push((at, job));
                }
                Some(Err(_)) | None => self.queue.borrow_mut().push((now() + VISIBILITY, job)),
            }
        }
        panic!("the queue never gets empty: {:?}", self.queue.borrow());
    }

    pub(crate) async fn work_for(&self, time: SignedDuration) {
        self.work_until(now() + time).await;
    }

    pub(crate) fn singles(&self, recipient: &str) -> usize {
        let messages = self.messages.borrow();
        let singles = messages.iter().filter(|message| message.summary.is_none() && !message.is_update);
        singles.filter(|message| message.recipient == recipient).count()
    }

    /// Number of findings in each summary for a recipient.
    pub(crate) fn summaries(&self, recipient: &str) -> Vec<usize> {
        let messages = self.messages.borrow();
        let summaries = messages.iter().filter(|message| message.summary.is_some() && message.recipient == recipient);
        summaries.map(|message| message.findings.len()).collect()
    }

    /// How often a recipient was told of a finding, by messages of its own and in summaries.
    pub(crate) fn told(&self, recipient: &str, number: usize) -> usize {
        let messages = self.messages.borrow();
        messages.iter().filter(|one| one.recipient == recipient && one.findings.contains(&key(number))).count()
    }

    /// Checks that no recipient got more messages of their own within a window than the document allows.
    pub(crate) fn assert_paced(&self) {
        let length = i64::from(self.document.burst.minutes) * 60;
        let mut counts: BTreeMap<(String, i64), usize> = BTreeMap::new();
        for message in self.messages.borrow().iter() {
            if message.summary.is_none() && !message.is_update {
                *counts.entry((message.recipient.clone(), message.at.as_second() / length)).or_default() += 1;
            }
        }
        for (window, count) in counts {
            assert!(count <= self.document.burst.findings as usize, "{count} in {window:?}");
        }
    }

    /// Checks that nothing is pending of these findings.
    pub(crate) async fn assert_told(&self, numbers: impl IntoIterator<Item = usize>) {
        for number in numbers {
            let pending = pending_jobs(&self.document, &self.finding(number).await, now());
            assert!(pending.is_empty(), "{pending:?}");
        }
    }
}

impl FindingStore for &World {
    async fn get(&self, key: &FindingKey) -> Result<Option<Finding>, StoreError> {
        self.life.call(self.store.get(key)).await
    }

    async fn put(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Put, StoreError> {
        self.life.call(self.store.put(finding, history)).await
    }

    async fn list(&self, listing: &Listing, from: Option<&str>) -> Result<Page, StoreError> {
        if !self.page_takes.get().is_zero() {
            tokio::time::sleep(self.page_takes.get()).await;
        }
        if self.is_unreadable.get().is_some_and(|state| *listing == Listing::State(state)) {
            return Err(StoreError::Throttled { operation: "listing", subject: "state".into() });
        }
        self.life.call(self.store.list(listing, from)).await
    }

    async fn history(&self, key: &FindingKey) -> Result<Vec<HistoryEntry>, StoreError> {
        self.life.call(self.store.history(key)).await
    }
}

impl Documents for &World {
    async fn document(&self) -> Result<Option<Rc<Document>>, DocumentUnavailable> {
        match self.document_problem.get() {
            Some(problem) => Err(DocumentUnavailable::new("ssm:/routing", problem)),
            None => Ok(self.has_document.get().then(|| Rc::new(self.document.clone()))),
        }
    }
}

impl Pace for &World {
    async fn admit(&self, window: &Window, message: &str, most: u32) -> Result<Admission, StoreError> {
        self.life.call(self.store.admit(window, message, most)).await
    }

    async fn mark_queued(&self, window: &Window) -> Result<(), StoreError> {
        self.life.call(self.store.mark_queued(window)).await
    }

    async fn wait(&self, channel: &str, waiting: &Waiting) -> Result<(), StoreError> {
        self.life.call(self.store.wait(channel, waiting)).await
    }

    async fn waiting(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, StoreError> {
        self.life.call(self.store.waiting(channel, most)).await
    }

    async fn forget(&self, channel: &str, waiting: &[Waiting]) -> Result<(), StoreError> {
        self.life.call(self.store.forget(channel, waiting)).await
    }
}

impl Marks for &World {
    async fn read_mark(&self, name: &MarkName) -> Result<Mark, StoreError> {
        self.life.call(self.store.read_mark(name)).await
    }

    async fn write_mark(
        &self,
        name: &MarkName,
        read: &Mark,
        content: String,
        expires: Timestamp,
    ) -> Result<Option<Mark>, StoreError> {
        assert!(expires > now(), "it would be forgotten at once");
        self.life.call(self.store.write_mark(name, read, content, expires)).await
    }
}

impl SendMessages for &World {
    async fn send(&self, queue_arn: &str, messages: &[Outgoing]) -> Result<(), AwsError> {
        assert_eq!(queue_arn, QUEUE);
        assert!((1..=10).contains(&messages.len()));
        self.life
            .call(async {
                if self.is_queue_down.get() {
                    return Err(AwsError::new("sqs:SendMessage", queue_arn, Some("InternalFailure"), "down"));
                }
                for Outgoing { body, delay } in messages {
                    assert!(*delay <= Duration::from_mins(15), "{delay:?}");
                    let at = now() + SignedDuration::try_from(*delay).unwrap();
                    self.queue.borrow_mut().push((at, Job::read(body).unwrap()));
                }
                Ok(())
            })
            .await
    }
}

impl World {
    async fn take(&self, channel: &Channel, message: Message) -> Result<Delivered, Failure> {
        if !self.channel_takes.get().is_zero() {
            tokio::time::sleep(self.channel_takes.get()).await;
        }
        self.life
            .call(async {
                if self.mood.get() == Mood::Throttling {
                    let retry = Retry::Later(Some(Duration::from_secs(5)));
                    return Err(Failure::Refused { error: "HTTP status 429".into(), retry });
                }
                if self.mood.get() == Mood::Down {
                    return Err(Failure::Refused { error: "connection refused".into(), retry: Retry::Later(None) });
                }
                if self.unknown.borrow().contains(&message.recipient.as_str()) {
                    let error = "Slack answered channel_not_found".into();
                    return Err(Failure::Refused { error, retry: Retry::OtherRecipient });
                }
                let external_id = (channel.kind() == ChannelKind::Slack).then(|| "C0/1.2".into());
                self.messages.borrow_mut().push(message);
                match self.mood.get() {
                    Mood::Silent => Err(Failure::Unanswered { error: "no answer".into(), wait: None }),
                    _ => Ok(Delivered { external_id }),
                }
            })
            .await
    }
}

fn name_of(channel: &Channel) -> &'static str {
    match channel.kind() {
        ChannelKind::Slack => "chat",
        ChannelKind::Webhook => "hook",
        _ => "tickets",
    }
}

impl Outlets for &World {
    async fn deliver(&self, channel: &Channel, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        let recipient = notice.delivery.recipient.as_ref().map(|address| address.value.clone());
        let message = Message {
            at: now(),
            channel: name_of(channel),
            recipient: recipient.unwrap_or_default(),
            is_update: notice.due.external_id.is_some(),
            summary: None,
            findings: vec![notice.finding.key().clone()],
        };
        self.take(channel, message).await
    }

    async fn summarise(&self, channel: &Channel, summary: &Summary<'_>) -> Result<Delivered, Failure> {
        assert!(channel.kind().has_summary());
        let recipient = summary.delivery.recipient.as_ref().map(|address| address.value.clone());
        let message = Message {
            at: now(),
            channel: name_of(channel),
            recipient: recipient.unwrap_or_default(),
            is_update: false,
            summary: Some((summary.id.to_owned(), summary.occasion, summary.owner.map(str::to_owned))),
            findings: summary.entries().iter().map(|entry| entry.key.clone()).collect(),
        };
        self.take(channel, message).await
    }
}
