//! `PagerDuty`: what an event says, which news is worth one, and what becomes of answers.

mod promise;

use std::time::Duration;

use channels::{Channel as _, Failure, FakeHttp, HttpError, PagerDuty, Response, Retry, check};
use findings::finding::{Attachment, Context, Due, Manner, Observed, Opener, Outcome, Owner, OwnerSource};
use routing::ChannelKind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{self, Story, block_on, time};

const KEY: &str = "0123456789abcdef0123456789ABCDEF";
const CHANNEL: &str = "pager";

fn accepted() -> Result<Response, HttpError> {
    FakeHttp::json(202, &json!({"status": "success", "message": "Event processed", "dedup_key": "x"}))
}

fn due(story: &Story) -> Due {
    story.finding.due(&CHANNEL.into(), Manner::Ticket, story.now).unwrap()
}

fn deliver(story: &Story, reply: Result<Response, HttpError>) -> (Result<Option<String>, Failure>, Vec<Value>) {
    let http = FakeHttp::new([reply]);
    let due = due(story);
    let channel = PagerDuty::new(&http, format!("{KEY}\n").as_str().into());
    let outcome = block_on(channel.deliver(&story.notice(&due)));
    let id = outcome.map(|delivered| delivered.external_id.map(|id| id.as_str().to_owned()));
    let requests = http.requests();
    assert!(requests.iter().all(|request| request.url.expose() == "https://events.pagerduty.com/v2/enqueue"));
    (id, requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect())
}

fn check(event: &Value) {
    assert_eq!(check::pagerduty_event(event), Vec::<String>::new());
}

fn told(mut story: Story) -> Story {
    let due = due(&story);
    story.finding.delivered(&CHANNEL.into(), &due, Some("id".into())).unwrap();
    story.news.clear();
    story
}

fn open() -> Story {
    Story::new(ChannelKind::PagerDuty).open("1 09:00", &[22])
}

#[test]
fn an_event_says_what_is_open() {
    let (id, events) = deliver(&open().context("1 09:01", "arn:aws:iam::123456789012:user/ana"), accepted());
    assert_eq!(id.unwrap().as_deref(), Some("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis"));
    check(&events[0]);
    insta::assert_json_snapshot!("pagerduty_trigger", events[0]);
}

#[test]
fn the_end_is_a_resolve_with_the_same_key() {
    let (id, events) = deliver(&told(open()).compliant("1 10:00"), accepted());
    let key = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis";
    assert_eq!(id.unwrap().as_deref(), Some(key));
    assert_eq!(events, [json!({"routing_key": KEY, "event_action": "resolve", "dedup_key": key})]);
}

fn attached(interfaces: u32, public: bool) -> Observed {
    let attachment = Some(Attachment { interfaces, public, example: None });
    Observed::Context(Context { attachment, ..Context::default() })
}

#[rstest]
#[case::critical(1, true, "critical")]
#[case::high(1, false, "error")]
#[case::low(0, false, "info")]
fn severities_have_the_names_of_pagerduty(#[case] interfaces: u32, #[case] public: bool, #[case] expected: &str) {
    let (_, events) = deliver(&open().see("1 09:01", attached(interfaces, public)), accepted());
    assert_eq!(events[0]["payload"]["severity"], expected);
}

/// If a person has resolved the incident, another event pages again.
#[rstest]
#[case::more(|story: Story| story.open("1 10:00", &[22, 3389]), true)]
#[case::worse(|story: Story| story.see("1 10:00", attached(1, true)), true)]
#[case::better(|story: Story| story.see("1 10:00", attached(0, false)), false)]
#[case::failed(|story: Story| story.remediated("1 10:00", "e-1", Outcome::CloseFailed), true)]
#[case::parked(|story: Story| story.parked("1 10:00"), true)]
#[case::opener(|story: Story| story.see("1 10:00", opener()), false)]
#[case::owner(|story: Story| story.see("1 10:00", owner()), false)]
// A history is lost before a finding: it may have been one of these.
#[case::lost(|story: Story| Story { news: Vec::new(), ..story.see("1 10:00", owner()) }, true)]
fn only_some_news_is_worth_an_event(#[case] then: fn(Story) -> Story, #[case] is_sent: bool) {
    let (outcome, events) = deliver(&then(told(open())), accepted());
    assert_eq!((outcome.is_ok(), events.len()), (true, usize::from(is_sent)));
}

fn owner() -> Observed {
    let owner = Some(Owner { name: "web".into(), source: OwnerSource::GroupTag });
    Observed::Context(Context { owner, ..Context::default() })
}

fn opener() -> Observed {
    let opener = Opener { at: time("1 09:00"), principal: "ana".into(), user_agent: None, stack: None };
    Observed::Context(Context { opener: Some(opener), ..Context::default() })
}

