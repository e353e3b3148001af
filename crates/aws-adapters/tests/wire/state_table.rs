//! The table in which the functions of an account remember items.

use aws_adapters::AccountTable;
use aws_traits::state::{Partition, StateItem, StateTable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canned::Canned;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Remembered {
    since: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

fn table(aws: &Canned) -> AccountTable {
    AccountTable::new(&aws.sdk, "state".into())
}

fn partition() -> Partition {
    Partition { kind: "compliance", of: "portcullis".into() }
}

fn sent(aws: &Canned) -> Vec<(String, Value)> {
    let request = |request: String| {
        let (target, body) = request.split_once(' ').unwrap();
        (target.to_owned(), serde_json::from_str(body).unwrap())
    };
    aws.requests().into_iter().map(request).collect()
}

#[tokio::test]
async fn an_item_has_the_keys_and_its_end() {
    let aws = Canned::serve([(200, "{}")]).await;
    let item = StateItem { id: "sg-1".into(), value: Remembered { since: "monday".into(), until: None } };
    table(&aws).put_item(&partition(), &item, "2026-12-01T00:00:00.5Z".parse().unwrap()).await.unwrap();
    let [(target, body)] = &sent(&aws)[..] else { panic!("one call") };
    assert_eq!(target, "DynamoDB_20120810.PutItem");
    assert_eq!(
        *body,
        json!({"TableName": "state", "Item": {
            "pk": {"S": "compliance/portcullis"},
            "sk": {"S": "sg-1"},
            "expires": {"N": "1796083200"},
            "since": {"S": "monday"},
        }})
    );
}

#[tokio::test]
async fn items_are_read_page_by_page() {
    let item = |id: &str| json!({"pk": {"S": "compliance/portcullis"}, "sk": {"S": id}, "since": {"S": "monday"}, "expires": {"N": "1"}});
    let first = json!({"Items": [item("sg-1")], "LastEvaluatedKey": {"pk": {"S": "compliance/portcullis"}, "sk": {"S": "sg-1"}}});
    let second = json!({"Items": [item("sg-2")]});
    let aws = Canned::serve([(200, &*first.to_string()), (200, &*second.to_string())]).await;
    let table = table(&aws);
    let (items, next) = table.items::<Remembered>(&partition(), None).await.unwrap();
    let read =
        |id: &str| vec![StateItem { id: id.to_owned(), value: Remembered { since: "monday".into(), until: None } }];
    assert_eq!((items, next.as_deref()), (read("sg-1"), Some("sg-1")));
    let (items, next) = table.items::<Remembered>(&partition(), next.as_deref()).await.unwrap();
    assert_eq!((items, next), (read("sg-2"), None));
    let [(target, one), (_, two)] = &sent(&aws)[..] else { panic!("two calls") };
    assert_eq!(target, "DynamoDB_20120810.Query");
    assert_eq!((&one["ConsistentRead"], &one["ExclusiveStartKey"]), (&json!(true), &Value::Null));
    assert_eq!(one["ExpressionAttributeValues"], json!({":pk": {"S": "compliance/portcullis"}}));
    assert_eq!(two["ExclusiveStartKey"], first["LastEvaluatedKey"]);
}

#[tokio::test]
async fn an_item_that_is_not_understood_is_named() {
    let answer = json!({"Items": [{"pk": {"S": "compliance/portcullis"}, "sk": {"S": "sg-1"}}]}).to_string();
    let aws = Canned::serve([(200, &*answer), (400, r#"{"__type":"a#AccessDeniedException","message":"no"}"#)]).await;
    let table = table(&aws);
    let error = table.items::<Remembered>(&partition(), None).await.unwrap_err().to_string();
    assert!(error.contains("item `sg-1` cannot be read: missing field `since`"), "{error}");
    let error = table.items::<Remembered>(&partition(), None).await.unwrap_err();
    assert!(error.is_denied() && error.to_string().contains("allow dynamodb:Query"), "{error}");
}
