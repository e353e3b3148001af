//! Amazon EventBridge.

use std::time::{Duration, Instant};

use aws_adapters::EventBridge;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_traits::events::{Event, Events};
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::{Canned, LOST};

const TAKEN: (u16, &str) = (200, r#"{"FailedEntryCount":0,"Entries":[{"EventId":"11710aed"}]}"#);

fn event(detail: &str) -> Event {
    Event {
        source: "portcullis",
        detail_type: "Portcullis Assessment",
        resource: Some("arn:aws:ec2:us-east-1:111122223333:security-group/sg-0aaaaaaaaaaaaaaaa".into()),
        detail: detail.into(),
    }
}

fn bus(aws: &Canned) -> EventBridge {
    EventBridge::new(&aws.sdk, "security")
}

#[tokio::test]
async fn put_events_sends_the_documented_request_with_a_signature() {
    let aws = Canned::serve([(200, r#"{"FailedEntryCount":0,"Entries":[{"EventId":"a"},{"EventId":"b"}]}"#)]).await;
    let second = Event { resource: None, ..event(r#"{"b":"\"网\""}"#) };
    assert_eq!(bus(&aws).put_events(&[event(r#"{"a":1}"#), second]).await.unwrap(), []);
    let received = aws.received();
    let [request] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(request.line(), "POST /");
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(request.header("x-amz-target"), Some("AWSEvents.PutEvents"));
    let signature = request.header("authorization").unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=a/"), "{signature}");
    assert!(signature.contains("/us-east-1/events/aws4_request"), "{signature}");
    for header in ["content-type", "host", "x-amz-date", "x-amz-target"] {
        assert!(signature.contains(header), "{header} in {signature}");
    }
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({"Entries": [
            {"EventBusName": "security", "Source": "portcullis", "DetailType": "Portcullis Assessment",
                "Resources": ["arn:aws:ec2:us-east-1:111122223333:security-group/sg-0aaaaaaaaaaaaaaaa"],
                "Detail": r#"{"a":1}"#},
            {"EventBusName": "security", "Source": "portcullis", "DetailType": "Portcullis Assessment",
                "Detail": r#"{"b":"\"网\""}"#},
        ]})
    );
}

/// EventBridge answers HTTP 200 although it did not take an event.
#[tokio::test]
async fn failed_entries_are_inspected() {
    let reply = r#"{"FailedEntryCount":1,"Entries":[{"EventId":"a"},{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"}]}"#;
    let aws = Canned::serve([(200, reply)]).await;
    let rejected = bus(&aws).put_events(&[event("{}"), event("{}")]).await.unwrap();
    assert_eq!((rejected.len(), rejected[0].index), (1, 1));
    let text = rejected[0].error.to_string();
    assert_eq!(text, "events:PutEvents on event bus security failed: ThrottlingException: slow");
    assert_eq!(aws.received().len(), 1);
}

#[rstest]
#[case::throttled((400, r#"{"__type":"ThrottlingException","message":"slow"}"#))]
#[case::throttled_with_a_namespace((400, r#"{"__type":"com.amazonaws.events#ThrottlingException"}"#))]
#[case::internal((500, r#"{"__type":"InternalException"}"#))]
#[case::unavailable((503, "<html>busy</html>"))]
#[case::hanging(LOST)]
#[tokio::test]
async fn a_passing_failure_is_tried_again_once(#[case] failure: (u16, &str)) {
    let aws = Canned::serve([failure, TAKEN]).await.with_retries();
    let begun = Instant::now();
    assert_eq!(bus(&aws).put_events(&[event("{}")]).await.unwrap(), []);
    assert_eq!(aws.received().len(), 2);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let aws = Canned::serve([failure, failure, TAKEN]).await.with_retries();
    let begun = Instant::now();
    bus(&aws).put_events(&[event("{}")]).await.unwrap_err();
    assert_eq!(aws.received().len(), 2);
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
}

#[rstest]
#[case::denied((400, r#"{"__type":"AccessDeniedException","Message":"no"}"#), Some("AccessDeniedException"),
    "AccessDeniedException: no (allow events:PutEvents to this role or user)")]
#[case::no_bus((400, r#"{"__type":"ResourceNotFoundException:http://x","message":"no bus"}"#),
    Some("ResourceNotFoundException"), "ResourceNotFoundException: no bus")]
#[case::redirect((302, ""), None, "HTTP status 302")]
#[case::garbage((200, "<html>welcome</html>"), None, "the answer is malformed: ")]
#[case::no_entries((200, "{}"), None, "the answer is malformed: missing field `Entries`")]
#[case::too_few((200, r#"{"FailedEntryCount":0,"Entries":[]}"#), None, "the answer is malformed: 0 results for 1 events")]
#[case::contradiction((200, r#"{"FailedEntryCount":1,"Entries":[{"EventId":"a"}]}"#), None,
    "the answer is malformed: 1 failed entries, and 0 with an error")]
#[tokio::test]
async fn a_failure_that_stays_is_not_tried_again(
    #[case] reply: (u16, &str),
    #[case] code: Option<&str>,
    #[case] text: &str,
) {
    let aws = Canned::serve([reply, TAKEN]).await.with_retries();
    let error = bus(&aws).put_events(&[event("{}")]).await.unwrap_err();
    assert_eq!(error.code(), code);
    assert!(error.to_string().contains(text), "{error}");
    assert_eq!(aws.received().len(), 1);
}

#[tokio::test]
async fn without_a_bus_nothing_is_sent() {
    let aws = Canned::serve([]).await;
    let off = EventBridge::new(&aws.sdk, "");
    assert_eq!(off.bus(), None);
    assert_eq!(off.put_events(&[event("{}")]).await.unwrap(), []);
    assert_eq!(aws.received().len(), 0);
}

// --- Endpoints

/// An HTTP client that reports the address of a request as an error.
#[derive(Debug, Clone)]
struct Addresses;

impl HttpClient for Addresses {
    fn http_connector(&self, _settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self)
    }
}

impl HttpConnector for Addresses {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Err(ConnectorError::user(format!("to {}", request.uri()).into())))
    }
}

#[derive(Debug)]
struct OfService(&'static str);

impl LoadServiceConfig for OfService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.service_id() == "EventBridge" && key.env() == "AWS_ENDPOINT_URL").then(|| self.0.to_owned())
    }
}

