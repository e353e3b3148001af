//! What becomes of a finding, by the real channels.

use channel_servers::Servers;
use channels::{Failure, Jira, PagerDuty, Slack, SlackWebhook, Teams, Webhook};
use routing::ChannelKind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Client, Story, assert_no_violation, jira_settings, servers, state, take};

pub(crate) fn jira(servers: &Servers, name: &str) -> Jira<Client> {
    let ready = servers.ready();
    let (flavour, url) = if name == "jira" { ("cloud", ready.jira) } else { ("dataCenter", ready.jira_data_center) };
    Jira::new(Client::new(servers), ready.secrets[name].as_str().unwrap().into(), jira_settings(flavour, &url))
}

pub(crate) fn slack(servers: &Servers, channel: &str) -> Slack<Client> {
    let ready = servers.ready();
    Slack::new(Client::new(servers), ready.secrets["slack"].as_str().unwrap().into(), channel).at(&ready.slack)
}

pub(crate) fn pagerduty(servers: &Servers) -> PagerDuty<Client> {
    let ready = servers.ready();
    PagerDuty::new(Client::new(servers), ready.secrets["pagerduty"].as_str().unwrap().into()).at(&ready.pagerduty)
}

pub(crate) fn webhook(servers: &Servers) -> Webhook<Client> {
    let ready = servers.ready();
    Webhook::new(
        Client::new(servers),
        ready.webhook.as_str().into(),
        &ready.secrets["webhook"].as_str().unwrap().into(),
    )
    .unwrap()
}

async fn searched(servers: &Servers) -> usize {
    let calls = take(servers, "GET", "/calls", Value::Null).await;
    calls.as_array().unwrap().iter().filter(|call| call["operation"] == "search").count()
}

