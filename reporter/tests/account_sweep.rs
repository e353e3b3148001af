//! The sweep of one account, against an account in memory, and what its events make of findings.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use aws_traits::config::{GroupResult, RemediationException, ResultType};
use aws_traits::fakes::FakeAws;
use findings::finding::{Finding, State};
use findings::intake::{Intake, read_value};
use jiff::{SignedDuration, Timestamp};
use reporter::{AccountSweep, AccountSwept, Origin};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const ONE: &str = "sg-00000001";
const TWO: &str = "sg-00000002";
const THREE: &str = "sg-00000003";
const RESULTS: &str = "config:GetComplianceDetailsByConfigRule";
const EXCEPTIONS: &str = "config:DescribeRemediationExceptions";
const PUT_EVENTS: &str = "events:PutEvents";
const PUT_ITEM: &str = "dynamodb:PutItem";

/// Minutes after the beginning of the story.
fn time(minutes: i64) -> Timestamp {
    let beginning: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    beginning.checked_add(SignedDuration::from_mins(minutes)).unwrap()
}

fn hour(hours: i64) -> Timestamp {
    time(60 * hours)
}

fn result(id: &str, compliance: ResultType, minutes: i64) -> GroupResult {
    let ordering = time(minutes);
    let recorded = ordering.checked_add(SignedDuration::from_secs(30)).unwrap();
    GroupResult { group_id: id.to_owned(), compliance, ordering, recorded }
}

fn open(id: &str, minutes: i64) -> GroupResult {
    result(id, ResultType::NonCompliant, minutes)
}

fn closed(id: &str, minutes: i64) -> GroupResult {
    result(id, ResultType::Compliant, minutes)
}

/// An account, and the findings that the events of its sweeps make.
struct Story {
    aws: FakeAws,
    findings: BTreeMap<String, Finding>,
    told: usize,
    grace_days: u16,
}

impl Story {
    fn new(results: impl IntoIterator<Item = GroupResult>) -> Self {
        let story = Self { aws: FakeAws::default(), findings: BTreeMap::new(), told: 0, grace_days: 0 };
        story.results(results);
        story
    }

    fn results(&self, results: impl IntoIterator<Item = GroupResult>) {
        self.aws.account().reported = results.into_iter().collect();
    }

    fn exception(&self, id: &str, message: Option<&str>, expires: Option<Timestamp>) {
        let exception = RemediationException { group_id: id.to_owned(), message: message.map(str::to_owned), expires };
        self.aws.account().exceptions.insert(("portcullis".to_owned(), id.to_owned()), exception);
    }

    async fn sweep_for(&mut self, now: Timestamp, limit: Duration) -> (AccountSwept, Vec<Value>) {
        let origin = Origin { account: ACCOUNT.into(), region: REGION.into(), rule: "portcullis".into() };
        let sweep = AccountSweep::new(self.aws.clone(), self.aws.clone(), self.aws.clone(), origin);
        let sweep = sweep.with_grace(self.grace_days);
        let swept = sweep.run(now, Instant::now() + limit).await;
        (swept, self.record())
    }

    /// The details of the events of a sweep, in the order of the groups. Each is recorded.
    async fn sweep(&mut self, now: Timestamp) -> (AccountSwept, Vec<Value>) {
        self.sweep_for(now, Duration::from_mins(5)).await
    }

    /// Records the events that were put since the last time, each twice.
    fn record(&mut self) -> Vec<Value> {
        let events: Vec<_> = self.aws.account().events.iter().skip(self.told).cloned().collect();
        self.told += events.len();
        let mut details = Vec::new();
        for event in events {
            let detail: Value = serde_json::from_str(&event.detail).unwrap();
            let group = detail["securityGroupId"].as_str().unwrap();
            assert_eq!(event.resource.unwrap(), format!("arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group}"));
            let envelope = json!({"source": event.source, "detail-type": event.detail_type, "account": ACCOUNT,
                "time": detail["time"], "region": REGION, "detail": detail});
            let Intake::Observed(statement) = read_value(envelope).unwrap() else { panic!("no observation: {detail}") };
            let finding = self.findings.entry(group.to_owned()).or_insert_with(|| Finding::new(statement.key.clone()));
            finding.apply(&statement.observation);
            assert!(finding.apply(&statement.observation).news.is_empty(), "an event that comes twice is no news");
            details.push(detail);
        }
        details.sort_by_key(|detail| detail["securityGroupId"].as_str().map(str::to_owned));
        details
    }