async fn address(sdk: SdkConfig) -> String {
    let sdk = sdk.into_builder().http_client(Addresses).build();
    let error = EventBridge::new(&sdk, "default").put_events(&[event("{}")]).await.unwrap_err().to_string();
    error.rsplit_once("to ").unwrap().1.trim_end_matches('/').to_owned()
}

#[rstest]
#[case("eu-central-1", "https://events.eu-central-1.amazonaws.com")]
#[case("us-gov-west-1", "https://events.us-gov-west-1.amazonaws.com")]
#[case("cn-north-1", "https://events.cn-north-1.amazonaws.com.cn")]
#[case("us-iso-east-1", "https://events.us-iso-east-1.c2s.ic.gov")]
#[case("eusc-de-east-1", "https://events.eusc-de-east-1.amazonaws.eu")]
#[tokio::test]
async fn the_endpoint_is_that_of_the_region(#[case] region: &'static str, #[case] expected: &str) {
    let mut builder = Canned::serve([]).await.sdk.into_builder();
    builder.set_endpoint_url(None);
    let sdk = builder.region(Region::from_static(region)).build();
    assert_eq!(address(sdk).await, expected);
}

#[tokio::test]
async fn the_endpoint_of_the_service_comes_before_that_of_all() {
    let all = Canned::serve([]).await.sdk.into_builder().endpoint_url("http://127.0.0.1:1/all").build();
    assert_eq!(address(all.clone()).await, "http://127.0.0.1:1/all");
    let own = all.into_builder().service_config(OfService("http://127.0.0.1:2")).build();
    assert_eq!(address(own).await, "http://127.0.0.1:2");
}
