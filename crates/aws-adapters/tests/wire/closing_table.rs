//! The table of an account, as the remediator writes it.

use aws_adapters::ClosingTable;
use aws_traits::state::{Admissions, ItemDeletion, ItemLookup, Partition, StateItem, StateTable};
use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::{Canned, LOST};

const HOUR: &str = "2026-11-21T00:00:00Z";

fn table(aws: &Canned) -> ClosingTable {
    ClosingTable::new(&aws.sdk, "state".into())
}

fn closings() -> Partition {
    Partition { kind: "pace", of: "closings".into() }
}

fn expires() -> Timestamp {
    "2026-12-01T00:00:00.5Z".parse().unwrap()
}

fn sent(aws: &Canned) -> Vec<(String, Value)> {
    let request = |request: String| {
        let (target, body) = request.split_once(' ').unwrap();
        (target.to_owned(), serde_json::from_str(body).unwrap())
    };
    aws.requests().into_iter().map(request).collect()
}

async fn admit(aws: &Canned, most: Option<u32>) -> Result<bool, aws_traits::AwsError> {
    table(aws).admit(&closings(), HOUR, "sg-1", most, expires()).await
}

#[tokio::test]
async fn an_admission_is_one_conditional_write() {
    let aws = Canned::serve([(200, "{}")]).await;
    assert!(admit(&aws, Some(100)).await.unwrap());
    let received = aws.received();
    assert_eq!(received[0].header("content-type"), Some("application/x-amz-json-1.0"));
    let signature = received[0].header("authorization").unwrap();
    assert!(signature.contains("/us-east-1/dynamodb/aws4_request"), "{signature}");
    let [(target, body)] = &sent(&aws)[..] else { panic!("one call") };
    assert_eq!(target, "DynamoDB_20120810.UpdateItem");
    assert_eq!(
        *body,
        json!({
            "TableName": "state",
            "Key": {"pk": {"S": "pace/closings"}, "sk": {"S": HOUR}},
            "UpdateExpression": "ADD #members :members SET #expires = :expires",
            "ConditionExpression":
                "attribute_not_exists(#members) OR size(#members) < :most OR contains(#members, :member)",
            "ExpressionAttributeNames": {"#members": "members", "#expires": "expires"},
            "ExpressionAttributeValues": {
                ":members": {"SS": ["sg-1"]},
                ":member": {"S": "sg-1"},
                ":most": {"N": "100"},
                ":expires": {"N": "1796083200"},
            },
        })
    );
}

/// `DynamoDB` refuses values that no expression uses.
#[tokio::test]
async fn an_admission_without_a_limit_has_no_condition() {
    let aws = Canned::serve([(200, "{}")]).await;
    assert!(admit(&aws, None).await.unwrap());
    let [(_, body)] = &sent(&aws)[..] else { panic!("one call") };
    assert_eq!(body["ConditionExpression"], Value::Null);
    let values = json!({":members": {"SS": ["sg-1"]}, ":expires": {"N": "1796083200"}});
    assert_eq!(body["ExpressionAttributeValues"], values);
}

/// A full set is an answer, and asked once.
#[tokio::test]
async fn a_full_set_admits_nobody() {
    let full = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#;
    let aws = Canned::serve([(400, full), (200, "{}")]).await.with_retries();
    assert!(!admit(&aws, Some(1)).await.unwrap());
    assert_eq!(aws.received().len(), 1);
}

/// The call may be repeated, since a member that is there is admitted.
#[rstest]
#[case::busy((400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#))]
#[case::throttled((400, r#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"slow"}"#))]
#[case::internal((500, r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"no"}"#))]
#[case::hanging(LOST)]
#[tokio::test]
async fn what_passes_is_tried_again(#[case] failure: (u16, &str)) {
    let aws = Canned::serve([failure, failure, (200, "{}")]).await.with_retries();
    assert!(admit(&aws, Some(1)).await.unwrap());
    assert_eq!(aws.received().len(), 3);
}

#[rstest]
#[case::denied((400, r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}"#), "allow dynamodb:UpdateItem")]
#[case::no_table((400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#), "no table")]
#[tokio::test]
async fn what_stays_is_an_error(#[case] failure: (u16, &str), #[case] text: &str) {
    let aws = Canned::serve([failure, (200, "{}")]).await.with_retries();
    let error = admit(&aws, Some(1)).await.unwrap_err().to_string();
    assert!(error.starts_with("dynamodb:UpdateItem on sg-1 failed: ") && error.contains(text), "{error}");
    assert_eq!(aws.received().len(), 1);
}

#[tokio::test]
async fn a_note_has_the_keys_its_end_and_typed_values() {
    let aws = Canned::serve([(200, "{}"), (200, "{}")]).await;
    let partition = Partition { kind: "deferred", of: "portcullis".into() };
    let value = json!({"until": HOUR, "executionId": null, "cidrs": ["10.0.0.0/8"], "ignoreHold": false, "n": 1, "m": {"a": "b"}});
    let item = StateItem { id: "sg-1".into(), value };
    table(&aws).put_item(&partition, &item, expires()).await.unwrap();
    table(&aws).delete_item(&partition, "sg-1").await.unwrap();
    let [(put, item), (delete, key)] = &sent(&aws)[..] else { panic!("two calls") };
    assert_eq!((put.as_str(), delete.as_str()), ("DynamoDB_20120810.PutItem", "DynamoDB_20120810.DeleteItem"));
    assert_eq!(
        *item,
        json!({"TableName": "state", "Item": {
            "pk": {"S": "deferred/portcullis"},
            "sk": {"S": "sg-1"},
            "expires": {"N": "1796083200"},
            "until": {"S": HOUR},
            "executionId": {"NULL": true},
            "cidrs": {"L": [{"S": "10.0.0.0/8"}]},
            "ignoreHold": {"BOOL": false},
            "n": {"N": "1"},
            "m": {"M": {"a": {"S": "b"}}},
        }})
    );
    assert_eq!(*key, json!({"TableName": "state", "Key": {"pk": {"S": "deferred/portcullis"}, "sk": {"S": "sg-1"}}}));
}

