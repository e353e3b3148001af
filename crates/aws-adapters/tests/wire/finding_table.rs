//! The table of findings in `DynamoDB`.

use aws_adapters::FindingTable;
use findings::finding::{
    Assessed, AssessedVerdict, ConfigVerdict, ExposureList, Finding, FindingKey, GroupFacts, HistoryEntry, Moment,
    Observation, Observed, Source, State,
};
use findings::store::{FindingStore, Listing, Put, StoreError, record};
use findings::{FoundExposure, Openness};
use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::{Canned, LOST};

const KEY: &str = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis";
const DONE: (u16, &str) = (200, "{}");
const FAILED_CONDITION: (u16, &str) =
    (400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}"#);

fn key() -> FindingKey {
    KEY.parse().unwrap()
}

fn table(aws: &Canned) -> FindingTable {
    FindingTable::new(&aws.sdk, "findings".into(), 400)
}

fn open() -> Observation {
    let exposure = FoundExposure {
        rule_id: Some("sgr-1".into()),
        protocol: "tcp".into(),
        from_port: Some(22),
        to_port: Some(22),
        source: "0.0.0.0/0".into(),
        ports: vec!["tcp/22".into()],
        reach: exposure::Reach::World,
        description: Some("<!channel>".into()),
        location: None,
    };
    let group = GroupFacts { name: Some("web".into()), vpc_id: Some("vpc-1".into()), ..GroupFacts::default() };
    let group = group.with_tags([("owner", "jane@example.com"), ("empty", "")]);
    let verdict = AssessedVerdict::Open { exposures: ExposureList::new([&exposure]), exempted: 0 };
    let what = Observed::Assessed(Box::new(Assessed { source: Source::Change, verdict, group, closes: None }));
    Observation { at: Moment::live("2026-12-01T09:00:00Z".parse().unwrap()), what }
}

fn compliant() -> Observation {
    let at = Moment::live("2026-12-01T09:05:00Z".parse().unwrap());
    Observation { at, what: Observed::Compliance(ConfigVerdict::Compliant, Source::Change) }
}

/// A finding after these observations, as it is before it is written for the first time.
fn finding(observations: &[Observation]) -> (Finding, Vec<HistoryEntry>) {
    let mut finding = Finding::new(key());
    let history = observations.iter().flat_map(|observation| finding.apply(observation).history).collect();
    (finding, history)
}

fn sent(aws: &Canned) -> Vec<(String, Value)> {
    let request = |request: String| {
        let (target, body) = request.split_once(' ').unwrap();
        (target.to_owned(), serde_json::from_str(body).unwrap())
    };
    aws.requests().into_iter().map(request).collect()
}

#[tokio::test]
async fn a_finding_and_its_history_are_written_together_if_there_is_no_item_yet() {
    let aws = Canned::serve([DONE]).await;
    let (finding, history) = finding(&[open()]);
    assert_eq!(table(&aws).put(&finding, &history).await.unwrap(), Put::Stored(Box::new(finding.stored())));
    let [(target, body)] = &sent(&aws)[..] else { panic!("one call") };
    assert_eq!(target, "DynamoDB_20120810.TransactWriteItems");
    assert!(body["ClientRequestToken"].is_string(), "a retry is carried out once");
    let [item, entry] = body["TransactItems"].as_array().unwrap().as_slice() else { panic!("two items: {body}") };
    let (item, entry) = (&item["Put"], &entry["Put"]);
    assert_eq!((&item["TableName"], &entry["TableName"]), (&json!("findings"), &json!("findings")));
    assert_eq!(item["ConditionExpression"], "attribute_not_exists(#key)");
    assert_eq!(item["ExpressionAttributeNames"], json!({"#key": "key"}));
    let attributes = &item["Item"];
    for (name, value) in [
        ("key", json!({"S": KEY})),
        ("part", json!({"S": "finding"})),
        ("account", json!({"S": "123456789012"})),
        ("state", json!({"S": "open"})),
        ("status", json!({"S": "open_completely"})),
        ("version", json!({"N": "1"})),
        ("format", json!({"S": "portcullis.finding/1"})),
    ] {
        assert_eq!(attributes[name], value, "{name}");
    }
    // An index takes no null, and an open finding does not expire.
    assert_eq!((&attributes["owner"], &attributes["expires"]), (&Value::Null, &Value::Null));
    assert_eq!(
        attributes["issue_details"],
        json!({"M": {
            "name": {"S": "web"}, "region": {"S": "eu-west-1"}, "vpc_id": {"S": "vpc-1"}, "status": {"S": "open_completely"},
            "perms": {"L": [{"M": {
                "protocol": {"S": "tcp"}, "from_port": {"N": "22"}, "to_port": {"N": "22"}, "cidr": {"S": "0.0.0.0/0"},
                "status": {"S": "open_completely"},
            }}]},
            "tags": {"M": {"owner": {"S": "jane@example.com"}, "empty": {"S": ""}}},
        }})
    );
    assert_eq!(entry["Item"]["part"], json!({"S": "history/00000000000000000001/000"}));
    assert_eq!(entry["Item"]["news"], json!({"S": "opened"}));
    assert!(entry["Item"]["expires"]["N"].is_string());
    for index in ["account", "state", "owner"] {
        assert_eq!(entry["Item"][index], Value::Null, "the history is in no index");
    }
}

