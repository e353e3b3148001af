//! Opening the channels of a document with their secrets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use channels::{
    AwsCallError, Delivered, Failure, FakeHttp, ImportFindings, Notice, Occasion, Publication, Publish, RefusedFinding,
    Retry, Secret, Secrets, Summary, SummaryEntry,
};
use findings::asff::AsffFinding;
use findings::finding::{ConfigVerdict, Due, Finding, Moment, Observation, Observed, Source};
use jiff::{SignedDuration, Timestamp};
use reporter::{ChannelOutlets, Outlets};
use routing::{Channel, Delivery, Document, Resolution, SecretRef, Subject, resolve};
use rstest::rstest;
use serde_json::json;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn start() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().unwrap()
}

fn document(channel: &str) -> Document {
    format!(r#"{{"version": 1, "channels": {{"one": {channel}}}, "defaultChannels": ["one"]}}"#).parse().unwrap()
}

fn open() -> Finding {
    let mut finding = Finding::new("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse().unwrap());
    let what = Observed::Compliance(ConfigVerdict::NonCompliant, Source::Change);
    finding.apply(&Observation { at: Moment::live(start()), what });
    finding
}

/// Where secrets are kept, SNS, and Security Hub.
#[derive(Default)]
struct Account {
    secrets: RefCell<BTreeMap<String, Result<&'static str, AwsCallError>>>,
    reads: RefCell<Vec<String>>,
    publications: RefCell<Vec<Publication>>,
    imports: Cell<usize>,
}

impl Account {
    fn with(secrets: &[(&str, &'static str)]) -> Self {
        let account = Self::default();
        for (reference, secret) in secrets {
            account.keep(reference, Ok(secret));
        }
        account
    }

    fn keep(&self, reference: &str, secret: Result<&'static str, AwsCallError>) {
        self.secrets.borrow_mut().insert(reference.to_owned(), secret);
    }

    fn outlets<'a>(&'a self, http: &'a FakeHttp) -> ChannelOutlets<&'a FakeHttp, &'a Self, &'a Self, &'a Self> {
        ChannelOutlets::new(http, self, self, self)
    }
}

impl Secrets for Account {
    async fn secret(&self, reference: &SecretRef) -> Result<Secret, AwsCallError> {
        self.reads.borrow_mut().push(reference.to_string());
        // Others get their turn while it is read.
        tokio::task::yield_now().await;
        let secret = self.secrets.borrow().get(&reference.to_string()).cloned();
        secret
            .unwrap_or_else(|| Err(AwsCallError::Refused(format!("{reference} does not exist: create it"))))
            .map(Secret::from)
    }
}

impl Publish for Account {
    async fn publish(&self, publication: &Publication) -> Result<(), AwsCallError> {
        self.publications.borrow_mut().push(publication.clone());
        Ok(())
    }
}

impl ImportFindings for Account {
    async fn import(
        &self,
        _: &str,
        _: &str,
        findings: &[AsffFinding<'_>],
    ) -> Result<Vec<RefusedFinding>, AwsCallError> {
        self.imports.set(self.imports.get() + findings.len());
        Ok(Vec::new())
    }
}

/// Tells the only channel of a document of an open finding.
async fn deliver(outlets: &impl Outlets, document: &Document, now: Timestamp) -> Result<Delivered, Failure> {
    let finding = open();
    let Resolution { deliveries, ownership, .. } = resolve(document, &Subject::new(document, &finding, now));
    let delivery: &Delivery = &deliveries[0];
    let due: Due = finding.due(&"one".into(), delivery.kind.manner(), now).unwrap();
    let notice = Notice { finding: &finding, due: &due, delivery, ownership: &ownership, news: &[], now };
    outlets.deliver(&document.channels["one"], &notice).await
}

fn posted() -> channels::Reply {
    FakeHttp::json(200, &json!({"ok": true, "channel": "C0123456789", "ts": "1.2"}))
}

fn refused() -> channels::Reply {
    FakeHttp::json(200, &json!({"ok": false, "error": "invalid_auth"}))
}

const SLACK: &str = r##"{"kind": "slack", "token": "ssm:/slack", "channel": "#security"}"##;

/// What each request has: its URL, and the value of `authorization`.
fn sent(http: &FakeHttp) -> Vec<(String, String)> {
    let authorization = |headers: &[(&'static str, Secret)]| {
        let of = headers.iter().find(|(name, _)| *name == "authorization");
        of.map(|(_, value)| value.expose().to_owned()).unwrap_or_default()
    };
    http.requests().iter().map(|request| (request.url.expose().to_owned(), authorization(&request.headers))).collect()
}

#[rstest]
#[case::slack(SLACK, "https://slack.com/api/chat.postMessage", "Bearer xoxb-1")]
#[case::gov(
    r##"{"kind": "slack", "token": "ssm:/slack", "channel": "#c", "apiUrl": "https://slack-gov.com/api/"}"##,
    "https://slack-gov.com/api/chat.postMessage",
    "Bearer xoxb-1"
)]
#[case::slack_webhook(r#"{"kind": "slack", "webhook": "ssm:/url"}"#, "https://example.com/key", "")]
#[case::teams(r#"{"kind": "teams", "webhook": "ssm:/url"}"#, "https://example.com/key", "")]
#[case::jira(
    r#"{"kind": "jira", "flavour": "dataCenter", "url": "https://jira.example.com/", "secret": "ssm:/jira", "project": "SEC"}"#,
    "https://jira.example.com/rest/api/2/search",
    "Bearer t0ken"
)]
#[case::pagerduty(
    r#"{"kind": "pagerduty", "routingKey": "ssm:/pager"}"#,
    "https://events.pagerduty.com/v2/enqueue",
    ""
)]
#[case::pagerduty_eu(
    r#"{"kind": "pagerduty", "routingKey": "ssm:/pager", "eventsUrl": "https://events.eu.pagerduty.com"}"#,
    "https://events.eu.pagerduty.com/v2/enqueue",
    ""
)]
#[case::webhook(
    r#"{"kind": "webhook", "url": "https://example.com/in", "secret": "ssm:/key"}"#,
    "https://example.com/in",
    ""
)]
#[case::webhook_of_a_secret(
    r#"{"kind": "webhook", "url": "ssm:/url", "secret": "ssm:/key"}"#,
    "https://example.com/key",
    ""
)]
#[tokio::test]
async fn a_channel_is_opened_with_its_secrets(#[case] channel: &str, #[case] url: &str, #[case] authorization: &str) {
    let account = Account::with(&[
        ("ssm:/slack", "xoxb-1"),
        ("ssm:/url", "https://example.com/key"),
        ("ssm:/jira", "t0ken"),
        ("ssm:/pager", "0123456789abcdef0123456789abcdef"),
        ("ssm:/key", KEY),
    ]);
    let http = FakeHttp::new([FakeHttp::text(418, "")]);
    let failure = deliver(&account.outlets(&http), &document(channel), start()).await.unwrap_err();
    assert!(failure.to_string().contains("418"), "{failure}");
    let sent = sent(&http);
    assert!(sent[0].0.starts_with(url), "{sent:?}");
    assert_eq!(sent[0].1, authorization);
}