#[tokio::test]
async fn a_note_that_is_not_left_or_deleted_is_an_error() {
    let denied = r#"{"__type":"a#AccessDeniedException","message":"no"}"#;
    let aws = Canned::serve([(400, denied), (400, denied)]).await;
    let item = StateItem { id: "sg-1".into(), value: json!({}) };
    let error = table(&aws).put_item(&closings(), &item, expires()).await.unwrap_err();
    assert!(error.is_denied() && error.to_string().contains("allow dynamodb:PutItem"), "{error}");
    let error = table(&aws).delete_item(&closings(), "sg-1").await.unwrap_err();
    assert!(error.is_denied() && error.to_string().contains("allow dynamodb:DeleteItem"), "{error}");
}

#[tokio::test]
async fn an_item_is_read_as_it_was_written() {
    let item = json!({"Item": {
        "pk": {"S": "grace/portcullis"}, "sk": {"S": "sg-1"}, "expires": {"N": "1796083200"},
        "until": {"S": HOUR}, "executionId": {"NULL": true}, "cidrs": {"L": [{"S": "10.0.0.0/8"}]},
        "ignoreHold": {"BOOL": false}, "n": {"N": "1"}, "m": {"M": {"a": {"S": "b"}}},
    }});
    let answer = item.to_string();
    let aws = Canned::serve([(200, answer.as_str()), (200, "{}")]).await;
    let partition = Partition { kind: "grace", of: "portcullis".into() };
    let value: Value = table(&aws).item(&partition, "sg-1").await.unwrap().unwrap();
    let fields = ["until", "executionId", "cidrs", "ignoreHold", "n", "m"].map(|name| value[name].clone());
    assert_eq!(fields, [json!(HOUR), json!(null), json!(["10.0.0.0/8"]), json!(false), json!(1), json!({"a": "b"})]);
    assert_eq!(table(&aws).item::<Value>(&partition, "sg-2").await.unwrap(), None);
    let [(target, body), _] = &sent(&aws)[..] else { panic!("two calls") };
    assert_eq!(target, "DynamoDB_20120810.GetItem");
    assert_eq!(
        *body,
        json!({"TableName": "state", "ConsistentRead": true,
               "Key": {"pk": {"S": "grace/portcullis"}, "sk": {"S": "sg-1"}}})
    );
}

#[tokio::test]
async fn all_items_of_a_partition_are_read_page_by_page() {
    let one =
        r#"{"Items":[{"sk":{"S":"sg-1"},"n":{"N":"1"}}],"LastEvaluatedKey":{"pk":{"S":"grace/p"},"sk":{"S":"sg-1"}}}"#;
    let two = r#"{"Items":[{"sk":{"S":"sg-2"},"n":{"N":"2"}}]}"#;
    let aws = Canned::serve([(200, one), (200, two)]).await;
    let partition = Partition { kind: "grace", of: "p".into() };
    let items = table(&aws).all_items::<Value>(&partition).await.unwrap();
    let items: Vec<_> = items.iter().map(|item| (item.id.as_str(), item.value["n"].as_i64())).collect();
    assert_eq!(items, [("sg-1", Some(1)), ("sg-2", Some(2))]);
    let [(target, first), (_, second)] = &sent(&aws)[..] else { panic!("two calls") };
    assert_eq!(target, "DynamoDB_20120810.Query");
    let query = json!({
        "TableName": "state", "ConsistentRead": true, "KeyConditionExpression": "#pk = :pk",
        "ExpressionAttributeNames": {"#pk": "pk"}, "ExpressionAttributeValues": {":pk": {"S": "grace/p"}},
    });
    assert_eq!(*first, query);
    assert_eq!(second["ExclusiveStartKey"], json!({"pk": {"S": "grace/p"}, "sk": {"S": "sg-1"}}));
}

#[rstest]
#[case::no_json("<html>")]
#[case::no_id(r#"{"Items":[{"n":{"N":"1"}}]}"#)]
#[case::no_type(r#"{"Items":[{"sk":{"S":"sg-1"},"n":1}]}"#)]
#[case::no_number(r#"{"Items":[{"sk":{"S":"sg-1"},"n":{"N":"x"}}]}"#)]
#[case::other_type(r#"{"Items":[{"sk":{"S":"sg-1"},"n":{"B":"eA=="}}]}"#)]
#[tokio::test]
async fn an_answer_that_is_not_understood_is_an_error(#[case] answer: &str) {
    let aws = Canned::serve([(200, answer)]).await;
    let error = table(&aws).items::<Value>(&closings(), None).await.unwrap_err().to_string();
    assert!(error.starts_with("dynamodb:Query on pace/closings failed: "), "{error}");
}
