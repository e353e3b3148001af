//! Items beside the findings in their table: the pace of channels, and marks.

use aws_adapters::FindingTable;
use findings::finding::FindingKey;
use findings::store::{Admission, FindingStore, Listing, Mark, MarkName, Marks, Pace, StoreError, Waiting, Window};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::canned::Canned;

const KEY: &str = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis";
const DONE: (u16, &str) = (200, "{}");
const FAILED_CONDITION: (u16, &str) =
    (400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}"#);
/// 2026-12-01T09:10:00Z, in seconds.
const END: i64 = 1_796_116_200;

fn key() -> FindingKey {
    KEY.parse().unwrap()
}

fn end() -> Timestamp {
    Timestamp::from_second(END).unwrap()
}

fn table(aws: &Canned) -> FindingTable {
    FindingTable::new(&aws.sdk, "findings".into(), 400)
}

fn window() -> Window {
    Window { channel: "chat".into(), place: "chat:0a".into(), end: end() }
}

fn waiting() -> Waiting {
    Waiting { until: end(), finding: key() }
}

fn sent(aws: &Canned) -> Vec<(String, Value)> {
    let request = |request: String| {
        let (target, body) = request.split_once(' ').unwrap();
        (target.to_owned(), serde_json::from_str(body).unwrap())
    };
    aws.requests().into_iter().map(request).collect()
}

/// Every item beside the findings is about a channel, in no index, and expires.
fn assert_is_beside(key: &Value, part: &str) {
    assert_eq!(key, &json!({"key": {"S": "channel#chat"}, "part": {"S": part}}));
}

