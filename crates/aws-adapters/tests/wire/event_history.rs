//! The event history of CloudTrail.

use aws_adapters::terminal::rule_changes;
use serde_json::json;

use crate::canned::Canned;

/// An answer with an authorisation by each of these callers, and with other events.
fn page(users: &[&str], next: Option<&str>) -> String {
    let authorization = |user: &&str| {
        json!({
            "eventName": "AuthorizeSecurityGroupIngress", "eventTime": "2026-11-28T10:11:12Z", "eventID": user,
            "userIdentity": {"type": "IAMUser", "userName": user},
            "requestParameters": {"groupId": "sg-1", "ipPermissions": {"items": [
                {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}},
            ]}},
        })
        .to_string()
    };
    let others =
        [json!({"EventId": "1"}), json!({"EventId": "2", "CloudTrailEvent": "{\"eventName\":\"CreateTags\"}"})];
    let events = users.iter().map(|user| json!({"EventTime": 1.7e9, "CloudTrailEvent": authorization(user)}));
    json!({"Events": events.chain(others).collect::<Vec<_>>(), "NextToken": next}).to_string()
}

#[tokio::test]
async fn changes_are_read_page_by_page() {
    let (first, second) = (page(&["alice"], Some("next")), page(&["bob", "carol"], None));
    let aws = Canned::serve([(200, first.as_str()), (200, second.as_str())]).await;
    let found = rule_changes(&aws.sdk, "sg-1").await.unwrap();
    let users: Vec<String> = found.changes.iter().map(|change| change.by.to_string()).collect();
    assert_eq!(users, ["user alice", "user bob", "user carol"]);
    assert_eq!((found.events, found.is_cut), (7, false));
    let requests = aws.requests();
    assert!(requests[0].contains(r#""AttributeKey":"ResourceName""#), "{}", requests[0]);
    assert!(requests[0].contains(r#""AttributeValue":"sg-1""#) && requests[1].contains(r#""NextToken":"next""#));
}

/// A group that a deployment changes every minute has more events than anybody waits for.
#[tokio::test]
async fn a_long_history_is_cut() {
    let pages: [String; 61] = std::array::from_fn(|number| page(&["ci"], Some(&number.to_string())));
    let aws = Canned::serve(pages.each_ref().map(|page| (200, page.as_str()))).await;
    let found = rule_changes(&aws.sdk, "sg-1").await.unwrap();
    assert_eq!((found.changes.len(), found.events, found.is_cut), (60, 180, true));
    assert_eq!(aws.requests().len(), 60);
}

#[tokio::test]
async fn a_refusal_names_the_call() {
    let refusal =
        r#"{"__type":"AccessDeniedException","Message":"not authorized to perform: cloudtrail:LookupEvents"}"#;
    let aws = Canned::serve([(400, refusal)]).await;
    let error = rule_changes(&aws.sdk, "sg-1").await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert!(error.to_string().contains("cloudtrail:LookupEvents"), "{error}");
}
