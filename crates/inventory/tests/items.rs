//! Configuration items of AWS Config: of several items of one group the newest counts, wherever it is.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use inventory::{Options, Record, Stats};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Found, read_all};

fn scan_all(inputs: &[String]) -> Found {
    let named = inputs.iter().enumerate().map(|(number, input)| (format!("{number}.json"), input.as_bytes()));
    read_all(named, &Options::default()).unwrap()
}

fn scan(input: &Value) -> Found {
    scan_all(&[input.to_string()])
}

/// Groups by id and name.
fn names(records: &[Record]) -> Vec<(&str, &str)> {
    records.iter().map(|record| (record.group.id.as_str(), record.group.name.as_deref().unwrap())).collect()
}

/// An item of the group `id`, captured on this day of March; the group has the name of the day.
fn item(id: &str, day: u32) -> Value {
    json!({
        "resourceType": "AWS::EC2::SecurityGroup", "resourceId": id, "awsAccountId": "111122223333",
        "awsRegion": "us-east-1", "configurationItemStatus": "OK", "configurationStateId": 7,
        "configurationItemCaptureTime": format!("2026-03-{day:02}T00:00:00Z"),
        "configuration": {"groupId": id, "groupName": format!("of day {day}"), "ipPermissions": []},
    })
}

fn with(mut item: Value, key: &str, value: Value) -> Value {
    item[key] = value;
    item
}

fn history(items: &[Value]) -> Value {
    json!({ "configurationItems": items })
}

/// A history file has the items of all groups in the order of their times.
#[test]
fn items_of_several_groups_may_be_interleaved() {
    let items = [item("sg-1", 1), item("sg-2", 2), item("sg-1", 3), item("sg-2", 4), item("sg-1", 2)];
    let (records, errors, stats) = scan(&history(&items));
    assert_eq!((names(&records), errors), (vec![("sg-1", "of day 3"), ("sg-2", "of day 4")], vec![]));
    assert_eq!(stats, Stats { groups: 2, superseded: 3, ..Stats::default() });
}

#[test]
fn the_newest_item_may_be_in_any_input() {
    let inputs = [history(&[item("sg-1", 1), item("sg-2", 9)]), item("sg-1", 5), history(&[item("sg-1", 3)])];
    let inputs = inputs.map(|input| input.to_string());
    let (records, errors, _) = scan_all(&inputs);
    assert_eq!((names(&records), errors), (vec![("sg-2", "of day 9"), ("sg-1", "of day 5")], vec![]));
}

/// The same id in another account or region is another group.
#[test]
fn groups_are_told_apart_by_account_and_region() {
    let items = [
        item("sg-1", 1),
        with(item("sg-1", 2), "awsRegion", json!("eu-west-1")),
        with(item("sg-1", 3), "awsAccountId", json!("444455556666")),
    ];
    let (records, _, stats) = scan(&history(&items));
    assert_eq!((records.len(), stats.superseded), (3, 0));
}

#[rstest]
#[case::deleted("ResourceDeleted")]
#[case::deleted_not_recorded("ResourceDeletedNotRecorded")]
#[case::not_recorded("ResourceNotRecorded")]
fn a_group_that_is_gone_is_gone_in_every_order(#[case] status: &str) {
    let gone = with(with(item("sg-1", 5), "configurationItemStatus", json!(status)), "configuration", Value::Null);
    let older = item("sg-1", 4);
    for items in [[gone.clone(), older.clone()], [older.clone(), gone.clone()]] {
        let (records, errors, stats) = scan(&history(&items));
        assert_eq!((records, errors, stats.deleted), (vec![], vec![], 1));
    }
    // A group can come back.
    let (records, ..) = scan(&history(&[older, gone, item("sg-1", 6)]));
    assert_eq!(names(&records), [("sg-1", "of day 6")]);
}

/// Two states of one second have numbers.
#[test]
fn the_number_of_the_state_decides_between_equal_times() {
    let newer = with(item("sg-1", 1), "configurationStateId", json!("1700000000002"));
    let newer = with(newer, "configuration", json!({"groupId": "sg-1", "groupName": "newer", "ipPermissions": []}));
    let older = with(item("sg-1", 1), "configurationStateId", json!("1700000000001"));
    for items in [[newer.clone(), older.clone()], [older, newer]] {
        assert_eq!(names(&scan(&history(&items)).0), [("sg-1", "newer")]);
    }
}

