//! Topics of SNS.

use std::cell::RefCell;

use channels::{AwsCallError, Delivered, Failure, Publication, Publish, Retry, Sns, check};
use routing::ChannelKind;
use rstest::rstest;
use serde_json::Value;

use crate::support::*;
use crate::webhook::check_document;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:findings";

/// A topic that keeps what it is told, and answers the same each time.
struct Topic {
    answer: Result<(), AwsCallError>,
    published: RefCell<Vec<Publication>>,
}

impl Publish for &Topic {
    async fn publish(&self, publication: &Publication) -> Result<(), AwsCallError> {
        self.published.borrow_mut().push(publication.clone());
        self.answer.clone()
    }
}

fn story() -> Story {
    Story::new(ChannelKind::Sns)
}

async fn deliver(
    story: &Story,
    topic_arn: &str,
    answer: Result<(), AwsCallError>,
) -> (Result<Delivered, Failure>, Publication) {
    let topic = Topic { answer, published: RefCell::default() };
    let outcome = deliver_by(&Sns::new(&topic, topic_arn), story).await;
    let publication = topic.published.into_inner().pop().unwrap();
    assert_eq!(check::publication(&publication), Vec::<String>::new());
    (outcome, publication)
}

fn bodies(publication: &Publication) -> Value {
    serde_json::from_str(&publication.message).unwrap()
}

fn body(publication: &Publication, protocol: &str) -> Value {
    serde_json::from_str(bodies(publication)[protocol].as_str().unwrap()).unwrap()
}

fn attribute(publication: &Publication, name: &str) -> String {
    publication.attributes.iter().find(|(known, _)| *known == name).unwrap().1.clone()
}

#[tokio::test]
async fn each_subscriber_has_a_body_of_its_own() {
    let open = story().open("1 09:00", &[22]).context("1 09:01", "arn:aws:sts::123456789012:assumed-role/ci/ana");
    let (outcome, publication) = deliver(&open, TOPIC, Ok(())).await;
    assert_eq!(outcome, Ok(Delivered { external_id: None }));
    assert_eq!(publication.subject, "sg-0aaaaaaaaaaaaaaaa (web) is open to the internet on tcp/22: critical");
    check_document(&body(&publication, "default"));
    insta::assert_snapshot!("sns_email_open", bodies(&publication)["email"].as_str().unwrap());
    insta::assert_json_snapshot!("sns_amazon_q_open", body(&publication, "https"));
    insta::assert_json_snapshot!("sns_attributes_open", publication.attributes);

    let closed = open.told(None).closed("1 10:00", "e-1");
    let (_, publication) = deliver(&closed, TOPIC, Ok(())).await;
    insta::assert_snapshot!("sns_email_closed", bodies(&publication)["email"].as_str().unwrap());
    assert_eq!(
        (attribute(&publication, "state"), attribute(&publication, "severity")),
        ("closed".into(), "none".into())
    );
}

#[tokio::test]
async fn a_fifo_topic_orders_a_finding_and_recognises_a_repetition() {
    let open = story().open("1 09:00", &[22]);
    let fifo = format!("{TOPIC}.fifo");
    let (_, first) = deliver(&open, &fifo, Ok(())).await;
    let (_, again) = deliver(&open, &fifo, Ok(())).await;
    assert_eq!(first.fifo, again.fifo);
    let changed = open.told(None).open("1 10:00", &[23]);
    let (_, changed) = deliver(&changed, &fifo, Ok(())).await;
    let (first, changed) = (first.fifo.unwrap(), changed.fifo.unwrap());
    assert_eq!(first.group_id, changed.group_id);
    assert_ne!(first.deduplication_id, changed.deduplication_id);
}

#[rstest]
#[case::throttled(AwsCallError::Passing("throttled".into()), Some(Retry::Later(None)))]
#[case::denied(AwsCallError::Refused("sns:Publish was denied".into()), Some(Retry::AfterRepair))]
#[case::unanswered(AwsCallError::Unanswered("10 s".into()), None)]
#[tokio::test]
async fn a_failure_passes_wants_repair_or_leaves_it_open(#[case] error: AwsCallError, #[case] expected: Option<Retry>) {
    let (outcome, _) = deliver(&story().open("1 09:00", &[22]), TOPIC, Err(error.clone())).await;
    match outcome.unwrap_err() {
        Failure::Refused { error: text, retry } => {
            assert_eq!((text, Some(retry)), (error.to_string(), expected));
        }
        Failure::Unanswered { error: text, .. } => assert_eq!((text, None), (error.to_string(), expected)),
        other @ Failure::NotBefore(_) => panic!("{other:?}"),
    }
}

#[test]
fn every_publication_is_within_the_limits_whatever_the_names() {
    run(hostile_story(ChannelKind::Sns), |story| {
        let (_, publication) = block_on(deliver(&story, TOPIC, Ok(())));
        check_document(&body(&publication, "default"));
        let later = story.told(None).exposed("30 00:00", &[4_444], "0.0.0.0/0", None);
        block_on(deliver(&later, TOPIC, Ok(()))).0.unwrap();
        Ok(())
    });
}

#[tokio::test]
async fn the_longest_and_most_hostile_publication_is_within_the_limits() {
    let (_, publication) = deliver(&worst_story(ChannelKind::Sns), TOPIC, Ok(())).await;
    assert_eq!(body(&publication, "default")["news"].as_array().map(Vec::len), Some(20));
}
