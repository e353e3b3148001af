//! Faults: what a client sees, and what was carried out.

use channels::Failure;
use routing::ChannelKind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::stories::{jira, pagerduty, slack};
use crate::support::{Story, servers, state, take, wait};

async fn messages(servers: &channel_servers::Servers) -> usize {
    state(servers).await["slack"]["channels"]["#security"]["messages"].as_array().map_or(0, Vec::len)
}

#[rstest]
#[case::hang_before(json!("hangBefore"), true, 0)]
#[case::hang_after(json!("hangAfter"), true, 1)]
#[case::close_before(json!("closeBefore"), true, 0)]
#[case::close_after(json!("closeAfter"), true, 1)]
#[case::bad_gateway(json!({"status": {"code": 502}}), true, 0)]
#[case::bad_gateway_after(json!({"status": {"code": 502, "carriedOut": true}}), true, 1)]
#[case::unavailable(json!({"status": {"code": 503}}), false, 0)]
#[case::limited(json!({"rateLimit": {"retryAfter": 7}}), false, 0)]
#[case::down(json!("down"), false, 0)]
#[tokio::test]
async fn a_fault_is_an_unknown_outcome_or_a_refusal(
    #[case] fault: Value,
    #[case] is_unknown: bool,
    #[case] posted: usize,
) {
    let servers = servers();
    take(&servers, "PUT", "/faults", json!({"service": "slack", "fault": fault})).await;
    let mut story = Story::new(&servers, ChannelKind::Slack);
    story.open(&[22]);
    let failure = story.attempt(&slack(&servers, "#security")).await.unwrap_err();
    assert_eq!(matches!(failure, Failure::Unanswered { .. }), is_unknown, "{failure}");
    assert_eq!(messages(&servers).await, posted);

    take(&servers, "DELETE", "/faults", Value::Null).await;
    let mut story = Story::new(&servers, ChannelKind::Slack);
    story.open(&[22]);
    story.attempt(&slack(&servers, "#security")).await.unwrap();
    assert_eq!(messages(&servers).await, posted + 1);
}

#[tokio::test]
async fn a_service_that_is_down_refuses_connections_and_comes_back_on_its_port() {
    let servers = servers();
    let before = servers.ready();
    for _ in 0..3 {
        take(&servers, "PUT", "/faults", json!({"service": "pagerduty", "fault": "down"})).await;
        let mut story = Story::new(&servers, ChannelKind::PagerDuty);
        story.open(&[22]);
        let error = story.attempt(&pagerduty(&servers)).await.unwrap_err().to_string();
        assert!(error.starts_with("PagerDuty is not reached: "), "{error}");
        take(&servers, "DELETE", "/faults?service=pagerduty", Value::Null).await;
        story.attempt(&pagerduty(&servers)).await.unwrap();
    }
    assert_eq!(servers.ready(), before);
}

#[rstest]
#[case::seconds(false)]
#[case::date(true)]
#[tokio::test]
async fn jira_says_how_long_to_wait(#[case] as_date: bool) {
    let servers = servers();
    let fault = json!({"rateLimit": {"retryAfter": 90, "asDate": as_date}});
    take(&servers, "PUT", "/faults", json!({"service": "jira", "operation": "search", "fault": fault, "times": 1}))
        .await;
    let mut story = Story::new(&servers, ChannelKind::Jira);
    story.open(&[22]);
    let failure = story.attempt(&jira(&servers, "jira")).await.unwrap_err();
    assert!(failure.to_string().contains("jira-burst-based"), "{failure}");
    assert_eq!(wait(&failure), Some(90));
    story.attempt(&jira(&servers, "jira")).await.unwrap();
}

#[tokio::test]
async fn a_channel_of_slack_takes_one_message_a_second_if_it_is_told_to() {
    let servers = servers();
    take(&servers, "PUT", "/settings", json!({"slack": {"oneMessageASecond": true}})).await;
    let mut stories = [(); 2].map(|()| Story::new(&servers, ChannelKind::Slack));
    for story in &mut stories {
        story.open(&[22]);
    }
    let channel = slack(&servers, "#security");
    stories[0].attempt(&channel).await.unwrap();
    assert_eq!(wait(&stories[1].attempt(&channel).await.unwrap_err()), Some(1));
    stories[1].attempt(&slack(&servers, "#network")).await.unwrap();
    stories[1].pass(1);
    stories[1].open(&[22, 3389]);
    stories[1].attempt(&channel).await.unwrap();
}
