//! The checks notice what a service refuses.

use channels::check;
use routing::JiraFlavour;
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[case(json!({"summary": " "}), "summary: You must specify a summary")]
#[case(json!({"summary": "🔒".repeat(128)}), "summary: Summary is 256, and at most 255")]
#[case(json!({"summary": "a\rb"}), "summary: The summary is invalid because it contains newline")]
#[case(json!({"labels": ["a", "b c"]}), "labels: The label 'b c' contains spaces")]
#[case(json!({"labels": [""]}), "labels: The label '' contains")]
#[case(json!({"labels": ["a".repeat(256)]}), "labels: A label is 256")]
#[case(json!({"description": "a".repeat(32_768)}), "description: the text is 32768")]
#[case(json!({"description": ""}), "description: Operation value must be a string")]
#[case(json!({"description": {"type": "doc"}}), "description: Operation value must be a string")]
fn fields_of_jira_have_limits(#[case] fields: Value, #[case] fault: &str) {
    let found = check::jira_fields(fields.as_object().unwrap(), JiraFlavour::DataCenter);
    let (field, text) = &found[0];
    assert!(format!("{field}: {text}").starts_with(fault) && found.len() == 1, "{found:?}");
}

#[test]
fn fields_of_jira_at_their_limits_are_taken() {
    let fields = json!({"summary": "a".repeat(255), "labels": ["a".repeat(255)], "description": "a".repeat(32_767)});
    assert_eq!(check::jira_fields(fields.as_object().unwrap(), JiraFlavour::DataCenter), []);
}

fn tree(block: &Value) -> Value {
    json!({"type": "doc", "version": 1, "content": [block]})
}

#[rstest]
#[case(json!("text"), "Operation value must be an Atlassian Document")]
#[case(json!({"type": "doc", "version": 2, "content": []}), "Operation value must be an Atlassian Document")]
#[case(tree(&json!({"type": "heading"})), "INVALID_INPUT: a node of type `heading`")]
#[case(tree(&json!({"type": "bulletList", "content": []})), "INVALID_INPUT: a node has no content")]
#[case(tree(&json!({"type": "paragraph", "content": [{"type": "text", "text": ""}]})), "INVALID_INPUT: an empty text")]
#[case(
    tree(&json!({"type": "paragraph", "content": [{"type": "text", "text": "a",
        "marks": [{"type": "link", "attrs": {"href": "javascript:a"}}]}]})),
    "INVALID_INPUT: a mark"
)]
#[case(
    tree(&json!({"type": "table", "content": [{"type": "tableRow", "content": [{"type": "tableCell", "content": [
        {"type": "table"}]}]}]})),
    "INVALID_INPUT: a node of type `table`"
)]
#[case(
    tree(&json!({"type": "paragraph", "content": [{"type": "text", "text": "a".repeat(32_767)}]})),
    "the text is 328"
)]
fn trees_of_jira_have_a_form(#[case] text: Value, #[case] fault: &str) {
    let found = check::jira_text(&text, JiraFlavour::Cloud);
    assert!(found[0].starts_with(fault) && found.len() == 1, "{found:?}");
    assert!(!check::jira_text(&text, JiraFlavour::DataCenter).is_empty() || text.is_string());
}

fn event() -> Value {
    json!({"routing_key": "k", "event_action": "trigger", "dedup_key": "a", "links": [{"href": "https://example.com"}],
        "payload": {"summary": "s", "source": "t", "severity": "critical", "timestamp": "2026-12-01T09:00:00Z",
            "custom_details": {"a": "b"}}})
}

#[rstest]
#[case("/dedup_key", json!("a".repeat(256)), "the key is 256, and at most 255")]
#[case("/dedup_key", json!(""), "`dedup_key` is missing or blank")]
#[case("/event_action", json!("open"), "event_action is open")]
#[case("/payload/summary", json!("a".repeat(1025)), "the summary is 1025")]
#[case("/payload/source", json!(null), "`source` is missing or blank")]
#[case("/payload/severity", json!("high"), "severity is high")]
#[case("/payload/timestamp", json!("yesterday"), "timestamp is not a time")]
#[case("/payload/timestamp", json!(1), "timestamp is not a time")]
#[case("/payload/custom_details", json!("text"), "custom_details is not an object")]
#[case("/payload/custom_details", json!({"a": "b".repeat(524_288)}), "the event is ")]
#[case("/links/0/href", json!("http://example.com"), "a link is not https")]
fn events_of_pagerduty_have_limits(#[case] path: &str, #[case] value: Value, #[case] fault: &str) {
    let mut event = event();
    assert_eq!(check::pagerduty_event(&event), Vec::<String>::new());
    *event.pointer_mut(path).unwrap() = value;
    let found = check::pagerduty_event(&event);
    assert!(found[0].starts_with(fault) && found.len() == 1, "{found:?}");
}

#[test]
fn the_end_of_an_incident_needs_its_key_only() {
    for action in ["resolve", "acknowledge"] {
        assert_eq!(check::pagerduty_event(&json!({"event_action": action, "dedup_key": "a"})), Vec::<String>::new());
    }
}