#[tokio::test]
async fn a_later_write_names_the_version_that_was_read() {
    let aws = Canned::serve([DONE]).await;
    let finding = finding(&[open()]).0.stored();
    let Put::Stored(stored) = table(&aws).put(&finding, &[]).await.unwrap() else { panic!("stored") };
    assert_eq!(stored.version(), 2);
    let [(target, body)] = &sent(&aws)[..] else { panic!("one call") };
    assert_eq!(target, "DynamoDB_20120810.PutItem");
    assert_eq!(body["ConditionExpression"], "#version = :version");
    assert_eq!(body["ExpressionAttributeNames"], json!({"#version": "version"}));
    assert_eq!(body["ExpressionAttributeValues"], json!({":version": {"N": "1"}}));
    assert_eq!(body["Item"]["version"], json!({"N": "2"}));
}

#[rstest]
#[case::closed(&[open(), compliant()], Some(400))]
#[case::never_open(&[compliant()], Some(2))]
#[case::open(&[open()], None)]
#[tokio::test]
async fn what_has_ended_expires(#[case] observations: &[Observation], #[case] days: Option<i64>) {
    let aws = Canned::serve([DONE]).await;
    let before = Timestamp::now().as_second();
    table(&aws).put(&finding(observations).0, &[]).await.unwrap();
    let expires = sent(&aws)[0].1["Item"]["expires"]["N"].as_str().map(|time| time.parse::<i64>().unwrap());
    let passed = |days| Timestamp::now().as_second() - before <= expires.unwrap() - before - days * 86_400 + 60;
    assert_eq!(expires.is_some(), days.is_some());
    assert!(days.is_none_or(|days| passed(days) && expires.unwrap() - before - days * 86_400 < 60), "{expires:?}");
}

/// What was written, as `DynamoDB` returns it.
async fn written(finding: &Finding) -> String {
    let aws = Canned::serve([DONE]).await;
    table(&aws).put(finding, &[]).await.unwrap();
    sent(&aws)[0].1["Item"].to_string()
}

