//! The control interface, and what the services refuse.

use std::sync::Arc;

use rstest::rstest;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{control, post, servers, state, take};

#[rstest]
#[case("PUT", "/faults", json!({"service": "slak", "fault": "down"}), "unknown variant `slak`")]
#[case("PUT", "/faults", json!({"service": "slack", "fault": "explode"}), "unknown variant `explode`")]
#[case("PUT", "/faults", json!({"service": "slack", "operation": "post", "fault": "hangAfter"}), "slack has no operation `post`")]
#[case("PUT", "/faults", json!({"service": "slack", "fault": "hangAfter", "time": 1}), "unknown field `time`")]
#[case("PUT", "/settings", json!({"jira": {"lag": 1}}), "jira: unknown field `lag`")]
#[case("PUT", "/settings", json!({"jira": {"lagSeconds": "1"}}), "jira: invalid type: string")]
#[case("PUT", "/settings", json!({"github": {}}), "unknown variant `github`")]
#[case("PUT", "/clock", json!({"advance": 1}), "unknown field `advance`")]
#[case("PUT", "/tickets", json!({"service": "jira", "key": "SEC-1"}), "jira has no ticket `SEC-1`")]
#[case("PUT", "/tickets", json!({"service": "slack", "key": "SEC-1"}), "slack has no ticket `SEC-1`")]
#[case("DELETE", "/faults?service=github", json!({}), "unknown variant `github`")]
#[tokio::test]
async fn a_mistake_of_a_test_is_an_error_that_names_it(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Value,
    #[case] error: &str,
) {
    let (status, answer) = control(&servers(), method, path, &body).await;
    assert_eq!(status, 400);
    let answer = answer["error"].as_str().unwrap();
    assert!(answer.starts_with(error), "{answer}");
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    assert_eq!(control(&servers(), "GET", "/stat", &Value::Null).await.0, 404);
}

#[tokio::test]
async fn services_answer_violations_as_they_do_and_they_are_remembered() {
    let servers = servers();
    let ready = servers.ready();
    let secret = |name: &str| ready.secrets[name].as_str().unwrap().to_owned();
    let body = |response: channels::Response| serde_json::from_slice::<Value>(&response.body).unwrap_or_default();

    let bearer = format!("Bearer {}", secret("slack"));
    let url = format!("{}/chat.postMessage", ready.slack);
    let long = json!({"channel": "#security", "text": "a",
        "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "a".repeat(151)}}]});
    let answer = body(post(&url, &[("authorization", &bearer)], &long).await);
    assert_eq!((&answer["ok"], &answer["error"]), (&json!(false), &json!("invalid_blocks")));
    assert!(answer["response_metadata"]["messages"][0].as_str().unwrap().contains("at most 150"));
    let answer = body(post(&url, &[("authorization", "Bearer wrong")], &long).await);
    assert_eq!(answer["error"], "invalid_auth");

    let jira = format!("{}/rest/api/2/issue", ready.jira_data_center);
    let bearer = format!("Bearer {}", secret("jiraDataCenter"));
    let fields = json!({"fields": {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "summary": "a\nb"}});
    let response = post(&jira, &[("authorization", &bearer)], &fields).await;
    assert_eq!(response.status, 400);
    assert!(body(response)["errors"]["summary"].as_str().unwrap().contains("newline"));
    assert_eq!(post(&jira, &[], &fields).await.status, 401);

    let event = json!({"routing_key": secret("pagerduty"), "event_action": "trigger", "dedup_key": "a",
        "payload": {"summary": "a", "source": "b", "severity": "bad"}});
    let response = post(&format!("{}/v2/enqueue", ready.pagerduty), &[], &event).await;
    assert_eq!((response.status, &body(response)["errors"]), (400, &json!(["severity is bad"])));

    // A workflow answers before it posts.
    assert_eq!(post(&ready.teams, &[], &json!({"type": "message"})).await.status, 202);
    assert_eq!(post(&ready.teams.replace("sig=", "sig=x"), &[], &json!({})).await.status, 401);
    assert_eq!(post(&ready.slack_webhook, &[], &json!({"text": "a"})).await.body, b"invalid_blocks");
    assert_eq!(post(&format!("{}x", ready.slack_webhook), &[], &json!({})).await.body, b"no_service");

    let violations = take(&servers, "GET", "/violations", Value::Null).await;
    let services: Vec<&Value> = violations.as_array().unwrap().iter().map(|violation| &violation["service"]).collect();
    let expected = [
        "slack",
        "slack",
        "slackWebhook",
        "slackWebhook",
        "jiraDataCenter",
        "jiraDataCenter",
        "pagerduty",
        "teams",
        "teams",
    ];
    assert_eq!(services, expected);
    assert!(!violations.to_string().contains(&secret("jiraDataCenter")));
    let told = state(&servers).await;
    assert_eq!((&told["teams"]["cards"], &told["jiraDataCenter"]["open"]), (&json!([]), &json!(0)));
    take(&servers, "DELETE", "/state", Value::Null).await;
    assert_eq!(take(&servers, "GET", "/violations", Value::Null).await, json!([]));
    assert_eq!(take(&servers, "GET", "/calls", Value::Null).await, json!([]));
}

#[tokio::test]
async fn another_token_is_not_accepted_any_more() {
    let servers = servers();
    let before = servers.ready().secrets["slack"].clone();
    take(&servers, "PUT", "/settings", json!({"slack": {"token": "xoxb-other"}})).await;
    let ready = servers.ready();
    assert_ne!(ready.secrets["slack"], before);
    let bearer = format!("Bearer {}", before.as_str().unwrap());
    let response = post(&format!("{}/chat.update", ready.slack), &[("authorization", &bearer)], &json!({})).await;
    assert_eq!(serde_json::from_slice::<Value>(&response.body).unwrap()["error"], "invalid_auth");
}

#[tokio::test]
async fn a_reset_makes_all_as_it_was_at_the_start() {
    let servers = servers();
    let before = servers.ready();
    let settings = take(&servers, "GET", "/settings", Value::Null).await;
    take(&servers, "PUT", "/settings", json!({"slack": {"token": "xoxb-other"}})).await;
    take(&servers, "PUT", "/faults", json!({"service": "jira", "fault": "down"})).await;
    take(&servers, "PUT", "/clock", json!({"advanceSeconds": 60})).await;
    take(&servers, "POST", "/reset", Value::Null).await;
    assert_eq!(servers.ready(), before);
    assert_eq!(take(&servers, "GET", "/settings", Value::Null).await, settings);
    assert_eq!(take(&servers, "GET", "/faults", Value::Null).await, json!([]));
    assert_eq!(take(&servers, "GET", "/clock", Value::Null).await, json!({"now": "2026-12-01T09:00:00Z"}));
    assert_eq!(post(&format!("{}/rest/api/3/issue", before.jira), &[], &json!({})).await.status, 401);
}

#[tokio::test]
async fn the_certificate_of_the_broken_server_is_not_trusted() {
    let servers = servers();
    let address = servers.ready().broken_tls.replace("https://", "");
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let stream = TcpStream::connect(&address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let error = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
}
