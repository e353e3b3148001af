//! Reports on all findings, with a store and a bucket in memory that fail when they are told to.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "common/clock.rs"]
mod clock;

use std::cell::Cell;
use std::time::Duration;

use aws_traits::fakes::FakeAws;
use findings::finding::{ConfigVerdict, Finding, FindingKey, HistoryEntry, Moment, Observation, Observed, Source};
use findings::store::{FakeStore, Fault, FindingStore, Listing, Mark, MarkName, Marks, Page, Put, StoreError, record};
use jiff::{SignedDuration, Timestamp};
use reporter::{ReportError, ReportWriter, Reported};
use rstest::rstest;
use serde_json::Value;
use tokio::time::Instant;

use crate::clock::{now, pass};

const PUT: &str = "s3:PutObject";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// What is so young is part of the next report.
const LAG: SignedDuration = SignedDuration::from_hours(2);

fn key(number: usize) -> FindingKey {
    format!("123456789012/eu-west-1/sg-{number:017x}/portcullis").parse().unwrap()
}

/// A store, a bucket, and the reports in it.
#[derive(Default)]
struct World {
    store: FakeStore,
    aws: FakeAws,
}

impl World {
    async fn seen(&self, number: usize, verdict: ConfigVerdict) {
        let what = Observed::Compliance(verdict, Source::Change);
        record(&self.store, &key(number), &Observation { at: Moment::live(now()), what }).await.unwrap();
    }

    async fn open(&self, number: usize) {
        self.seen(number, ConfigVerdict::NonCompliant).await;
    }

    async fn close(&self, number: usize) {
        self.seen(number, ConfigVerdict::Compliant).await;
    }

    async fn run_within(&self, scheduled: Option<Timestamp>, time: Duration) -> Result<Reported, ReportError> {
        self.writer(&self.store).run(scheduled, Instant::now() + time).await
    }

    fn writer<S: FindingStore + Marks>(&self, store: S) -> ReportWriter<S, FakeAws> {
        ReportWriter::new(store, self.aws.clone(), "reports/".to_owned(), "portcullis".to_owned(), now)
    }

    /// Runs the function, as its schedule does now.
    async fn run(&self) -> Result<Reported, ReportError> {
        self.run_within(Some(now()), Duration::from_mins(10)).await
    }

    /// The objects of the only report of a run.
    async fn report(&self) -> Report {
        let reported = self.run().await.unwrap();
        let [place] = reported.reports.as_slice() else { unreachable!("{reported:?}") };
        self.read(place)
    }

    fn read(&self, place: &str) -> Report {
        let account = self.aws.account();
        let text = |name: &str| account.objects[&format!("{place}{name}")].json.clone();
        let figures = serde_json::from_str(&text("report.json")).unwrap();
        Report { figures, csv: text("findings.csv"), html: text("findings.html") }
    }