    fn finding(&self, id: &str) -> &Finding {
        &self.findings[id]
    }

    fn state(&self, id: &str) -> State {
        self.findings.get(id).map_or(State::NeverOpen, Finding::state)
    }

    fn written(&self) -> usize {
        self.aws.count(PUT_ITEM)
    }
}

fn groups(details: &[Value]) -> Vec<&str> {
    details.iter().map(|detail| detail["securityGroupId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_open_group_is_announced_for_a_day_and_then_once_a_day() {
    let mut story = Story::new([open(ONE, 10), closed(TWO, 20)]);
    let (swept, details) = story.sweep(hour(1)).await;
    let expected =
        AccountSwept { results: 2, non_compliant: 1, announced: 1, complete: true, ..AccountSwept::default() };
    assert_eq!(swept, expected);
    assert_eq!(
        details,
        [json!({
            "schema": "portcullis.compliance/1",
            "account": ACCOUNT,
            "region": REGION,
            "configRuleName": "portcullis",
            "securityGroupId": ONE,
            "time": "2026-12-01T01:00:00Z",
            "compliance": "NON_COMPLIANT",
            "orderingTimestamp": "2026-12-01T00:10:00Z",
            "resultRecordedTime": "2026-12-01T00:10:30Z",
            "firstSeen": "2026-12-01T00:10:00Z",
            "firstRecordedTime": "2026-12-01T00:10:30Z",
            "exceptionsRead": true,
            "exception": null,
        })]
    );
    let mut announced = Vec::new();
    for hours in 2..80 {
        // Never exactly an hour apart.
        let (_, details) = story.sweep(time(60 * hours + hours % 3)).await;
        announced.extend((!details.is_empty()).then_some(hours));
    }
    assert_eq!(announced, (2..25).chain([48, 72]).collect::<Vec<_>>());
    // Only a group that was non-compliant has an item, and it is written when it is announced.
    assert_eq!(story.aws.account().state.len(), 1);
    assert_eq!(story.written(), 26);
    assert_eq!((story.state(ONE), story.finding(ONE).revision()), (State::Open, 1));
}

#[tokio::test]
async fn a_closing_is_announced_for_a_day_and_forgotten() {
    let mut story = Story::new([open(ONE, 10)]);
    story.sweep(hour(1)).await;
    for hours in 2..30 {
        // A daily evaluation stores the same verdict anew.
        story.results([closed(ONE, if hours < 20 { 90 } else { 20 * 60 - 10 })]);
        let (_, details) = story.sweep(hour(hours)).await;
        assert_eq!(details.len(), usize::from(hours < 26), "{hours}");
    }
    assert_eq!((story.state(ONE), story.finding(ONE).revision()), (State::Closed, 2));
    assert_eq!(story.finding(ONE).closing().unwrap().at, time(90));
    let expires = story.aws.account().state.values().next().unwrap().1;
    assert!(expires > hour(26) && expires < hour(25 + 73), "{expires}");
    let written = story.written();
    for hours in 30..200 {
        story.results([closed(ONE, 60 * hours - 10)]);
        story.sweep(hour(hours)).await;
    }
    assert_eq!(story.written(), written, "what is over is written no more, so that it expires");
}

#[tokio::test]
async fn the_first_seen_is_that_of_the_first_result_and_of_the_newest_opening() {
    let mut story = Story::new([open(ONE, 10)]);
    story.sweep(hour(1)).await;
    story.results([open(ONE, 1_000)]);
    let (_, details) = story.sweep(hour(17)).await;
    assert_eq!(details[0]["firstSeen"], "2026-12-01T00:10:00Z");
    assert_eq!(details[0]["orderingTimestamp"], time(1_000).to_string());
    assert_eq!(story.finding(ONE).first_seen(), Some(time(10)));
    story.results([closed(ONE, 1_050)]);
    story.sweep(hour(18)).await;
    story.results([open(ONE, 1_100)]);
    let (_, details) = story.sweep(hour(19)).await;
    assert_eq!(details[0]["firstSeen"], time(1_100).to_string());
    assert_eq!((story.finding(ONE).first_seen(), story.finding(ONE).episodes().total), (Some(time(10)), 2));
}

/// The findings are deployed long after the rule, or their table was lost.
#[tokio::test]
async fn a_new_finding_begins_when_sweeps_first_saw_the_group() {
    let mut story = Story::new([open(ONE, 10)]);
    story.sweep(hour(1)).await;
    story.findings.clear();
    story.results([open(ONE, 60 * 49)]);
    story.sweep(hour(50)).await;
    assert_eq!((story.state(ONE), story.finding(ONE).first_seen()), (State::Open, Some(time(10))));
}

// ---- partial reads

/// Each page fails in turn: what was read is announced, and nothing is said of the rest.
#[rstest]
#[case::denied(false)]
#[case::no_answer(true)]
#[tokio::test(start_paused = true)]
async fn an_interrupted_read_closes_nothing(#[case] hangs: bool) {
    for failing in 0..3 {
        let mut story = Story::new([open(ONE, 10), open(TWO, 10), open(THREE, 10)]);
        story.aws.account().page_size = 1;
        story.sweep(hour(1)).await;
        story.results([closed(ONE, 70), closed(TWO, 70), closed(THREE, 70)]);
        // Disturbances queue up, so those before are none.
        (0..failing).for_each(|_| story.aws.meanwhile(RESULTS, |_| {}));
        if hangs {
            story.aws.hang(RESULTS);
        } else {
            story.aws.fail(RESULTS, "ThrottlingException");
        }
        let (swept, details) = story.sweep(hour(2)).await;
        assert!(!swept.complete);
        assert_eq!(groups(&details), [ONE, TWO, THREE][..failing]);
        for (index, id) in [ONE, TWO, THREE].into_iter().enumerate() {
            let expected = if index < failing { State::Closed } else { State::Open };
            assert_eq!(story.state(id), expected, "{id} after {failing} pages");
        }
        story.aws.undisturbed();
        assert!(story.sweep(hour(3)).await.0.complete);
        assert!([ONE, TWO, THREE].into_iter().all(|id| story.state(id) == State::Closed));
    }
}

#[tokio::test]
async fn a_group_is_gone_after_two_complete_reads_without_it() {
    let mut story = Story::new([open(ONE, 10), open(TWO, 10)]);
    story.aws.account().page_size = 1;
    story.sweep(hour(1)).await;
    story.results([open(TWO, 10)]);
    let (_, details) = story.sweep(hour(2)).await;
    assert_eq!(groups(&details), [ONE, TWO], "it is repeated as it was");
    assert_eq!((&details[0]["compliance"], story.state(ONE)), (&json!("NON_COMPLIANT"), State::Open));
    // A read that fails says nothing either way.
    story.aws.fail(RESULTS, "ThrottlingException");
    story.sweep(hour(3)).await;
    // Lambda invokes a function twice now and then.
    story.sweep(time(125)).await;
    assert_eq!(story.state(ONE), State::Open);
    let (_, details) = story.sweep(hour(4)).await;
    assert_eq!(details[0]["compliance"], "NOT_APPLICABLE");
    assert_eq!(
        (&details[0]["orderingTimestamp"], &details[0]["resultRecordedTime"]),
        (&json!(time(10)), &json!(hour(2)))
    );
    assert_eq!((story.state(ONE), story.state(TWO)), (State::Closed, State::Open));
    assert_eq!(story.sweep(hour(5)).await.1[0]["resultRecordedTime"], json!(hour(2)));
}

#[tokio::test]
async fn a_group_that_is_missing_once_is_not_gone() {
    let mut story = Story::new([open(ONE, 10), open(TWO, 10)]);
    story.sweep(hour(1)).await;
    for hours in 2..10 {
        let all = [open(TWO, 10), open(ONE, 10)];
        story.results(all.into_iter().take(if hours % 2 == 0 { 1 } else { 2 }));
        story.sweep(hour(hours)).await;
        assert_eq!(story.state(ONE), State::Open, "{hours}");
    }
}

/// The results of a rule were deleted, or the rule is evaluated anew.
#[tokio::test]
async fn no_result_at_all_closes_nothing() {
    let mut story = Story::new([open(ONE, 10)]);
    story.sweep(hour(1)).await;
    story.results([]);
    for hours in 2..6 {
        let (swept, details) = story.sweep(hour(hours)).await;
        assert_eq!((swept.complete, details.len()), (true, 0));
    }
    assert_eq!(story.state(ONE), State::Open);
}

/// A group that counts as gone is judged again, with the time of its configuration item.
#[tokio::test]
async fn a_judgement_after_the_group_was_gone_opens_it() {
    let mut story = Story::new([open(ONE, 60), open(TWO, 10)]);
    story.sweep(hour(2)).await;
    story.results([open(TWO, 10)]);
    story.sweep(hour(3)).await;
    story.sweep(hour(4)).await;
    assert_eq!(story.state(ONE), State::Closed);
    story.results([GroupResult { ordering: time(5), ..open(ONE, 250) }, open(TWO, 10)]);
    story.sweep(hour(5)).await;
    assert_eq!(story.state(ONE), State::Open);
}

#[rstest]
#[case::unknown(result(ONE, ResultType::Unknown, 70), State::Open)]
#[case::an_answer_that_lags(closed(ONE, 5), State::Open)]
#[case::not_applicable(result(ONE, ResultType::NotApplicable, 70), State::Closed)]
#[case::about_an_older_state(GroupResult { ordering: time(5), ..closed(ONE, 70) }, State::Closed)]
#[tokio::test]
async fn a_result_counts_if_it_is_one_and_newer(#[case] next: GroupResult, #[case] state: State) {
    let mut story = Story::new([open(ONE, 10)]);
    story.sweep(hour(1)).await;
    story.results([next]);
    story.sweep(hour(2)).await;
    assert_eq!(story.state(ONE), state);
}

#[tokio::test]
async fn without_the_state_of_earlier_sweeps_nothing_is_said() {
    let mut story = Story::new([open(ONE, 10)]);
    story.aws.fail("dynamodb:Query", "AccessDeniedException");
    let (swept, details) = story.sweep(hour(1)).await;
    assert_eq!((swept, details.len(), story.written()), (AccountSwept::default(), 0, 0));
}

// ---- exceptions

#[tokio::test]
async fn an_exception_by_others_parks_until_it_ends() {
    let mut story = Story::new([open(ONE, 10), open(TWO, 10), open(THREE, 10), closed("sg-00000004", 10)]);
    story.exception(ONE, Some("attempts failed"), None);
    story.exception(TWO, Some("Portcullis: restored by 9c2d"), None);
    story.exception(THREE, Some("on hold until 2027-01-01"), None);
    story.exception("sg-00000004", Some("attempts failed"), None);
    let (swept, details) = story.sweep(hour(1)).await;
    assert_eq!((swept.non_compliant, swept.parked), (3, 1));
    assert_eq!(details[0]["exception"], json!({"message": "attempts failed", "since": hour(1), "expires": null}));
    assert_eq!(story.finding(ONE).parked().unwrap().as_str(), "attempts failed");
    assert!(story.finding(TWO).parked().is_none() && story.finding(THREE).parked().is_none());

    // After the day in which everything new is repeated, its end is a change, and repeated, too.
    for hours in [25, 26, 27] {
        story.sweep(hour(hours)).await;
    }
    story.exception(ONE, Some("another reason"), Some(time(27 * 60 + 30)));
    let (_, details) = story.sweep(time(27 * 60 + 10)).await;
    assert_eq!((details.len(), story.finding(ONE).revision()), (0, 1), "another reason is no change");
    let (swept, details) = story.sweep(hour(28)).await;
    assert_eq!((swept.parked, groups(&details)), (0, vec![ONE]));
    assert!(story.finding(ONE).parked().is_none());
    assert_eq!(story.sweep(hour(29)).await.1.len(), 1);
}

#[tokio::test]
async fn exceptions_that_cannot_be_read_park_nothing_and_end_nothing() {
    let mut story = Story::new([open(ONE, 10), open(TWO, 10)]);
    story.exception(ONE, None, None);
    story.sweep(hour(1)).await;
    story.aws.fail(EXCEPTIONS, "ThrottlingException");
    story.exception(TWO, Some("attempts failed"), None);
    let (swept, details) = story.sweep(hour(2)).await;
    assert!(!swept.complete);
    assert!(details.iter().all(|detail| detail["exceptionsRead"] == false && detail["exception"].is_null()));
    assert!(story.finding(ONE).parked().is_some() && story.finding(TWO).parked().is_none());
    let (_, details) = story.sweep(hour(3)).await;
    assert_eq!(details[0]["exception"]["since"], json!(hour(1)));
    assert!(story.finding(TWO).parked().is_some());
}

// ---- the bus

#[tokio::test]
async fn what_the_bus_did_not_take_is_announced_at_the_next_sweep() {
    let mut story = Story::new([open(ONE, 10), open(TWO, 10)]);
    story.aws.account().rejected_events = vec![TWO.to_owned()];
    let (swept, details) = story.sweep(hour(1)).await;
    assert_eq!((swept.announced, swept.not_announced, swept.complete, groups(&details)), (1, 1, false, vec![ONE]));
    story.aws.account().rejected_events.clear();
    // Even if it is over by then.
    story.results([open(ONE, 10), closed(TWO, 65)]);
    let (swept, details) = story.sweep(hour(2)).await;
    assert_eq!((swept.complete, groups(&details)), (true, vec![ONE, TWO]));
    assert_eq!(details[1]["firstSeen"], json!(time(10)));
}

#[tokio::test]
async fn without_a_bus_groups_are_remembered_and_announced_later() {
    let mut story = Story::new([open(ONE, 10)]);
    let bus = story.aws.clone();
    story.aws = story.aws.without_events();
    let (swept, _) = story.sweep(hour(1)).await;
    assert_eq!((swept.complete, swept.announced, story.aws.count(PUT_EVENTS)), (true, 0, 0));
    story.aws = bus;
    story.results([open(ONE, 100)]);
    assert_eq!(story.sweep(hour(30)).await.1[0]["firstSeen"], json!(time(10)));
}

/// A denied call is not repeated a thousand times, and groups are remembered nevertheless.
#[tokio::test]
async fn a_bus_that_refuses_ends_the_announcements_and_not_the_memory() {
    let ids: Vec<String> = (0..100).map(|number| format!("sg-{number:08}")).collect();
    let mut story = Story::new(ids.iter().map(|id| open(id, 10)));
    story.aws.fail(PUT_EVENTS, "AccessDeniedException");
    let (swept, _) = story.sweep(hour(1)).await;
    assert_eq!((swept.announced, swept.not_announced, story.aws.count(PUT_EVENTS)), (0, 100, 1));
    assert_eq!(story.aws.account().state.len(), 100);
}

/// Thousands of groups, and no time for all of them: each sweep goes on where the one before ended.
#[tokio::test(start_paused = true)]
async fn thousands_of_groups_are_announced_in_turn() {
    let ids: Vec<String> = (0..2_500).map(|number| format!("sg-{number:08}")).collect();
    let mut story = Story::new(ids.iter().map(|id| open(id, 10)));
    story.aws.account().page_size = 100;
    let (mut calls, mut sweeps) = (0, 0);
    while story.findings.len() < ids.len() {
        sweeps += 1;
        assert!(sweeps < 5, "{} groups after {sweeps} sweeps", story.findings.len());
        // No answer after a hundred calls of the bus.
        (0..100).for_each(|_| story.aws.meanwhile(PUT_EVENTS, |_| {}));
        story.aws.hang(PUT_EVENTS);
        let (swept, details) = story.sweep(hour(sweeps)).await;
        assert_eq!((swept.results, swept.non_compliant), (2_500, 2_500));
        assert!(details.len() <= 1_000 || swept.complete);
        story.aws.undisturbed();
        calls = story.aws.count(PUT_EVENTS);
    }
    assert!(calls >= 250, "ten groups a call");
    assert_eq!(story.aws.count(RESULTS), 25 * usize::try_from(sweeps).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_ends_before_the_function() {
    for operation in ["dynamodb:Query", EXCEPTIONS, RESULTS, PUT_EVENTS, PUT_ITEM] {
        let mut story = Story::new([open(ONE, 10)]);
        story.aws.hang(operation);
        let begun = Instant::now();
        let (swept, _) = story.sweep_for(hour(1), Duration::from_mins(1)).await;
        assert!(!swept.complete, "{operation}");
        assert!(begun.elapsed() <= Duration::from_secs(55), "{operation}: {:?}", begun.elapsed());
    }
}

/// The function is ended at each of its calls, during the opening and during the closing. The next sweep makes it good.
#[tokio::test(start_paused = true)]
async fn a_sweep_that_is_ended_anywhere_is_made_good_by_the_next() {
    for cut in 1.. {
        let mut story = Story::new([open(ONE, 10), open(TWO, 10)]);
        let uncut = kill(&mut story, cut, hour(1)).await;
        story.sweep(hour(2)).await;
        assert!([ONE, TWO].into_iter().all(|id| story.state(id) == State::Open), "cut at {cut}");
        assert_eq!(story.finding(ONE).first_seen(), Some(time(10)));
        story.results([closed(ONE, 130), open(TWO, 10)]);
        kill(&mut story, cut, hour(3)).await;
        story.sweep(hour(4)).await;
        assert_eq!((story.state(ONE), story.state(TWO)), (State::Closed, State::Open), "cut at {cut}");
        assert_eq!(story.finding(ONE).episodes().total, 1);
        if uncut {
            assert!(cut > 5, "{cut}");
            return;
        }
    }
}

/// A sweep of which no call is answered after `calls`. Returns true if it ended before.
async fn kill(story: &mut Story, calls: usize, now: Timestamp) -> bool {
    story.aws.cut_after(calls);
    story.sweep(now).await;
    let uncut = !story.aws.is_cut();
    story.aws.answer_again();
    uncut
}

/// A record of the sweep of the remediator.
fn grace(story: &Story, id: &str, days: u16, closes: Timestamp) {
    let record = json!({"graceDays": days, "closes": closes, "exposures": []});
    story.aws.account().state.insert(("grace/portcullis".to_owned(), id.to_owned()), (record, Timestamp::MAX));
}

/// Two weeks of grace: the day is said at once, and there are reminders a week and a day before.
#[tokio::test]
async fn the_day_of_a_closing_is_announced_with_reminders() {
    let mut story = Story::new([open(ONE, 10)]);
    story.grace_days = 14;
    let closes = hour(24 * 14 + 1);
    grace(&story, ONE, 14, closes);
    let mut said = Vec::new();
    for at in [1, 24 * 6, 24 * 7 + 1, 24 * 8, 24 * 13 + 1, 24 * 14] {
        let (_, details) = story.sweep(hour(at)).await;
        let [detail] = &details[..] else { panic!("one event at {at}") };
        assert_eq!(detail["closes"], closes.to_string());
        said.push(detail["reminderDays"].as_u64());
    }
    assert_eq!(said, [None, None, Some(7), Some(7), Some(1), Some(1)]);
    assert_eq!((story.finding(ONE).closes(), story.finding(ONE).revision()), (Some(closes), 3));
}

/// Who has a week was told so when it began.
#[tokio::test]
async fn there_is_no_reminder_of_as_many_days_as_there_were() {
    let mut story = Story::new([open(ONE, 10)]);
    story.grace_days = 7;
    grace(&story, ONE, 7, hour(24 * 7));
    let (_, details) = story.sweep(hour(1)).await;
    assert_eq!(details[0].get("reminderDays"), None);
    let (_, details) = story.sweep(hour(24 * 6)).await;
    assert_eq!(details[0]["reminderDays"], 1);
}

#[tokio::test]
async fn a_day_by_other_days_or_without_grace_is_not_said() {
    let mut story = Story::new([open(ONE, 10)]);
    story.grace_days = 14;
    grace(&story, ONE, 7, hour(24 * 7));
    let (_, details) = story.sweep(hour(1)).await;
    assert_eq!(details[0].get("closes"), None);
    grace(&story, ONE, 14, hour(24 * 14));
    let (_, details) = story.sweep(hour(2)).await;
    assert_eq!(details[0]["closes"], hour(24 * 14).to_string());
    story.grace_days = 0;
    let (_, details) = story.sweep(hour(3)).await;
    assert_eq!((details[0].get("closes"), story.finding(ONE).closes()), (None, None));
}

/// What could not be read stays as it was.
#[tokio::test]
async fn a_day_that_cannot_be_read_is_still_the_day() {
    let mut story = Story::new([open(ONE, 10)]);
    story.grace_days = 14;
    let closes = hour(24 * 14);
    grace(&story, ONE, 14, closes);
    story.sweep(hour(1)).await;
    // The first query is for what earlier sweeps saw.
    story.aws.meanwhile("dynamodb:Query", |_| {});
    story.aws.fail("dynamodb:Query", "InternalServerError");
    let (swept, details) = story.sweep(hour(2)).await;
    assert_eq!((swept.complete, &details[0]["closes"]), (false, &json!(closes.to_string())));
}
