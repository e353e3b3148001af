//! Amazon SNS.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_adapters::Topics;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use channels::{AwsCallError, Fifo, Publication, Publish};
use rstest::rstest;

use crate::canned::{Canned, LOST};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:findings";
const TAKEN: (u16, &str) = (
    200,
    r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>"#,
);

fn publication() -> Publication {
    Publication {
        topic_arn: TOPIC.into(),
        subject: "HIGH: web is open".into(),
        message: r#"{"default":"a&b=c","email":"é\n"}"#.into(),
        attributes: vec![("severity", "high".into()), ("account", "111122223333".into())],
        fifo: None,
    }
}

async fn publish(aws: &Canned) -> Result<(), AwsCallError> {
    Topics::new(&aws.sdk).publish(&publication()).await
}

/// An error of awsQuery.
fn failed(code: &str, message: &str) -> &'static str {
    format!(
        r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"#
    )
    .leak()
}

#[tokio::test]
async fn a_publication_is_the_documented_request_in_the_region_of_the_topic() {
    let aws = Canned::serve([TAKEN, TAKEN]).await;
    let topics = Topics::new(&aws.sdk);
    topics.publish(&publication()).await.unwrap();
    let fifo = Some(Fifo { group_id: "portcullis-1".into(), deduplication_id: "d-1".into() });
    let topic_arn = TOPIC.replace("eu-west-1", "us-west-2") + ".fifo";
    topics
        .publish(&Publication { topic_arn, subject: String::new(), attributes: vec![], fifo, ..publication() })
        .await
        .unwrap();
    let received = aws.received();
    let [first, second] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(first.line(), "POST /");
    assert_eq!(first.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(first.header("x-amz-target"), None);
    assert!(first.header("authorization").unwrap().contains("/eu-west-1/sns/aws4_request"));
    assert_eq!(
        first.body.split('&').collect::<Vec<_>>(),
        [
            "Action=Publish",
            "Version=2010-03-31",
            "TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A111122223333%3Afindings",
            "MessageStructure=json",
            "Message=%7B%22default%22%3A%22a%26b%3Dc%22%2C%22email%22%3A%22%C3%A9%5Cn%22%7D",
            "Subject=HIGH%3A%20web%20is%20open",
            "MessageAttributes.entry.1.Name=severity",
            "MessageAttributes.entry.1.Value.DataType=String",
            "MessageAttributes.entry.1.Value.StringValue=high",
            "MessageAttributes.entry.2.Name=account",
            "MessageAttributes.entry.2.Value.DataType=String",
            "MessageAttributes.entry.2.Value.StringValue=111122223333",
        ]
    );
    assert!(second.header("authorization").unwrap().contains("/us-west-2/sns/aws4_request"));
    assert!(second.body.ends_with("&MessageGroupId=portcullis-1&MessageDeduplicationId=d-1"), "{}", second.body);
    assert!(!second.body.contains("Subject"), "{}", second.body);
}

#[rstest]
#[case::denied((403, failed("AuthorizationError", "User: r is not authorized to perform: SNS:Publish")),
    "AuthorizationError: User: r is not authorized to perform: SNS:Publish (allow sns:Publish to this role or user)")]
#[case::denied_explicitly((403, failed("AuthorizationError", "with an explicit deny")),
    "with an explicit deny (a policy denies it explicitly, so change that policy)")]
#[case::no_topic((404, failed("NotFound", "Topic does not exist")), "NotFound: Topic does not exist")]
#[case::invalid((400, failed("InvalidParameter", "a &amp; b &lt;c&gt;")), "InvalidParameter: a & b <c>")]
#[case::page((403, "<html>forbidden</html>"), "findings failed: HTTP status 403")]
#[case::redirect((302, ""), "HTTP status 302")]
#[tokio::test]
async fn a_refusal_is_not_repeated(#[case] reply: (u16, &str), #[case] expected: &str) {
    let aws = Canned::serve([reply, TAKEN]).await.with_retries();
    let error = publish(&aws).await.unwrap_err();
    assert!(matches!(&error, AwsCallError::Refused(text) if text.contains(expected)), "{error:?}");
    assert!(error.to_string().starts_with(&format!("sns:Publish on {TOPIC} failed: ")), "{error}");
    assert_eq!(aws.received().len(), 1);
}

#[rstest]
#[case::hanging(LOST)]
#[case::internal((500, failed("InternalError", "oops")))]
#[case::no_code((502, "<html>bad gateway</html>"))]
#[case::unavailable((503, ""))]
#[case::page((200, "<html>welcome</html>"))]
#[case::no_id((200, "<PublishResponse><PublishResult/></PublishResponse>"))]
#[tokio::test]
async fn what_may_have_been_published_is_not_repeated(#[case] reply: (u16, &str)) {
    let aws = Canned::serve([reply, TAKEN]).await.with_retries();
    let error = publish(&aws).await.unwrap_err();
    assert!(matches!(error, AwsCallError::Unanswered(_)), "{error:?}");
    assert_eq!(aws.received().len(), 1);
}

#[rstest]
#[case((429, failed("Throttled", "slow")))]
#[case((400, failed("KMSThrottling", "slow")))]
#[case((400, failed("ThrottlingException", "slow")))]
#[case((429, ""))]
#[case((503, failed("Throttling", "slow")))]
#[tokio::test]
async fn a_throttled_publication_is_repeated(#[case] reply: (u16, &str)) {
    let aws = Canned::serve([reply, reply, TAKEN]).await.with_retries();
    publish(&aws).await.unwrap();
    assert_eq!(aws.received().len(), 3);
    let aws = Canned::serve([reply, reply, reply, TAKEN]).await.with_retries();
    let error = publish(&aws).await.unwrap_err();
    assert!(matches!(error, AwsCallError::Passing(_)), "{error:?}");
    assert_eq!(aws.received().len(), 3);
}

#[tokio::test]
async fn without_a_connection_nothing_was_published() {
    let port = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let sdk = Canned::serve([]).await.sdk.into_builder().endpoint_url(format!("http://127.0.0.1:{port}")).build();
    let error = Topics::new(&sdk).publish(&publication()).await.unwrap_err();
    assert!(matches!(error, AwsCallError::Passing(_)), "{error:?}");
}

#[tokio::test]
async fn a_text_that_is_no_arn_is_refused() {
    let aws = Canned::serve([]).await;
    let publication = Publication { topic_arn: "findings".into(), ..publication() };
    let error = Topics::new(&aws.sdk).publish(&publication).await.unwrap_err();
    assert_eq!(error, AwsCallError::Refused("`findings` is not the ARN of a topic: arn:aws:sns:…".into()));
    assert_eq!(aws.received().len(), 0);
}

/// An HTTP client that keeps the time limit of connections, and makes none.
#[derive(Debug, Clone, Default)]
struct Limits(Arc<Mutex<Option<Duration>>>);

impl HttpClient for Limits {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        *self.0.lock().unwrap() = settings.connect_timeout();
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Limits {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }
}

/// So a host that accepts no connection is told apart from one that does not answer.
#[tokio::test]
async fn a_connection_has_less_time_than_a_call() {
    let limits = Limits::default();
    let sdk = Canned::serve([]).await.with_retries().sdk.into_builder().http_client(limits.clone()).build();
    let begun = Instant::now();
    let error = Topics::new(&sdk).publish(&publication()).await.unwrap_err();
    assert!(matches!(error, AwsCallError::Unanswered(_)), "{error:?}");
    let limit = limits.0.lock().unwrap().unwrap();
    assert!(limit < begun.elapsed(), "{limit:?}");
}
