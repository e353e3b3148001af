//! Webhooks, and the document that programs are told.

use std::sync::LazyLock;
use std::time::Duration;

use channels::{Delivered, Failure, FakeHttp, HttpError, Reply, Request, Response, Retry, Webhook};
use jsonschema::Validator;
use routing::ChannelKind;
use rstest::rstest;
use serde_json::Value;

use crate::support::*;

const SCHEMA: &str = include_str!("../../../../docs/channels/notice.schema.json");
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn story() -> Story {
    Story::new(ChannelKind::Webhook)
}

/// The document is what its schema says, and has no other keys.
pub(crate) fn check_document(document: &Value) {
    static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
        let mut schema: Value = serde_json::from_str(SCHEMA).unwrap();
        close(&mut schema);
        jsonschema::validator_for(&schema).unwrap()
    });
    let errors: Vec<String> = VALIDATOR.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{document}");
}

/// The samples of the book are what the program sends.
pub(crate) fn assert_sample(document: &Value, sample: &str) {
    let sample: Value = serde_json::from_str(sample).unwrap();
    assert_eq!(*document, sample, "write to the sample: {document:#}");
}

/// Readers ignore keys that they do not know. The program has none that the schema does not describe.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(elements) => elements.iter_mut().for_each(close),
        _ => {}
    }
}

async fn deliver(story: &Story, reply: Reply) -> (Result<Delivered, Failure>, Request) {
    let http = FakeHttp::new([reply]);
    let webhook = Webhook::new(&http, "https://example.com/hook".into(), &SECRET.into()).unwrap();
    let outcome = deliver_by(&webhook, story).await;
    (outcome, http.requests().pop().unwrap())
}

fn header<'r>(request: &'r Request, name: &str) -> &'r str {
    request.headers.iter().find(|(known, _)| *known == name).unwrap().1.expose()
}

fn document(request: &Request) -> Value {
    assert!(request.body.len() <= 100_000);
    let document: Value = serde_json::from_slice(&request.body).unwrap();
    check_document(&document);
    assert_eq!(document["id"], header(request, "webhook-id"));
    document
}

#[tokio::test]
async fn each_delivery_is_a_signed_document() {
    let open = story().open("1 09:00", &[22]).context("1 09:01", "arn:aws:sts::123456789012:assumed-role/ci/ana");
    let (outcome, request) = deliver(&open, FakeHttp::text(204, "")).await;
    assert_eq!(outcome, Ok(Delivered { external_id: None }));
    assert_eq!(header(&request, "webhook-timestamp"), open.now.as_second().to_string());
    assert!(header(&request, "webhook-signature").starts_with("v1,"));
    assert_sample(&document(&request), include_str!("../../../../docs/channels/notice-open.json"));

    let closed = open.told(None).closed("1 10:00", "e-1");
    let (_, request) = deliver(&closed, FakeHttp::text(200, "ok")).await;
    assert_sample(&document(&request), include_str!("../../../../docs/channels/notice-closed.json"));
    let reopened = closed.told(None).open("1 11:00", &[22]);
    let (_, request) = deliver(&reopened, FakeHttp::text(200, "ok")).await;
    let document = document(&request);
    assert_eq!(
        (document["news"][0]["change"].as_str(), document["finding"]["reopenings"].as_u64()),
        (Some("reopened"), Some(1))
    );
}

#[tokio::test]
async fn a_repetition_has_the_same_id_and_other_news_another_one() {
    let open = story().open("1 09:00", &[22]);
    let id = async |story: &Story| header(&deliver(story, FakeHttp::text(200, "")).await.1, "webhook-id").to_owned();
    let first = id(&open).await;
    assert_eq!(first, id(&Story { now: time("1 12:00"), ..open.clone() }).await);
    let mut other = open.clone();
    other.delivery.channel = "another".to_owned();
    assert_ne!(first, id(&other).await);
    assert_ne!(first, id(&open.told(None).compliant("1 10:00")).await);
    assert!(!first.contains('.'), "{first}");
}