#[tokio::test]
async fn channels_of_aws_need_no_secret() {
    let account = Account::default();
    let http = FakeHttp::new([]);
    let outlets = account.outlets(&http);
    let topic = document(r#"{"kind": "sns", "topicArn": "arn:aws:sns:eu-west-1:111122223333:findings"}"#);
    deliver(&outlets, &topic, start()).await.unwrap();
    deliver(&outlets, &document(r#"{"kind": "securityHub"}"#), start()).await.unwrap();
    assert_eq!(account.publications.borrow()[0].topic_arn, "arn:aws:sns:eu-west-1:111122223333:findings");
    assert_eq!((account.imports.get(), account.reads.borrow().len()), (1, 0));
}

#[tokio::test]
async fn a_secret_is_read_once_in_ten_minutes_also_by_eight_at_once() {
    let account = Account::with(&[("ssm:/slack", "xoxb-1")]);
    let http = FakeHttp::new((0..10).map(|_| posted()));
    let (outlets, document) = (account.outlets(&http), document(SLACK));
    let at_once = (0..8).map(|_| deliver(&outlets, &document, start()));
    for outcome in futures::future::join_all(at_once).await {
        outcome.unwrap();
    }
    deliver(&outlets, &document, start() + SignedDuration::from_mins(9)).await.unwrap();
    assert_eq!(account.reads.borrow().len(), 1);
    account.keep("ssm:/slack", Ok("xoxb-2"));
    deliver(&outlets, &document, start() + SignedDuration::from_mins(10)).await.unwrap();
    assert_eq!(account.reads.borrow().len(), 2);
    assert_eq!(sent(&http).last().unwrap().1, "Bearer xoxb-2");
}

#[tokio::test]
async fn refused_credentials_that_were_replaced_are_read_anew_and_used_at_once() {
    let account = Account::with(&[("ssm:/slack", "xoxb-1")]);
    let http = FakeHttp::new([posted(), refused(), posted()]);
    let (outlets, document) = (account.outlets(&http), document(SLACK));
    deliver(&outlets, &document, start()).await.unwrap();
    account.keep("ssm:/slack", Ok("xoxb-2"));
    deliver(&outlets, &document, start() + SignedDuration::from_mins(5)).await.unwrap();
    let tokens: Vec<_> = sent(&http).into_iter().map(|(_, token)| token).collect();
    assert_eq!(tokens, ["Bearer xoxb-1", "Bearer xoxb-1", "Bearer xoxb-2"]);
}

/// As an HTTP client says of a URL in a secret that is none, or that has no TLS.
#[tokio::test]
async fn a_url_in_a_secret_that_was_corrected_is_read_anew_and_used_at_once() {
    let account = Account::with(&[("ssm:/url", "http://example.com/key")]);
    let invalid = || Err(channels::HttpError::Invalid("it has no TLS: write https://".to_owned()));
    let http = FakeHttp::new([invalid(), invalid(), FakeHttp::text(200, "")]);
    let (outlets, document) = (account.outlets(&http), document(r#"{"kind": "teams", "webhook": "ssm:/url"}"#));
    let failure = deliver(&outlets, &document, start()).await.unwrap_err();
    assert!(failure.to_string().contains("write https://"), "{failure}");
    account.keep("ssm:/url", Ok("https://example.com/key"));
    deliver(&outlets, &document, start() + SignedDuration::from_mins(5)).await.unwrap();
    assert_eq!(sent(&http).last().unwrap().0, "https://example.com/key");
}

#[tokio::test]
async fn refused_credentials_that_were_not_replaced_are_read_anew_once_and_not_used_again() {
    let account = Account::with(&[("ssm:/slack", "xoxb-1")]);
    let http = FakeHttp::new([posted(), refused(), refused()]);
    let (outlets, document) = (account.outlets(&http), document(SLACK));
    deliver(&outlets, &document, start()).await.unwrap();
    for seconds in [300, 301] {
        let failure = deliver(&outlets, &document, start() + SignedDuration::from_secs(seconds)).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused { retry: Retry::AfterNewCredentials, .. }), "{failure:?}");
        assert!(failure.to_string().contains("invalid_auth"), "{failure}");
    }
    assert_eq!((http.requests().len(), account.reads.borrow().len()), (3, 2));
}

#[rstest]
#[case::denied(AwsCallError::Refused("ssm:GetParameter on ssm:/slack was denied".into()), Retry::AfterNewCredentials)]
#[case::throttled(AwsCallError::Passing("ssm:GetParameter on ssm:/slack was throttled".into()), Retry::Later(None))]
// A secret that may have been read is not a message that may have been sent.
#[case::unanswered(AwsCallError::Unanswered("ssm:GetParameter on ssm:/slack: no answer".into()), Retry::Later(None))]
#[tokio::test]
async fn a_secret_that_cannot_be_read_fails_its_channel_only(#[case] error: AwsCallError, #[case] expected: Retry) {
    let account = Account::with(&[("ssm:/url", "https://example.com/key")]);
    account.keep("ssm:/slack", Err(error.clone()));
    let http = FakeHttp::new([FakeHttp::text(200, "")]);
    let outlets = account.outlets(&http);
    match deliver(&outlets, &document(SLACK), start()).await.unwrap_err() {
        Failure::Refused { error: said, retry } => assert_eq!((said, retry), (error.to_string(), expected)),
        other => panic!("{other:?}"),
    }
    assert!(http.requests().is_empty());
    deliver(&outlets, &document(r#"{"kind": "teams", "webhook": "ssm:/url"}"#), start()).await.unwrap();
}

/// Where secrets are kept, hanging.
struct Hanging;

impl Secrets for Hanging {
    async fn secret(&self, _: &SecretRef) -> Result<Secret, AwsCallError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_not_answered_leaves_nothing_in_doubt_also_of_eight_at_once() {
    let (account, http) = (Account::default(), FakeHttp::new([]));
    let outlets = ChannelOutlets::new(&http, Hanging, &account, &account);
    let document = document(SLACK);
    let start_of_all = tokio::time::Instant::now();
    for outcome in futures::future::join_all((0..8).map(|_| deliver(&outlets, &document, start()))).await {
        match outcome.unwrap_err() {
            Failure::Refused { error, retry: Retry::Later(None) } => assert!(error.contains("ssm:/slack"), "{error}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(start_of_all.elapsed(), std::time::Duration::from_secs(10));
}

#[tokio::test]
async fn the_key_of_a_webhook_that_is_none_is_named_and_not_shown() {
    let account = Account::with(&[("ssm:/key", "hunter2")]);
    let http = FakeHttp::new([]);
    let hook = document(r#"{"kind": "webhook", "url": "https://example.com/in", "secret": "ssm:/key"}"#);
    let failure = deliver(&account.outlets(&http), &hook, start()).await.unwrap_err().to_string();
    assert!(failure.contains("whsec_") && !failure.contains("hunter2"), "{failure}");
}

#[rstest]
#[case::slack(SLACK, None)]
#[case::pagerduty(r#"{"kind": "pagerduty", "routingKey": "ssm:/slack"}"#, Some("pagerduty has no summary"))]
#[case::hub(r#"{"kind": "securityHub"}"#, Some("securityHub has no summary"))]
#[tokio::test]
async fn a_summary_is_for_channels_that_have_one(#[case] channel: &str, #[case] refusal: Option<&str>) {
    let account = Account::with(&[("ssm:/slack", "xoxb-1")]);
    let http = FakeHttp::new([posted()]);
    let document = document(channel);
    let finding = open();
    let delivery = resolve(&document, &Subject::new(&document, &finding, start())).deliveries.remove(0);
    let entries = vec![SummaryEntry::from(&finding)];
    let summary = Summary::new("digest-1", Occasion::Digest, None, &delivery, entries, start());
    let channel: &Channel = &document.channels["one"];
    let outcome = account.outlets(&http).summarise(channel, &summary).await;
    match refusal {
        None => assert!(outcome.is_ok() && sent(&http)[0].0.ends_with("chat.postMessage")),
        Some(part) => assert!(outcome.unwrap_err().to_string().contains(part) && http.requests().is_empty()),
    }
}