#[expect(clippy::unnecessary_wraps, reason = "one of the replies")]
fn answer(status: u16, body: &str) -> Result<Response, HttpError> {
    let headers = vec![("retry-after".to_owned(), "30".to_owned())];
    Ok(Response { status, headers, body: body.as_bytes().to_vec() })
}

const REPAIR: Option<Retry> = Some(Retry::AfterRepair);
const CREDENTIALS: Option<Retry> = Some(Retry::AfterNewCredentials);
const IN_30_S: Option<Retry> = Some(Retry::Later(Some(Duration::from_secs(30))));

#[rstest]
#[case::invalid(
    answer(
        400,
        r#"{"status": "invalid event", "message": "Event object is invalid",
    "errors": ["Length of 'routing_key' is incorrect"]}"#
    ),
    CREDENTIALS,
    "Length of 'routing_key'"
)]
#[case::repeats_the_key(answer(400, &json!({"message": format!("no {KEY}")}).to_string()), REPAIR, "no reason given")]
#[case::page(answer(400, "<html>"), REPAIR, "no reason given")]
#[case::limited(answer(429, ""), IN_30_S, "429")]
#[case::error(answer(500, ""), None, "500")]
#[case::unavailable(answer(503, ""), None, "503")]
#[case::redirection(answer(302, ""), REPAIR, "base URL")]
#[case::denied(answer(403, ""), CREDENTIALS, "integration key")]
#[case::missing(answer(404, ""), REPAIR, "base URL")]
#[case::proxy(answer(200, "<html>"), None, "proxies")]
#[case::no_connection(Err(HttpError::NotSent("no such host".to_owned())), Some(Retry::Later(None)), "no such host")]
#[case::not_sent(Err(HttpError::Invalid("a secret would be sent without TLS".to_owned())), REPAIR, "without TLS")]
#[case::time_out(Err(HttpError::Unanswered("within 10 s".to_owned())), None, "within 10 s")]
fn an_answer_says_whether_and_when_to_try_again(
    #[case] reply: Result<Response, HttpError>,
    #[case] expected: Option<Retry>,
    #[case] part: &str,
) {
    let (error, retry) = match deliver(&open(), reply).0.unwrap_err() {
        Failure::Refused { error, retry } => (error, Some(retry)),
        Failure::Unanswered { error, .. } => (error, None),
        other @ Failure::NotBefore(_) => panic!("{other:?}"),
    };
    assert_eq!(retry, expected, "{error}");
    assert!(error.contains(part) && !error.contains(KEY) && error.chars().count() < 300, "{error}");
}

#[test]
fn a_receiver_that_is_not_available_says_for_how_long() {
    let headers = vec![("retry-after".to_owned(), "3600".to_owned())];
    let reply = Ok(Response { status: 503, headers, body: Vec::new() });
    let failure = deliver(&open(), reply).0.unwrap_err();
    let wait = Some(std::time::Duration::from_hours(1));
    assert_eq!(failure, Failure::Unanswered { error: "PagerDuty answered 503".to_owned(), wait });
}

#[test]
fn a_malformed_key_is_not_sent() {
    let story = open();
    let due = due(&story);
    for key in ["", "a b", "https://events.pagerduty.com/", &"a".repeat(65)] {
        let http = FakeHttp::new([accepted()]);
        let failure = block_on(PagerDuty::new(&http, key.into()).deliver(&story.notice(&due))).unwrap_err();
        assert!(failure.to_string().contains(": store the integration key"), "{failure}");
        assert!(http.requests().is_empty());
    }
}

#[test]
fn another_service_region_has_another_host() {
    let story = open();
    let http = FakeHttp::new([accepted()]);
    let channel = PagerDuty::new(&http, KEY.into()).at("https://events.eu.pagerduty.com/");
    block_on(channel.deliver(&story.notice(&due(&story)))).unwrap();
    assert_eq!(http.requests()[0].url.expose(), "https://events.eu.pagerduty.com/v2/enqueue");
}

#[test]
fn hostile_texts_are_within_the_limits() {
    support::run(support::hostile_story(ChannelKind::PagerDuty), |story| {
        if story.finding.due(&CHANNEL.into(), Manner::Ticket, story.now).is_some() {
            let (outcome, events) = deliver(&story, accepted());
            outcome.unwrap();
            events.iter().for_each(check);
        }
        Ok(())
    });
}

#[test]
fn after_a_lost_answer_the_next_event_waits_for_the_first_one() {
    let mut story = open();
    story.finding.begin(&CHANNEL.into(), time("1 09:05")).unwrap();
    story.finding.unanswered(&CHANNEL.into(), "within 10 s", time("1 09:05")).unwrap();
    story.now = time("1 09:06");
    let (outcome, events) = deliver(&story, accepted());
    assert_eq!((outcome.unwrap_err(), events.len()), (Failure::NotBefore(time("1 09:07")), 0));
    story.now = time("1 09:07");
    assert!(deliver(&story, accepted()).0.is_ok());
}