/// Times are text in files, and numbers in answers.
#[test]
fn times_are_compared_whatever_their_form() {
    let number = with(item("sg-1", 1), "configurationItemCaptureTime", json!(1_774_000_000.5));
    assert_eq!(names(&scan(&history(&[number.clone(), item("sg-1", 2)])).0), [("sg-1", "of day 1")]);
    assert_eq!(names(&scan(&history(&[number, item("sg-1", 31)])).0), [("sg-1", "of day 31")]);
}

/// Without a time no item is older than another, so each of them counts.
#[test]
fn items_without_a_time_all_count() {
    let without = |day| with(item("sg-1", day), "configurationItemCaptureTime", Value::Null);
    assert_eq!(scan(&history(&[without(1), without(2)])).0.len(), 2);
}

/// The newest item of a group is judged even if it is not understood: an older one must not stand in for it.
#[test]
fn the_newest_item_counts_even_if_it_is_not_understood() {
    let broken = with(item("sg-1", 9), "configuration", json!({"groupId": "sg-1"}));
    let (records, errors, _) = scan(&history(&[item("sg-1", 1), broken]));
    assert_eq!((records, errors.len()), (vec![], 1));
    assert_eq!(errors[0].id.as_deref(), Some("sg-1"));
    assert_eq!(errors[0].location.record, Some(2));
}

#[test]
fn many_items_wait_in_a_file() {
    let long = "n".repeat(1000);
    let items: Vec<Value> = (0..20_000)
        .map(|number| with(item(&format!("sg-{}", number % 10_000), 1 + number / 10_000), "x", json!(long)))
        .collect();
    let (records, errors, stats) = scan(&history(&items));
    assert_eq!((records.len(), errors.len(), stats.superseded), (10_000, 0, 10_000));
    assert!(records.iter().all(|record| record.group.name.as_deref() == Some("of day 2")));
    assert!(records.iter().enumerate().all(|(number, record)| record.group.id == format!("sg-{number}")));
}

/// `get-resource-config-history --limit 1` asks for the present state; its token leads to older ones.
#[rstest]
#[case::one(&[3], false)]
#[case::newest_first(&[3, 2, 1], false)]
#[case::oldest_first(&[1, 2], true)]
fn the_token_of_a_history_leads_to_older_items(#[case] days: &[u32], #[case] is_incomplete: bool) {
    let items: Vec<Value> = days.iter().map(|day| item("sg-1", *day)).collect();
    let mut input = history(&items);
    input["nextToken"] = json!("abc");
    let (records, errors, _) = scan(&input);
    assert_eq!((records.len(), errors.len()), (1, usize::from(is_incomplete)), "{errors:?}");
}

/// The answers about aggregated resources have the same items, in other envelopes.
#[rstest]
#[case::batch(json!({"baseConfigurationItems": [item("sg-1", 1)], "unprocessedResourceKeys": []}))]
#[case::batch_of_an_aggregator(json!({"BaseConfigurationItems": [item("sg-1", 1)], "UnprocessedResourceIdentifiers": []}))]
#[case::of_an_aggregator(json!({"ConfigurationItem": item("sg-1", 1)}))]
#[case::text_of_a_configuration(json!({"ConfigurationItem": with(item("sg-1", 1), "configuration",
    json!(item("sg-1", 1)["configuration"].to_string()))}))]
fn answers_of_the_api_are_read(#[case] answer: Value) {
    let (records, errors, _) = scan(&answer);
    assert_eq!((names(&records), errors), (vec![("sg-1", "of day 1")], vec![]));
}

#[rstest]
#[case(json!({"baseConfigurationItems": [item("sg-1", 1)], "unprocessedResourceKeys": [{"resourceId": "sg-2"}]}))]
#[case(json!({"BaseConfigurationItems": [], "UnprocessedResourceIdentifiers": [{"ResourceId": "sg-2"}]}))]
fn an_answer_that_left_groups_out_says_so(#[case] answer: Value) {
    let (_, errors, _) = scan(&answer);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].problem.contains("unprocessed"), "{}", errors[0].problem);
}

