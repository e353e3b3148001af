//! Security Hub.

use std::cell::RefCell;

use channels::{AwsCallError, Delivered, Failure, ImportFindings, Notice, RefusedFinding, Retry, SecurityHub, check};
use findings::asff::AsffFinding;
use findings::finding::Due;
use routing::ChannelKind;
use rstest::rstest;
use serde_json::Value;

use crate::support::*;

const ID: &str = "portcullis/123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa";

/// Security Hub that keeps the calls, and answers the same each time.
struct Hub {
    answer: Result<Vec<RefusedFinding>, AwsCallError>,
    calls: RefCell<Vec<(String, String, Vec<Value>)>>,
}

impl Hub {
    fn new(answer: Result<Vec<RefusedFinding>, AwsCallError>) -> Self {
        Self { answer, calls: RefCell::default() }
    }
}

impl ImportFindings for &Hub {
    async fn import(
        &self,
        account: &str,
        region: &str,
        findings: &[AsffFinding<'_>],
    ) -> Result<Vec<RefusedFinding>, AwsCallError> {
        let findings: Vec<Value> = findings.iter().map(|finding| serde_json::to_value(finding).unwrap()).collect();
        assert_eq!(check::asff_findings(&findings), Vec::<String>::new());
        self.calls.borrow_mut().push((account.to_owned(), region.to_owned(), findings));
        self.answer.clone()
    }
}

fn story() -> Story {
    Story::new(ChannelKind::SecurityHub)
}

async fn deliver(story: &Story, hub: &Hub) -> (Result<Delivered, Failure>, Value) {
    let outcome = deliver_by(&SecurityHub::new(hub), story).await;
    let (account, region, mut findings) = hub.calls.borrow_mut().pop().unwrap();
    assert_eq!((account.as_str(), region.as_str()), ("123456789012", "eu-west-1"));
    (outcome, findings.pop().unwrap())
}

#[tokio::test]
async fn a_group_is_one_finding_which_is_archived_at_its_end() {
    let hub = Hub::new(Ok(Vec::new()));
    let open = story().open("1 09:00", &[22]).context("1 09:01", "arn:aws:sts::123456789012:assumed-role/ci/ana");
    let (outcome, finding) = deliver(&open, &hub).await;
    assert_eq!(outcome.unwrap().external_id.unwrap().as_str(), ID);
    insta::assert_json_snapshot!("security_hub_open", finding);

    let changed = open.told(Some(ID)).open("1 10:00", &[22, 3389]);
    let (_, finding) = deliver(&changed, &hub).await;
    // Security Hub keeps what people set, and refuses nothing by it.
    assert_eq!(finding.get("Workflow"), None);
    let closed = changed.told(Some(ID)).closed("1 11:00", "e-1");
    let (_, finding) = deliver(&closed, &hub).await;
    insta::assert_json_snapshot!("security_hub_closed", finding);

    let reopened = closed.told(Some(ID)).open("1 12:00", &[22]);
    let (_, finding) = deliver(&reopened, &hub).await;
    assert_eq!((finding["RecordState"].as_str(), finding["Id"].as_str()), (Some("ACTIVE"), Some(ID)));
    assert_eq!(finding["Compliance"]["Status"], "FAILED");
}

fn refused(id: &str, code: &str) -> Vec<RefusedFinding> {
    vec![RefusedFinding { id: id.to_owned(), code: code.to_owned(), message: "see the message".to_owned() }]
}

#[rstest]
#[case::invalid(Ok(refused(ID, "InvalidInput")), Some(Retry::AfterRepair))]
#[case::internal(Ok(refused(ID, "InternalError")), Some(Retry::Later(None)))]
#[case::another(Ok(refused("another", "InvalidInput")), None)]
#[case::not_enabled(Err(AwsCallError::Refused("is not subscribed to Security Hub".into())), Some(Retry::AfterRepair))]
#[case::throttled(Err(AwsCallError::Passing("throttled".into())), Some(Retry::Later(None)))]
#[tokio::test]
async fn a_refusal_wants_repair_or_passes(
    #[case] answer: Result<Vec<RefusedFinding>, AwsCallError>,
    #[case] expected: Option<Retry>,
) {
    let (outcome, _) = deliver(&story().open("1 09:00", &[22]), &Hub::new(answer)).await;
    let retry = match outcome {
        Err(Failure::Refused { retry, .. }) => Some(retry),
        Ok(_) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(retry, expected);
}

/// Security Hub may have the group as open: if it is closed by the next attempt, the end is told.
#[tokio::test]
async fn an_import_without_an_answer_may_have_been_taken() {
    let hub = Hub::new(Err(AwsCallError::Unanswered("10 s".into())));
    let (outcome, _) = deliver(&story().open("1 09:00", &[22]), &hub).await;
    assert!(matches!(outcome, Err(Failure::Unanswered { .. })), "{outcome:?}");
}

#[tokio::test]
async fn many_are_imported_in_batches_of_their_account_and_region() {
    let here = story().open("1 09:00", &[22]);
    let there = Story::in_region(ChannelKind::SecurityHub, "eu-central-1").open("1 09:00", &[22]);
    let stories: Vec<&Story> = (0..250).map(|number| if number % 5 == 0 { &there } else { &here }).collect();
    let dues: Vec<Due> = stories.iter().map(|story| story.due()).collect();
    let notices: Vec<Notice<'_>> = stories.iter().zip(&dues).map(|(story, due)| story.notice(due)).collect();
    let hub = Hub::new(Ok(refused(ID, "InvalidInput")));
    let outcomes = SecurityHub::new(&hub).deliver_all(&notices).await;
    let sizes: Vec<(String, usize)> =
        hub.calls.borrow().iter().map(|(_, region, findings)| (region.clone(), findings.len())).collect();
    let expected = [("eu-central-1", 50), ("eu-west-1", 100), ("eu-west-1", 100)].map(|(r, n)| (r.to_owned(), n));
    assert_eq!(sizes, expected);
    assert_eq!(outcomes.len(), 250);
    for (number, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_ok(), number % 5 == 0, "{outcome:?}");
    }
}

#[test]
fn every_finding_is_within_the_limits_whatever_the_names() {
    run(hostile_story(ChannelKind::SecurityHub), |story| {
        block_on(deliver(&story, &Hub::new(Ok(Vec::new())))).0.unwrap();
        Ok(())
    });
    block_on(deliver(&worst_story(ChannelKind::SecurityHub), &Hub::new(Ok(Vec::new())))).0.unwrap();
}
