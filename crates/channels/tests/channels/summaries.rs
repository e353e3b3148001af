//! Summaries of many findings.

use std::cell::RefCell;

use channels::words::{summary_lines, summary_title};
use channels::{
    AwsCallError, Failure, FakeHttp, Occasion, Publication, Publish, Retry, Slack, SlackWebhook, Sns, Summarise,
    Summary, SummaryEntry, Teams, Webhook, check,
};
use findings::Severity;
use findings::finding::State;
use routing::{ChannelKind, Delivery};
use serde_json::{Value, json};

use crate::support::*;
use crate::webhook::{assert_sample, check_document};

const BURST: Occasion = Occasion::Burst { minutes: 10 };

fn entry(number: u64, state: State, severity: Option<Severity>, title: &str) -> SummaryEntry {
    SummaryEntry {
        key: format!("123456789012/eu-west-1/sg-{number:017x}/portcullis").parse().unwrap(),
        state,
        severity,
        title: title.to_owned(),
        first_seen: Some(time("1 09:00")),
    }
}

fn mixed() -> Vec<SummaryEntry> {
    let states = [
        (State::Open, Some(Severity::Medium), "is open to a part of the internet on tcp/22: medium"),
        (State::Open, Some(Severity::Critical), "is open to the internet on tcp/22: critical"),
        (State::Closed, None, "was closed by a remediation"),
        (State::Open, Some(Severity::High), "is open to the internet on tcp/3389: high"),
        (State::Exempt, None, "is exempt until 2026-12-31"),
    ];
    let entry = |(number, (state, severity, what))| {
        entry(number, state, severity, &format!("sg-{number:017x} (web-{number}) {what}"))
    };
    (0..).zip(states).map(entry).collect()
}

/// Findings with the longest and most hostile titles.
fn hostile(number: u64) -> Vec<SummaryEntry> {
    let name = "<!channel>&\"\\{{*_`👩".repeat(40);
    let story = Story::new(ChannelKind::Slack).named(&name).open("1 09:00", &(1..1_001).collect::<Vec<_>>());
    let one = SummaryEntry::from(&story.finding);
    let entries =
        (0..number).map(|number| SummaryEntry { key: entry(number, State::Open, None, "").key, ..one.clone() });
    entries.collect()
}

fn summary(delivery: &Delivery, entries: Vec<SummaryEntry>) -> Summary<'_> {
    Summary::new("burst 2026-12-01T09:10:00Z", BURST, None, delivery, entries, time("1 09:10"))
}

#[test]
fn the_worst_come_first_and_all_are_counted() {
    let delivery = delivery(ChannelKind::Slack);
    let burst = summary(&delivery, mixed());
    let expected = "News of 5 findings within 10 minutes: 1 critical, 1 high, 1 medium, 1 exempt, 1 closed";
    assert_eq!(summary_title(&burst), expected);
    let lines = summary_lines(&burst, 4);
    let ids: Vec<char> =
        lines[..4].iter().map(|line| line.split(' ').next().unwrap().chars().last().unwrap()).collect();
    assert_eq!(ids, ['1', '3', '0', '4']);
    assert!(lines[0].ends_with(": critical (account 123456789012, eu-west-1, first seen 2026-12-01 09:00 UTC)"));
    assert_eq!(lines[4], "and 1 more finding");
    let digest = Summary::new("d", Occasion::Digest, Some("jane@example.com"), &delivery, mixed(), time("1 08:00"));
    assert!(summary_title(&digest).starts_with("Daily summary of 5 findings of jane@example.com: 1 critical, "));
}

#[test]
fn a_burst_of_one_finding_says_what_it_is() {
    let delivery = delivery(ChannelKind::Slack);
    let one = vec![entry(1, State::Open, Some(Severity::Low), "sg-1 (web) is open to the internet on tcp/22: low")];
    let burst = summary(&delivery, one.clone());
    assert_eq!(summary_title(&burst), "sg-1 (web) is open to the internet on tcp/22: low");
    let digest = Summary::new("d", Occasion::Digest, None, &delivery, one, time("1 08:00"));
    assert_eq!(summary_title(&digest), "Daily summary of 1 finding: 1 low");
}

#[test]
fn a_finding_is_there_once() {
    let delivery = delivery(ChannelKind::Slack);
    let twice: Vec<SummaryEntry> = mixed().into_iter().chain(mixed()).collect();
    assert_eq!(summary(&delivery, twice).entries().len(), 5);
}

