//! Amazon SQS.

use std::time::Duration;

use aws_adapters::Sqs;
use aws_traits::sqs::{Hidden, Messages};
use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::Canned;

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