#[tokio::test]
async fn a_message_is_admitted_by_one_atomic_update() {
    let full = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no","Item":{}}}"#,
        r#"{"admitted":{"SS":["a"]},"queued":{"BOOL":true}}"#
    );
    let aws = Canned::serve([DONE, FAILED_CONDITION, (400, &full)]).await;
    let mut admissions = Vec::new();
    for _ in 0..3 {
        admissions.push(table(&aws).admit(&window(), "0b", 20).await.unwrap());
    }
    let full = [false, true].map(|is_queued| Admission::Full { is_queued });
    assert_eq!(admissions, [Admission::Admitted, full[0], full[1]]);
    let (target, body) = &sent(&aws)[0];
    assert_eq!(target, "DynamoDB_20120810.UpdateItem");
    assert_is_beside(&body["Key"], &format!("window/00{END}/chat:0a"));
    assert_eq!(body["UpdateExpression"], "ADD #admitted :messages SET #expires = :expires");
    let condition = "attribute_not_exists(#admitted) OR size(#admitted) < :most OR contains(#admitted, :message)";
    assert_eq!(body["ConditionExpression"], condition);
    assert_eq!(body["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    let values = &body["ExpressionAttributeValues"];
    let expires = (END + 24 * 3_600).to_string();
    assert_eq!(
        values,
        &json!({":messages": {"SS": ["0b"]}, ":message": {"S": "0b"}, ":most": {"N": "20"}, ":expires": {"N": expires}})
    );
}

#[tokio::test]
async fn that_a_job_is_queued_is_noted_in_the_window() {
    let aws = Canned::serve([DONE]).await;
    table(&aws).mark_queued(&window()).await.unwrap();
    let (target, body) = &sent(&aws)[0];
    assert_eq!(target, "DynamoDB_20120810.UpdateItem");
    assert_eq!(body["UpdateExpression"], "SET #queued = :queued, #expires = :expires");
    assert_eq!(body["ConditionExpression"], Value::Null);
}

#[tokio::test]
async fn what_waits_is_an_item_that_is_read_back_and_deleted() {
    let aws = Canned::serve([DONE]).await;
    table(&aws).wait("chat", &waiting()).await.unwrap();
    let (target, body) = &sent(&aws)[0];
    assert_eq!(target, "DynamoDB_20120810.PutItem");
    let part = format!("waiting/00{END}/{KEY}");
    let expires = (END + 14 * 24 * 3_600).to_string();
    let item = json!({"key": {"S": "channel#chat"}, "part": {"S": part}, "expires": {"N": expires}});
    assert_eq!(body["Item"], item);

    // An item that a later version writes is left alone.
    let page = json!({"Items": [item, {"key": {"S": "channel#chat"}, "part": {"S": "waiting/soon"}}]}).to_string();
    let aws = Canned::serve([(200, page.as_str())]).await;
    assert_eq!(table(&aws).waiting("chat", 10).await.unwrap(), [waiting()]);
    let (target, body) = &sent(&aws)[0];
    assert_eq!(target, "DynamoDB_20120810.Query");
    assert_eq!(body["ConsistentRead"], true);
    assert_eq!(body["KeyConditionExpression"], "#key = :key AND begins_with(#part, :waiting)");
    assert_eq!(
        body["ExpressionAttributeValues"],
        json!({":key": {"S": "channel#chat"}, ":waiting": {"S": "waiting/"}})
    );

    let left = format!(
        r#"{{"UnprocessedItems":{{"findings":[{{"DeleteRequest":{{"Key":{{"key":{{"S":"channel#chat"}},"part":{{"S":"{part}"}}}}}}}}]}}}}"#
    );
    let aws = Canned::serve([(200, left.as_str()), DONE]).await;
    table(&aws).forget("chat", &[waiting()]).await.unwrap();
    let requests = sent(&aws);
    assert_eq!(requests.len(), 2, "what was not processed is sent again");
    for (target, body) in &requests {
        assert_eq!(target, "DynamoDB_20120810.BatchWriteItem");
        assert_is_beside(&body["RequestItems"]["findings"][0]["DeleteRequest"]["Key"], &part);
    }
    let aws = Canned::serve([(200, left.as_str()); 4]).await;
    let error = table(&aws).forget("chat", &[waiting()]).await.unwrap_err();
    assert!(matches!(error, StoreError::Throttled { .. }), "{error:?}");
}

#[tokio::test]
async fn a_mark_is_written_if_it_still_has_the_version_that_was_read() {
    let name = MarkName { of: "channel#chat".into(), name: "digest".into() };
    let aws = Canned::serve([DONE, DONE, FAILED_CONDITION]).await;
    let none = table(&aws).read_mark(&name).await.unwrap();
    assert_eq!(none, Mark::default());
    let first = table(&aws).write_mark(&name, &none, "{}".into(), end()).await.unwrap().unwrap();
    assert_eq!(first, Mark { content: "{}".into(), version: 1 });
    assert_eq!(table(&aws).write_mark(&name, &first, "{}".into(), end()).await.unwrap(), None);
    let requests = sent(&aws);
    let expires = END.to_string();
    let expected = json!({
        "key": {"S": "channel#chat"}, "part": {"S": "digest"},
        "content": {"S": "{}"}, "version": {"N": "1"}, "expires": {"N": expires},
    });
    assert_eq!(requests[1].1["Item"], expected);
    assert_eq!(requests[1].1["ConditionExpression"], "attribute_not_exists(#key)");
    assert_eq!(requests[2].1["ConditionExpression"], "#version = :version");
    assert_eq!(requests[2].1["ExpressionAttributeValues"], json!({":version": {"N": "1"}}));

    let stored = json!({ "Item": expected }).to_string();
    let aws = Canned::serve([(200, stored.as_str())]).await;
    assert_eq!(table(&aws).read_mark(&name).await.unwrap(), first);
    assert_eq!(sent(&aws)[0].1["ConsistentRead"], true);
}

#[tokio::test]
async fn those_closed_since_a_time_are_filtered_where_they_are_kept_and_an_item_that_is_not_understood_hides_none() {
    let spoiled = r#"{"Items":[{"key":{"S":"k1"},"part":{"S":"finding"}}],"Count":1}"#;
    let aws = Canned::serve([(200, spoiled)]).await;
    let since = "2026-12-01T09:00:00.5Z".parse().unwrap();
    let page = table(&aws).list(&Listing::ClosedSince(since), None).await.unwrap();
    assert!(page.findings.is_empty());
    assert!(page.unreadable.len() == 1 && page.unreadable[0].starts_with("k1: "), "{:?}", page.unreadable);
    let (target, body) = &sent(&aws)[0];
    assert_eq!(target, "DynamoDB_20120810.Query");
    assert_eq!(body["IndexName"], "state");
    assert_eq!(body["FilterExpression"], "#closed.#at >= :since");
    assert_eq!(
        body["ExpressionAttributeValues"],
        json!({":value": {"S": "closed"}, ":since": {"S": "2026-12-01T09:00:00"}})
    );
}