    fn objects(&self) -> Vec<String> {
        self.aws.account().objects.keys().cloned().collect()
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Report {
    figures: Value,
    csv: String,
    html: String,
}

impl Report {
    /// How many groups were opened and closed, and how many are open.
    fn changes(&self) -> (u64, u64, u64) {
        let number = |path: &str| self.figures.pointer(path).and_then(Value::as_u64).unwrap();
        let open = ["critical", "high", "medium", "low"].map(|severity| number(&format!("/open/{severity}")));
        (number("/opened"), number("/closed"), open.iter().sum())
    }

    /// Lines of the CSV below the header.
    fn lines(&self) -> Vec<&str> {
        self.csv.lines().skip(1).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_store_makes_a_report_that_says_so() {
    let world = World::default();
    let report = world.report().await;
    assert_eq!(report.changes(), (0, 0, 0));
    assert_eq!(report.figures["time_to_close"], Value::Null);
    assert_eq!(report.lines(), Vec::<&str>::new());
    assert!(report.html.contains("No group was closed"), "{}", report.html);
    let place = format!("reports/{}/", now().strftime("%Y-%m-%dT%H%M%SZ"));
    let names = ["findings.csv", "findings.html", "report.json"].map(|name| format!("{place}{name}"));
    assert_eq!(world.objects(), names);
}

/// Since the first report two groups were opened, and one of them was closed after an hour.
async fn two_opened_and_one_closed() -> World {
    let world = World::default();
    world.report().await;
    world.open(1).await;
    world.open(2).await;
    pass(HOUR);
    world.close(1).await;
    world
}

#[tokio::test(start_paused = true)]
async fn what_was_opened_and_closed_since_the_last_report_is_said_once() {
    let world = two_opened_and_one_closed().await;
    pass(DAY - HOUR);
    let report = world.report().await;
    assert_eq!(report.changes(), (2, 1, 1));
    assert_eq!(report.figures["time_to_close"], serde_json::json!({"n": 1, "mean_seconds": 3600}));
    assert_eq!(report.lines().len(), 2);
    assert!(report.lines()[0].contains(key(2).group_id()) && report.lines()[0].contains(",open,"));
    assert!(report.lines()[1].contains(key(1).group_id()) && report.lines()[1].contains(",closed,"));
    assert!(report.html.contains("Mean time to close: 1 h, of 1 closing."), "{}", report.html);
    pass(DAY);
    let report = world.report().await;
    assert_eq!(report.changes(), (0, 0, 1));
    assert_eq!(report.lines().len(), 1, "what was closed before is in the report before");
}

/// Somebody wants to know what is open, and invokes the function by hand.
#[tokio::test(start_paused = true)]
async fn a_report_by_hand_takes_nothing_away_from_the_next_one() {
    let world = two_opened_and_one_closed().await;
    pass(SignedDuration::from_mins(1));
    let reported = world.run_within(None, Duration::from_mins(10)).await.unwrap();
    let place = format!("reports/preview-{}/", now().strftime("%Y-%m-%dT%H%M%SZ"));
    assert_eq!(reported, Reported { findings: 2, unreadable: 0, reports: vec![place.clone()] });
    // All that is known by now, also what is too young for a report.
    let preview = world.read(&place);
    assert_eq!(preview.changes(), (2, 1, 1));
    assert_eq!(preview.figures["period"]["until"], now().to_string());
    pass(DAY);
    assert_eq!(world.report().await.changes(), (2, 1, 1));
    pass(DAY);
    assert_eq!(world.report().await.changes(), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_opened_again_is_opened_and_closed_each_time() {
    let world = World::default();
    world.report().await;
    world.open(1).await;
    for _ in 0..2 {
        pass(HOUR);
        world.close(1).await;
        pass(HOUR);
        world.open(1).await;
    }
    pass(DAY);
    let report = world.report().await;
    assert_eq!(report.changes(), (3, 2, 1));
    assert!(report.lines()[0].ends_with(",3,2"), "{}", report.csv);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_known_yet_is_part_of_the_next_report() {
    let world = World::default();
    world.report().await;
    pass(DAY - LAG);
    world.open(1).await;
    pass(SignedDuration::from_secs(1));
    world.open(2).await;
    pass(LAG - SignedDuration::from_secs(1));
    assert_eq!(world.report().await.changes(), (1, 0, 2));
    pass(DAY);
    assert_eq!(world.report().await.changes(), (1, 0, 2));
}

/// The bucket takes the first so many objects of a report.
#[rstest]
#[case::nothing(0)]
#[case::the_csv(1)]
#[case::all_but_the_figures(2)]
#[tokio::test(start_paused = true)]
async fn a_report_that_failed_is_written_by_the_next_attempt(#[case] taken: usize) {
    let world = World::default();
    world.report().await;
    world.open(1).await;
    pass(HOUR);
    world.close(1).await;
    pass(DAY);
    let due = now();
    for _ in 0..taken {
        world.aws.meanwhile(PUT, |_| {});
    }
    world.aws.fail(PUT, "AccessDenied");
    assert!(matches!(world.run().await, Err(ReportError::Bucket(_))));
    // Lambda delivers the event again.
    pass(SignedDuration::from_mins(1));
    let reported = world.run_within(Some(due), Duration::from_mins(10)).await.unwrap();
    let place = format!("reports/{}/", due.strftime("%Y-%m-%dT%H%M%SZ"));
    assert_eq!(reported.reports, [place.as_str()]);
    assert_eq!(world.read(&place).changes(), (1, 1, 0));
    pass(DAY);
    assert_eq!(world.report().await.changes(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_was_given_up_is_written_by_the_next_run_before_its_own() {
    let world = World::default();
    world.report().await;
    world.open(1).await;
    pass(DAY);
    let due = now();
    world.aws.fail(PUT, "AccessDenied");
    world.run().await.unwrap_err();
    world.close(1).await;
    pass(DAY);
    let reported = world.run().await.unwrap();
    let [first, second] = reported.reports.as_slice() else { unreachable!("{reported:?}") };
    assert_eq!(*first, format!("reports/{}/", due.strftime("%Y-%m-%dT%H%M%SZ")));
    assert_eq!(world.read(first).changes(), (1, 0, 0), "the state is that of now, the changes are those of then");
    assert_eq!(world.read(second).changes(), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_repeated_writes_the_same_report() {
    let world = two_opened_and_one_closed().await;
    pass(DAY);
    let due = now();
    let first = world.report().await;
    assert_eq!(first.changes(), (2, 1, 1));
    let objects = world.objects();
    pass(HOUR);
    let again = world.run_within(Some(due), Duration::from_mins(10)).await.unwrap();
    assert_eq!(world.read(&again.reports[0]), first);
    assert_eq!(world.objects(), objects);
    // One that is older than the last report has nothing to say.
    let late = world.run_within(Some(due - DAY), Duration::from_mins(10)).await.unwrap();
    assert_eq!(late, Reported::default());
    assert_eq!(world.objects(), objects);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_still_to_come_takes_nothing_from_later_reports() {
    let world = World::default();
    world.run_within(Some(now() + 365 * DAY), Duration::from_mins(10)).await.unwrap();
    world.open(1).await;
    pass(DAY);
    assert_eq!(world.report().await.changes(), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_leaves_everything_to_the_next_report() {
    let world = World::default();
    world.report().await;
    let objects = world.objects();
    world.open(1).await;
    pass(DAY);
    // The mark is read, and then no page.
    world.store.set_faults([None, Some(Fault::Throttled), Some(Fault::Throttled), Some(Fault::Throttled)]);
    assert!(matches!(world.run().await, Err(ReportError::Store(_))));
    assert_eq!(world.objects(), objects);
    pass(DAY);
    assert_eq!(world.report().await.changes(), (1, 0, 1));
}

/// The answer to a write of the mark is lost, or another run was faster.
#[rstest]
#[case::begun(0)]
#[case::written(1)]
#[tokio::test(start_paused = true)]
async fn a_note_whose_answer_is_lost_loses_no_report(#[case] note: usize) {
    let world = World::default();
    world.report().await;
    let calls = world.store.calls();
    world.open(1).await;
    pass(DAY);
    world.report().await;
    // Two calls recorded the finding: what a run calls is known, and its last two are the notes.
    let of_run = world.store.calls() - calls - 2;
    pass(DAY);
    let due = now();
    let mut faults = vec![None; of_run];
    faults[of_run - 2 + note] = Some(Fault::AnswerLost);
    world.store.set_faults(faults);
    assert!(matches!(world.run().await, Err(ReportError::Store(_))));
    let reported = world.run_within(Some(due), Duration::from_mins(10)).await.unwrap();
    assert_eq!(reported.reports.len(), 1);
    assert_eq!(world.read(&reported.reports[0]).changes(), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_too_short_is_an_error_that_says_so() {
    let world = World::default();
    world.open(1).await;
    let error = world.run_within(Some(now()), Duration::from_secs(30)).await.unwrap_err();
    assert!(error.to_string().starts_with("there was no time to read all findings, after 0 of them"), "{error}");
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_finding_that_cannot_be_read_is_counted_and_hides_no_other() {
    let world = World::default();
    world.open(1).await;
    world.open(2).await;
    world.open(3).await;
    world.store.spoil(&key(2));
    pass(LAG);
    let report = world.report().await;
    assert_eq!(report.changes(), (2, 0, 2));
    assert_eq!(report.figures["unreadable"], 1);
    assert!(report.html.contains("1 finding could not be read"), "{}", report.html);
}

/// A store in which a group is seen with a verdict just before a list is read for the first time.
struct Meanwhile<'w> {
    world: &'w World,
    before: Listing,
    verdict: Cell<Option<ConfigVerdict>>,
}

impl FindingStore for Meanwhile<'_> {
    async fn get(&self, key: &FindingKey) -> Result<Option<Finding>, StoreError> {
        self.world.store.get(key).await
    }

    async fn put(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Put, StoreError> {
        self.world.store.put(finding, history).await
    }

    async fn list(&self, listing: &Listing, from: Option<&str>) -> Result<Page, StoreError> {
        let is_it = std::mem::discriminant(listing) == std::mem::discriminant(&self.before);
        if let Some(verdict) = is_it.then(|| self.verdict.take()).flatten() {
            self.world.seen(1, verdict).await;
        }
        self.world.store.list(listing, from).await
    }

    async fn history(&self, key: &FindingKey) -> Result<Vec<HistoryEntry>, StoreError> {
        self.world.store.history(key).await
    }
}

impl Marks for Meanwhile<'_> {
    async fn read_mark(&self, name: &MarkName) -> Result<Mark, StoreError> {
        self.world.store.read_mark(name).await
    }

    async fn write_mark(
        &self,
        name: &MarkName,
        read: &Mark,
        content: String,
        expires: Timestamp,
    ) -> Result<Option<Mark>, StoreError> {
        self.world.store.write_mark(name, read, content, expires).await
    }
}

/// It leaves a list that is still to be read for one that was read, or is in both.
#[rstest]
#[case::opened(ConfigVerdict::NonCompliant, (1, 1, 1))]
#[case::closed(ConfigVerdict::Compliant, (1, 0, 0))]
#[tokio::test(start_paused = true)]
async fn a_group_that_changes_while_findings_are_read_is_in_the_report_once(
    #[case] verdict: ConfigVerdict,
    #[case] expected: (u64, u64, u64),
) {
    let world = World::default();
    world.report().await;
    world.open(1).await;
    if verdict == ConfigVerdict::NonCompliant {
        pass(HOUR);
        world.close(1).await;
    }
    pass(DAY);
    let store = Meanwhile { world: &world, before: Listing::ClosedSince(now()), verdict: Cell::new(Some(verdict)) };
    let reported = world.writer(store).run(Some(now()), Instant::now() + Duration::from_mins(10)).await.unwrap();
    let report = world.read(&reported.reports[0]);
    assert_eq!(report.lines().len(), 1);
    assert_eq!(report.changes(), expected);
}