/// The table of findings is lost: the revisions are counted anew, and ids are not.
#[tokio::test]
async fn a_lost_finding_repeats_no_id_for_other_news() {
    let id = async |story: &Story| header(&deliver(story, FakeHttp::text(200, "")).await.1, "webhook-id").to_owned();
    let open = story().open("1 09:00", &[22]);
    let first = id(&open).await;
    assert_eq!(first, id(&story().open("1 09:00", &[22])).await);
    assert_ne!(first, id(&story().open("1 10:00", &[22])).await);
    assert_ne!(first, id(&story().open("1 09:00", &[22, 3389])).await);
    let again = open.told(None).compliant("1 10:00").told(None).open("1 11:00", &[22]);
    assert_eq!(id(&again).await, id(&story().open("1 11:00", &[22])).await);
}

#[rstest]
#[case::gone(410, Retry::AfterNewCredentials)]
#[case::bad(400, Retry::AfterRepair)]
#[case::many(429, Retry::Later(Some(Duration::from_secs(9))))]
#[case::unavailable(503, Retry::Later(Some(Duration::from_secs(9))))]
#[tokio::test]
async fn a_status_wants_repair_or_passes(#[case] status: u16, #[case] expected: Retry) {
    let headers = vec![("retry-after".to_owned(), "9".to_owned())];
    let (outcome, _) =
        deliver(&story().open("1 09:00", &[22]), Ok(Response { status, headers, body: Vec::new() })).await;
    let Err(Failure::Refused { retry, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(retry, expected);
}

/// The receiver may know that the group is open: if it is exempt or muted by the next attempt, the end is told.
#[tokio::test]
async fn a_time_out_before_the_request_did_nothing_and_one_after_it_may_have() {
    let open = story().open("1 09:00", &[22]);
    let (outcome, _) = deliver(&open, Err(HttpError::NotSent("no address".into()))).await;
    assert!(matches!(outcome, Err(Failure::Refused { retry: Retry::Later(None), .. })), "{outcome:?}");
    for reply in [Err(HttpError::Unanswered("10 s".into())), FakeHttp::text(500, ""), FakeHttp::text(504, "")] {
        let (outcome, _) = deliver(&open, reply).await;
        assert!(matches!(outcome, Err(Failure::Unanswered { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn states_and_what_stands_beside_them_are_in_the_schema() {
    let open = story().open("1 09:00", &[22]);
    let stories = [
        open.clone().parked("1 09:10").unjudged("1 09:20"),
        open.clone().rejected("1 09:10"),
        open.clone().exempt("1 10:00", None),
        open.clone().told(None).muted("1 09:30", None).compliant("1 10:00"),
        open.remediated("1 09:10", "e-1", findings::finding::Outcome::PartlyClosed),
    ];
    for story in stories {
        let told = story.finding.due(&"the-channel".into(), findings::finding::Manner::Messages, story.now);
        if told.is_some() {
            let (_, request) = deliver(&story, FakeHttp::text(200, "")).await;
            document(&request);
        }
    }
}

#[test]
fn every_document_is_within_the_limit_whatever_the_names() {
    run(hostile_story(ChannelKind::Webhook), |story| {
        document(&block_on(deliver(&story, FakeHttp::text(200, ""))).1);
        Ok(())
    });
}

#[tokio::test]
async fn the_longest_and_most_hostile_document_is_within_the_limit() {
    let story = worst_story(ChannelKind::Webhook);
    let document = document(&deliver(&story, FakeHttp::text(200, "")).await.1);
    assert_eq!(document["finding"]["securityGroup"]["tags"].as_object().map(serde_json::Map::len), Some(50));
    assert_eq!(document["news"].as_array().map(Vec::len), Some(20));
    assert_eq!(document["newsOmitted"].as_u64(), Some(u64::try_from(story.news.len()).unwrap() - 20));
}