#[tokio::test]
async fn a_finding_is_read_back_as_it_was_written() {
    let (finding, _) = finding(&[open(), compliant(), open()]);
    let item = written(&finding).await;
    let aws = Canned::serve([(200, &format!(r#"{{"Item":{item}}}"#)), DONE]).await;
    assert_eq!(table(&aws).get(&key()).await.unwrap(), Some(finding.stored()));
    assert_eq!(table(&aws).get(&key()).await.unwrap(), None);
    let (target, body) = &sent(&aws)[0];
    assert_eq!(target, "DynamoDB_20120810.GetItem");
    let expected = json!({"TableName": "findings", "ConsistentRead": true,
        "Key": {"key": {"S": KEY}, "part": {"S": "finding"}}});
    assert_eq!(body, &expected);
}

#[tokio::test]
async fn an_observation_takes_two_calls() {
    let aws = Canned::serve([DONE, DONE]).await;
    let recorded = record(&table(&aws), &key(), &open()).await.unwrap();
    assert_eq!((recorded.finding.state(), recorded.finding.openness()), (State::Open, Openness::World));
    assert_eq!(aws.received().len(), 2);
}

#[rstest]
#[case::account(Listing::Account("123456789012".into()), "account", "123456789012")]
#[case::state(Listing::State(State::Open), "state", "open")]
#[case::owner(Listing::Owner("jane@example.com".into()), "owner", "jane@example.com")]
#[tokio::test]
async fn a_list_asks_an_index_page_by_page(#[case] listing: Listing, #[case] index: &str, #[case] value: &str) {
    let finding = finding(&[open()]).0;
    let item = written(&finding).await;
    let last = format!(r#"{{"key":{{"S":"{KEY}"}},"part":{{"S":"finding"}},"{index}":{{"S":"{value}"}}}}"#);
    let first = format!(r#"{{"Items":[{item}],"Count":1,"LastEvaluatedKey":{last}}}"#);
    let aws = Canned::serve([(200, &first), (200, r#"{"Items":[],"Count":0}"#)]).await;
    let page = table(&aws).list(&listing, None).await.unwrap();
    assert_eq!((page.findings, page.next.as_deref()), (vec![finding.stored()], Some(KEY)));
    let page = table(&aws).list(&listing, page.next.as_deref()).await.unwrap();
    assert_eq!((page.findings.len(), page.next), (0, None));
    let requests = sent(&aws);
    for (target, body) in &requests {
        assert_eq!(target, "DynamoDB_20120810.Query");
        assert_eq!((&body["IndexName"], &body["TableName"]), (&json!(index), &json!("findings")));
        assert_eq!(body["KeyConditionExpression"], "#attribute = :value");
        assert_eq!(body["ExpressionAttributeNames"], json!({"#attribute": index}));
        assert_eq!(body["ExpressionAttributeValues"], json!({":value": {"S": value}}));
    }
    assert_eq!(requests[0].1["ExclusiveStartKey"], Value::Null);
    assert_eq!(requests[1].1["ExclusiveStartKey"], serde_json::from_str::<Value>(&last).unwrap());
}

#[tokio::test]
async fn the_history_is_read_in_its_order_over_all_pages() {
    let (finding, history) = finding(&[open(), compliant()]);
    let aws = Canned::serve([DONE]).await;
    table(&aws).put(&finding, &history).await.unwrap();
    let written = sent(&aws);
    let puts = written[0].1["TransactItems"].as_array().unwrap().iter().skip(1);
    let items: Vec<_> = puts.map(|put| put["Put"]["Item"].to_string()).collect();
    let [first, second] = items.as_slice() else { panic!("two entries") };
    let more =
        format!(r#"{{"Items":[{first}],"LastEvaluatedKey":{{"key":{{"S":"{KEY}"}},"part":{{"S":"history/1"}}}}}}"#);
    let aws = Canned::serve([(200, &more), (200, &format!(r#"{{"Items":[{second}]}}"#))]).await;
    assert_eq!(table(&aws).history(&key()).await.unwrap(), history);
    let body = &sent(&aws)[0].1;
    assert_eq!(body["KeyConditionExpression"], "#key = :key AND begins_with(#part, :history)");
    assert_eq!(body["ExpressionAttributeNames"], json!({"#key": "key", "#part": "part"}));
    assert_eq!(body["ExpressionAttributeValues"], json!({":key": {"S": KEY}, ":history": {"S": "history/"}}));
}

fn cancelled(codes: [&str; 2]) -> String {
    let reasons = codes.map(|code| format!(r#"{{"Code":"{code}"}}"#)).join(",");
    format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"m","CancellationReasons":[{reasons}]}}"#
    )
}

#[tokio::test]
async fn another_writer_was_faster() {
    let (finding, history) = finding(&[open()]);
    let aws = Canned::serve([FAILED_CONDITION, (400, &cancelled(["ConditionalCheckFailed", "None"]))]).await;
    assert_eq!(table(&aws).put(&finding, &[]).await.unwrap(), Put::Changed);
    assert_eq!(table(&aws).put(&finding, &history).await.unwrap(), Put::Changed);
}

fn code(error: &str) -> String {
    format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{error}","message":"no"}}"#)
}

#[rstest]
#[case::capacity(400, &code("ProvisionedThroughputExceededException"), "throttled")]
#[case::requests(400, &code("RequestLimitExceeded"), "throttled")]
#[case::throttling(400, &code("ThrottlingException"), "throttled")]
#[case::conflict(400, &cancelled(["TransactionConflict", "None"]), "throttled")]
#[case::part_throttled(400, &cancelled(["None", "ThrottlingError"]), "throttled")]
#[case::in_progress(400, &code("TransactionInProgressException"), "throttled")]
#[case::failed(500, &code("InternalServerError"), "unanswered")]
#[case::lost(LOST.0, LOST.1, "unanswered")]
#[case::denied(400, &code("AccessDeniedException"), "(allow dynamodb:PutItem to this role or user)")]
#[case::no_table(400, &code("ResourceNotFoundException"), "ResourceNotFoundException: no")]
#[case::too_large(400, &cancelled(["ValidationError", "None"]), "TransactionCanceledException")]
#[tokio::test]
async fn errors_say_whether_the_write_may_have_been_carried_out(
    #[case] status: u16,
    #[case] body: &str,
    #[case] expected: &str,
) {
    let aws = Canned::serve([(status, body); 3]).await.with_retries();
    let (finding, history) = finding(&[open()]);
    let error = table(&aws).put(&finding, &history).await.unwrap_err();
    match expected {
        "throttled" => assert!(matches!(error, StoreError::Throttled { operation: "writing", .. }), "{error:?}"),
        "unanswered" => assert!(matches!(error, StoreError::Unanswered { operation: "writing", .. }), "{error:?}"),
        text => assert!(matches!(error, StoreError::Other(_)) && error.to_string().contains(text), "{error}"),
    }
}

#[tokio::test]
async fn an_item_of_another_format_is_an_error() {
    let item = written(&finding(&[open()]).0).await.replace("portcullis.finding/1", "portcullis.finding/9");
    let aws = Canned::serve([(200, &format!(r#"{{"Item":{item}}}"#))]).await;
    let error = table(&aws).get(&key()).await.unwrap_err().to_string();
    assert!(error.contains("format `portcullis.finding/9` of a finding is not known: update Portcullis"), "{error}");
}