#[rstest]
#[case::cloud("jira")]
#[case::data_center("jiraDataCenter")]
#[tokio::test]
async fn a_ticket_whose_answer_is_lost_is_found_again_and_has_no_second_one(#[case] name: &str) {
    let servers = servers();
    let channel = jira(&servers, name);
    let mut story = Story::new(&servers, ChannelKind::Jira);
    let fault = json!({"service": name, "operation": "createIssue", "fault": "hangAfter", "times": 1});
    take(&servers, "PUT", "/faults", fault).await;
    story.open(&[22]);
    let failure = story.attempt(&channel).await.unwrap_err();
    assert!(matches!(failure, Failure::Unanswered { .. }), "{failure}");
    assert_eq!(state(&servers).await[name]["open"], 1);

    // The index does not have the ticket yet. The channel does not even ask it.
    story.pass(2);
    let failure = story.attempt(&channel).await.unwrap_err();
    assert!(matches!(failure, Failure::NotBefore(_)), "{failure}");
    assert_eq!(searched(&servers).await, 1);

    story.pass(6);
    assert_eq!(story.attempt(&channel).await.unwrap().as_deref(), Some("SEC-1"));
    story.close();
    story.attempt(&channel).await.unwrap();
    let tickets = state(&servers).await[name].clone();
    assert_eq!((tickets["issues"].as_array().unwrap().len(), &tickets["open"]), (1, &json!(0)));
    let ticket = &tickets["issues"][0];
    assert_eq!((&ticket["status"], &ticket["priority"]), (&json!("Done"), &json!("High")));
    assert_eq!(ticket["labels"][1], story.finding.key().label());
    let comment = ticket["comments"][0]["text"].as_str().unwrap();
    let mark = format!("(revision 2, ended, {})", story.finding.news_name());
    assert!(comment.contains(&mark), "{comment}");
    let statuses: Vec<&Value> = ticket["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["field"] == "status")
        .map(|change| &change["to"])
        .collect();
    assert_eq!(statuses, ["To Do", "Done"]);
    assert_no_violation(&servers).await;
}

#[tokio::test]
async fn a_ticket_that_a_person_closed_is_opened_again_and_a_deleted_one_is_made_again() {
    let servers = servers();
    let channel = jira(&servers, "jira");
    let mut story = Story::new(&servers, ChannelKind::Jira);
    story.open(&[22]);
    story.attempt(&channel).await.unwrap();
    story.pass(10);
    take(&servers, "PUT", "/tickets", json!({"service": "jira", "key": "SEC-1", "status": "Done"})).await;
    story.open(&[22, 3389]);
    story.attempt(&channel).await.unwrap();
    assert_eq!(state(&servers).await["jira"]["issues"][0]["status"], "To Do");
    take(&servers, "PUT", "/tickets", json!({"service": "jira", "key": "SEC-1", "isDeleted": true})).await;
    story.open(&[22]);
    assert_eq!(story.attempt(&channel).await.unwrap().as_deref(), Some("SEC-2"));
    assert_no_violation(&servers).await;
}

/// Without the wait of the channel, another ticket would be made: the search finds none before the lag is over.
#[tokio::test]
async fn the_index_of_jira_lags_behind_by_a_time_that_can_be_set() {
    let servers = servers();
    let channel = jira(&servers, "jira");
    take(&servers, "PUT", "/settings", json!({"jira": {"lagSeconds": 3600}})).await;
    let mut story = Story::new(&servers, ChannelKind::Jira);
    story.open(&[22]);
    story.attempt(&channel).await.unwrap();
    let again = async || {
        let mut lost = Story::new(&servers, ChannelKind::Jira);
        lost.open(&[22]);
        lost.attempt(&channel).await.unwrap()
    };
    assert_eq!(again().await.as_deref(), Some("SEC-2"), "a store that was lost asks an index that lags");
    story.pass(70);
    assert_eq!(again().await.as_deref(), Some("SEC-1"));
}

#[tokio::test]
async fn a_message_of_slack_is_updated_and_its_thread_hears_the_news() {
    let servers = servers();
    let channel = slack(&servers, "C0000000001");
    let mut story = Story::new(&servers, ChannelKind::Slack);
    let fault = json!({"service": "slack", "operation": "chat.postMessage", "fault": "closeAfter", "times": 1});
    take(&servers, "PUT", "/faults", fault).await;
    story.open(&[22]);
    let failure = story.attempt(&channel).await.unwrap_err();
    assert!(matches!(failure, Failure::Unanswered { .. }), "{failure}");
    story.pass(1);
    let id = story.attempt(&channel).await.unwrap().unwrap();
    story.open(&[22, 3389]);
    assert_eq!(story.attempt(&channel).await.unwrap().as_deref(), Some(id.as_str()));

    let conversation = state(&servers).await["slack"]["channels"]["#security"].clone();
    assert_eq!(conversation["id"], "C0000000001");
    let messages = conversation["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "the lost message was found, and not posted again");
    assert_eq!(
        (messages[0]["updates"].as_array().unwrap().len(), messages[0]["thread"].as_array().unwrap().len()),
        (2, 1)
    );
    assert_eq!(format!("C0000000001/{}", messages[0]["ts"].as_str().unwrap()), id);
    assert_no_violation(&servers).await;
}

#[tokio::test]
async fn a_channel_of_slack_has_a_name_or_an_archive_and_a_user_an_address() {
    let servers = servers();
    let mut story = Story::new(&servers, ChannelKind::Slack);
    story.open(&[22]);
    let error = story.attempt(&slack(&servers, "#nowhere")).await.unwrap_err().to_string();
    assert!(error.starts_with("Slack answered channel_not_found"), "{error}");
    take(&servers, "PUT", "/settings", json!({"slack": {"archived": ["network"]}})).await;
    let error = story.attempt(&slack(&servers, "#network")).await.unwrap_err().to_string();
    assert!(error.starts_with("Slack answered is_archived"), "{error}");
    story.delivery.recipient =
        Some(routing::Address { value: "bob@example.com".to_owned(), kind: routing::OwnerKind::Email });
    let id = story.attempt(&slack(&servers, "#security")).await.unwrap().unwrap();
    assert!(id.starts_with("D0000000002/"), "{id}");
    assert_eq!(state(&servers).await["slack"]["channels"]["bob@example.com"]["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_incident_is_opened_once_and_resolved() {
    let servers = servers();
    let channel = pagerduty(&servers);
    let mut story = Story::new(&servers, ChannelKind::PagerDuty);
    let fault = json!({"service": "pagerduty", "operation": "trigger", "fault": "hangAfter", "times": 1});
    take(&servers, "PUT", "/faults", fault).await;
    story.open(&[22]);
    assert!(matches!(story.attempt(&channel).await, Err(Failure::Unanswered { .. })));
    story.pass(3);
    story.attempt(&channel).await.unwrap();
    story.close();
    story.attempt(&channel).await.unwrap();
    let incidents = state(&servers).await["pagerduty"]["incidents"].clone();
    assert_eq!(incidents.as_array().unwrap().len(), 1);
    let incident = &incidents[0];
    assert_eq!(
        (&incident["status"], &incident["dedupKey"]),
        (&json!("resolved"), &json!(story.finding.key().to_string()))
    );
    assert_eq!(incident["events"].as_array().unwrap().len(), 3);
    assert!(!incidents.to_string().contains(servers.ready().secrets["pagerduty"].as_str().unwrap()));
    assert_no_violation(&servers).await;
}

#[tokio::test]
async fn a_webhook_recognises_a_repetition_and_refuses_an_old_signature() {
    let servers = servers();
    let channel = webhook(&servers);
    let mut story = Story::new(&servers, ChannelKind::Webhook);
    story.open(&[22]);
    for fault in [Some("closeAfter"), None] {
        if let Some(fault) = fault {
            take(&servers, "PUT", "/faults", json!({"service": "webhook", "fault": fault, "times": 1})).await;
        }
        assert_eq!(story.attempt(&channel).await.is_err(), fault.is_some());
    }
    let deliveries = state(&servers).await["webhook"]["deliveries"].clone();
    assert_eq!((deliveries.as_array().unwrap().len(), &deliveries[0]["times"]), (1, &json!(2)));
    assert_no_violation(&servers).await;

    story.close();
    take(&servers, "PUT", "/settings", json!({"webhook": {"toleranceSeconds": -1}})).await;
    let error = story.attempt(&channel).await.unwrap_err().to_string();
    assert!(error.starts_with("the webhook answered 401"), "{error}");
    let violations = take(&servers, "GET", "/violations", Value::Null).await;
    assert_eq!(violations[0]["service"], "webhook");
    assert!(violations[0]["faults"][0].as_str().unwrap().contains("is not within the tolerance"));
}

#[tokio::test]
async fn cards_and_messages_by_webhooks_are_kept() {
    let servers = servers();
    let ready = servers.ready();
    let mut story = Story::new(&servers, ChannelKind::Teams);
    story.open(&[22]);
    story.attempt(&Teams::new(Client::new(&servers), ready.teams.as_str().into())).await.unwrap();
    let mut story = Story::new(&servers, ChannelKind::SlackWebhook);
    story.open(&[22]);
    let hook = SlackWebhook::new(Client::new(&servers), ready.slack_webhook.as_str().into());
    assert_eq!(story.delivery.kind.manner(), findings::finding::Manner::Messages);
    story.attempt(&hook).await.unwrap();
    let state = state(&servers).await;
    let card = &state["teams"]["cards"][0]["message"]["attachments"][0]["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    assert!(state["slackWebhook"]["messages"][0]["text"].as_str().unwrap().contains("tcp/22"));
    assert_no_violation(&servers).await;
}