fn message() -> String {
    json!({"messageType": "ConfigurationItemChangeNotification", "configurationItem": item("sg-1", 1)}).to_string()
}

/// The messages of a delivery channel, in the envelopes of SNS and SQS.
#[rstest]
#[case::topic(json!({"Type": "Notification", "Message": message()}))]
#[case::queue(json!({"Messages": [{"MessageId": "1", "Body": message()}]}))]
#[case::topic_in_a_queue(json!({"Messages": [{"Body": json!({"Type": "Notification", "Message": message()}).to_string()}]}))]
#[case::function_of_a_topic(json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message()}}]}))]
#[case::function_of_a_queue(json!({"Records": [{"eventSource": "aws:sqs", "body": message()}]}))]
fn envelopes_are_opened(#[case] envelope: Value) {
    let (records, errors, _) = scan(&envelope);
    assert_eq!((names(&records), errors), (vec![("sg-1", "of day 1")], vec![]));
}

/// A message about something else is not a group, and does not pass for one.
#[test]
fn a_message_about_something_else_is_reported() {
    let started = json!({"messageType": "ConfigurationHistoryDeliveryCompleted", "s3ObjectKey": "k"}).to_string();
    let (records, errors, _) = scan(&json!({"Messages": [{"Body": message()}, {"Body": started}]}));
    assert_eq!((records.len(), errors.len()), (1, 1));
}

/// Which of two items of the same time is the newer one is said by the number of the state, as text or as a number.
#[test]
fn the_state_orders_items_of_the_same_time() {
    let newer = with(
        with(item("sg-1", 1), "configurationStateId", json!("10")),
        "configuration",
        json!({"groupId": "sg-1", "groupName": "newer", "ipPermissions": []}),
    );
    let older = with(item("sg-1", 1), "configurationStateId", json!(9));
    for items in [[newer.clone(), older.clone()], [older, newer]] {
        let (records, errors, _) = scan(&history(&items));
        assert_eq!((names(&records), errors), (vec![("sg-1", "newer")], vec![]));
    }
}

/// If nothing orders items that differ, neither of them counts: not even the one that is the first in the file.
#[rstest]
#[case::same_state(json!(7), json!(7))]
#[case::missing(Value::Null, json!(7))]
#[case::no_number(json!("a"), json!("b"))]
fn items_of_the_same_time_that_differ_are_refused(#[case] first: Value, #[case] second: Value) {
    let closed = with(item("sg-1", 1), "configurationStateId", first);
    let open = with(
        with(item("sg-1", 1), "configurationStateId", second),
        "configuration",
        json!({"groupId": "sg-1", "groupName": "open", "ipPermissions": [{"ipProtocol": "-1", "ipRanges": ["0.0.0.0/0"]}]}),
    );
    let gone = with(closed.clone(), "configurationItemStatus", json!("ResourceDeleted"));
    for items in [[&closed, &open], [&open, &closed], [&closed, &gone], [&gone, &closed]] {
        let (records, errors, stats) = scan(&history(&[items[0].clone(), item("sg-2", 1), items[1].clone()]));
        assert_eq!(names(&records), [("sg-2", "of day 1")]);
        assert_eq!((errors.len(), errors[0].id.as_deref(), stats.superseded), (1, Some("sg-1"), 1));
        assert!(errors[0].problem.starts_with("configuration items of the same time differ"), "{}", errors[0].problem);
    }
    // A newer one decides.
    let (records, errors, _) = scan(&history(&[closed, open, item("sg-1", 2)]));
    assert_eq!((names(&records), errors), (vec![("sg-1", "of day 2")], vec![]));
}

/// The same item in a snapshot and in an answer of the API, where the configuration is a text.
#[test]
fn the_same_item_in_two_forms_is_one() {
    let object = item("sg-1", 1);
    let text = with(object.clone(), "configuration", json!(object["configuration"].to_string()));
    let (records, errors, _) = scan(&history(&[object, text]));
    assert_eq!((names(&records), errors), (vec![("sg-1", "of day 1")], vec![]));
}
