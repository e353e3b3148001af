//! Amazon SQS.

use std::time::Duration;

use aws_adapters::Sqs;
use aws_traits::sqs::{Hidden, Messages, Outgoing, SendMessages};
use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::{Canned, LOST};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:portcullis-record";

fn hidden(receipt: &str, seconds: u64) -> Hidden {
    Hidden { receipt: receipt.into(), hide_for: Duration::from_secs(seconds) }
}

#[tokio::test]
async fn hiding_messages_sends_the_documented_request_with_a_signature() {
    let aws = Canned::serve([(200, r#"{"Successful":[{"Id":"0"},{"Id":"1"}],"Failed":[]}"#)]).await;
    Sqs::new(&aws.sdk).hide(QUEUE, &[hidden("AQEB", 8), hidden("AQEC", 600)]).await.unwrap();
    let received = aws.received();
    let [request] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.0"));
    assert_eq!(request.header("x-amz-target"), Some("AmazonSQS.ChangeMessageVisibilityBatch"));
    assert!(request.header("authorization").unwrap().contains("/us-east-1/sqs/aws4_request"));
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({
            "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/portcullis-record",
            "Entries": [
                {"Id": "0", "ReceiptHandle": "AQEB", "VisibilityTimeout": 8},
                {"Id": "1", "ReceiptHandle": "AQEC", "VisibilityTimeout": 600},
            ],
        })
    );
}

#[rstest]
#[case::denied(QUEUE, (400, r#"{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"no"}"#),
    "(allow sqs:ChangeMessageVisibility to this role or user)")]
#[case::one_failed(QUEUE, (200, r#"{"Failed":[{"Id":"0","Code":"ReceiptHandleIsInvalid","SenderFault":true}]}"#),
    "ReceiptHandleIsInvalid")]
#[case::garbage(QUEUE, (200, "<html>"), "the answer is malformed")]
#[case::not_mentioned(QUEUE, (200, "{}"), "the answer is malformed: 0 results for 1 messages")]
#[case::no_arn("portcullis-record", (200, "{}"), "this is not the ARN of a queue")]
#[tokio::test]
async fn a_message_that_stays_as_it_was_is_an_error(
    #[case] queue: &str,
    #[case] reply: (u16, &str),
    #[case] expected: &str,
) {
    let aws = Canned::serve([reply]).await;
    let error = Sqs::new(&aws.sdk).hide(queue, &[hidden("AQEB", 8)]).await.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn outgoing(body: &str, delay: Duration) -> Outgoing {
    Outgoing { body: body.into(), delay }
}

#[tokio::test]
async fn sending_messages_is_the_documented_request_with_a_signature() {
    let aws = Canned::serve([(200, r#"{"Successful":[{"Id":"0","MessageId":"m"},{"Id":"1","MessageId":"n"}]}"#)]).await;
    let messages = [outgoing(r#"{"finding":"é"}"#, Duration::ZERO), outgoing("b", Duration::from_millis(899_001))];
    Sqs::new(&aws.sdk).send(QUEUE, &messages).await.unwrap();
    let received = aws.received();
    let [request] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.0"));
    assert_eq!(request.header("x-amz-target"), Some("AmazonSQS.SendMessageBatch"));
    assert!(request.header("authorization").unwrap().contains("/us-east-1/sqs/aws4_request"));
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({
            "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/portcullis-record",
            "Entries": [
                {"Id": "0", "MessageBody": r#"{"finding":"é"}"#, "DelaySeconds": 0},
                {"Id": "1", "MessageBody": "b", "DelaySeconds": 900},
            ],
        })
    );
}

#[rstest]
#[case::denied(QUEUE, (400, r#"{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"no"}"#),
    "(allow sqs:SendMessage to this role or user)")]
#[case::one_failed(QUEUE,
    (200, r#"{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","Code":"InternalError","Message":"oops","SenderFault":false}]}"#),
    "sqs:SendMessage on arn:aws:sqs:eu-west-1:123456789012:portcullis-record failed: InternalError: oops")]
#[case::not_mentioned(QUEUE, (200, r#"{"Successful":[{"Id":"0"}]}"#), "the answer is malformed: 1 results for 2 messages")]
#[case::garbage(QUEUE, (200, "<html>"), "the answer is malformed")]
#[case::no_arn("portcullis-notify", (200, "{}"), "this is not the ARN of a queue")]
#[tokio::test]
async fn a_message_that_was_not_taken_is_an_error(
    #[case] queue: &str,
    #[case] reply: (u16, &str),
    #[case] expected: &str,
) {
    let aws = Canned::serve([reply]).await;
    let messages = [outgoing("a", Duration::ZERO), outgoing("b", Duration::ZERO)];
    let error = Sqs::new(&aws.sdk).send(queue, &messages).await.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

/// The receivers of the messages recognise a repetition.
#[tokio::test]
async fn sending_is_repeated_until_it_is_known_to_be_done() {
    let done = (200, r#"{"Successful":[{"Id":"0"}]}"#);
    let aws = Canned::serve([LOST, (503, ""), done]).await.with_retries();
    Sqs::new(&aws.sdk).send(QUEUE, &[outgoing("a", Duration::ZERO)]).await.unwrap();
    assert_eq!(aws.received().len(), 3);
}