async fn slack(entries: Vec<SummaryEntry>) -> Value {
    let http = FakeHttp::new([
        FakeHttp::json(200, &json!({"ok": true, "user": {"id": "U0123456789"}})),
        FakeHttp::json(200, &json!({"ok": true, "channel": "D0123456789", "ts": "1.2"})),
        FakeHttp::text(200, "ok"),
    ]);
    let mut delivery = delivery(ChannelKind::Slack);
    delivery.recipient = Some(email("jane@example.com"));
    let summary = summary(&delivery, entries);
    let delivered = Slack::new(&http, "xoxb-1".into(), "#security").summarise(&summary).await.unwrap();
    assert_eq!(delivered.external_id.unwrap().as_str(), "D0123456789/1.2");
    SlackWebhook::new(&http, "https://hooks.slack.com/x".into()).summarise(&summary).await.unwrap();
    let bodies: Vec<Value> =
        http.requests()[1..].iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    assert_eq!(bodies[0]["blocks"], bodies[1]["blocks"]);
    assert_eq!(check::slack_message(&bodies[0]), Vec::<String>::new());
    bodies[0].clone()
}

async fn teams(entries: Vec<SummaryEntry>) -> Value {
    let http = FakeHttp::new([FakeHttp::text(202, "")]);
    let delivery = delivery(ChannelKind::Teams);
    Teams::new(&http, "https://example.com".into()).summarise(&summary(&delivery, entries)).await.unwrap();
    let body: Value = serde_json::from_slice(&http.requests()[0].body).unwrap();
    assert_eq!(check::teams_message(&body), Vec::<String>::new());
    body
}

async fn webhook(entries: Vec<SummaryEntry>) -> Value {
    let http = FakeHttp::new([FakeHttp::text(200, "")]);
    let delivery = delivery(ChannelKind::Webhook);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into();
    let webhook = Webhook::new(&http, "https://example.com".into(), &secret).unwrap();
    webhook.summarise(&summary(&delivery, entries)).await.unwrap();
    let request = &http.requests()[0];
    assert!(request.body.len() <= 100_000, "{}", request.body.len());
    let document: Value = serde_json::from_slice(&request.body).unwrap();
    check_document(&document);
    assert!(request.headers.iter().any(|(name, id)| *name == "webhook-id" && document["id"] == id.expose()));
    document
}

/// A topic that keeps what it is told.
struct Topic(RefCell<Vec<Publication>>);

impl Publish for &Topic {
    async fn publish(&self, publication: &Publication) -> Result<(), AwsCallError> {
        self.0.borrow_mut().push(publication.clone());
        Ok(())
    }
}

async fn sns(entries: Vec<SummaryEntry>) -> Publication {
    let topic = Topic(RefCell::default());
    let delivery = delivery(ChannelKind::Sns);
    let arn = "arn:aws:sns:eu-west-1:123456789012:findings.fifo";
    Sns::new(&topic, arn).summarise(&summary(&delivery, entries)).await.unwrap();
    let publication = topic.0.into_inner().pop().unwrap();
    assert_eq!(check::publication(&publication), Vec::<String>::new());
    publication
}

#[tokio::test]
async fn each_channel_with_summaries_has_one() {
    insta::assert_json_snapshot!("summary_slack", slack(mixed()).await);
    insta::assert_json_snapshot!("summary_teams", teams(mixed()).await);
    assert_sample(&webhook(mixed()).await, include_str!("../../../../docs/channels/notice-summary.json"));
    let publication = sns(mixed()).await;
    let bodies: Value = serde_json::from_str(&publication.message).unwrap();
    check_document(&serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap());
    insta::assert_snapshot!("summary_email", bodies["email"].as_str().unwrap());
    let expected = [("kind", "summary".to_owned()), ("severity", "critical".to_owned())];
    assert_eq!(publication.attributes, expected);
}

#[tokio::test]
async fn of_a_thousand_hostile_findings_as_many_as_fit_are_listed_and_the_rest_counted() {
    let listed = |text: &str| text.matches("sg-0aaaaaaaaaaaaaaaa").count();
    for number in [1, 12, 39, 40, 41, 1_000] {
        let slack = slack(hostile(number)).await.to_string();
        let teams = teams(hostile(number)).await.to_string();
        for text in [&slack, &teams] {
            let shown = listed(text);
            // The title names the only one, too.
            let more = usize::try_from(number).unwrap().saturating_sub(shown);
            assert!(shown >= usize::try_from(number).unwrap().min(10), "{shown} of {number}");
            assert_eq!(text.contains(&format!("and {more} more finding")), more > 0, "{shown} of {number}");
        }
        let document = webhook(hostile(number)).await;
        let shown = document["findings"].as_array().unwrap().len() as u64;
        assert_eq!(document["findingsOmitted"].as_u64().unwrap() + shown, number);
        sns(hostile(number)).await;
    }
}

#[tokio::test]
async fn a_summary_that_fails_is_told_again_later() {
    let http = FakeHttp::new([FakeHttp::json(200, &json!({"ok": false, "error": "ratelimited"}))]);
    let delivery = delivery(ChannelKind::Slack);
    let outcome = Slack::new(&http, "xoxb-1".into(), "#security").summarise(&summary(&delivery, mixed())).await;
    assert!(matches!(outcome, Err(Failure::Refused { retry: Retry::Later(None), .. })), "{outcome:?}");
}
