//! Amazon SQS.

use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::{Hidden, Messages, Outgoing, SendMessages};
use aws_types::SdkConfig;
use findings::dns_suffix;
use serde::{Deserialize, Serialize};

use crate::aws_service::{AwsService, CallError, Service, json, retries};
use crate::error::FromSdk;

const HIDE: &str = "sqs:ChangeMessageVisibility";
const SEND: &str = "sqs:SendMessage";

static SERVICE: Service = Service {
    id: "SQS",
    signing_name: "sqs",
    host: "sqs",
    protocol: &json::AWS_JSON_1_0,
    attempts: 3,
    attempt_timeout: Duration::from_secs(3),
    retries: retries::of_what_passes,
};

/// Client of Amazon SQS.
#[derive(Debug)]
pub struct Sqs {
    service: AwsService,
}

impl Sqs {
    /// Creates the adapter. Its client is created on the first call.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { service: AwsService::new(&SERVICE, sdk) }
    }
}

/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<E> {
    queue_url: String,
    entries: Vec<E>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ToHide<'r> {
    id: String,
    receipt_handle: &'r str,
    visibility_timeout: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ToSend<'r> {
    id: String,
    message_body: &'r str,
    delay_seconds: u64,
}

/// The answer to a batch: every entry is in one of the lists.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    successful: Vec<Successful>,
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
struct Successful {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    code: String,
    #[serde(default)]
    message: String,
}

/// The URL of a queue: `arn:aws:sqs:REGION:ACCOUNT:NAME` is `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`. SQS finds a
/// queue by the path of this URL.
fn url(arn: &str) -> Option<String> {
    let mut parts = arn.split(':').skip(3);
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("https://sqs.{region}.{}/{account}/{name}", dns_suffix(region)))
}

/// Body of a request for a batch of a queue.
fn request<E: Serialize>(operation: &'static str, queue_arn: &str, entries: Vec<E>) -> Result<String, AwsError> {
    let queue_url = url(queue_arn)
        .ok_or_else(|| AwsError::new(operation, queue_arn, None, "this is not the ARN of a queue: arn:aws:sqs:…"))?;
    Ok(serde_json::to_string(&Request { queue_url, entries }).unwrap_or_default())
}

/// Reads the answer to a batch of `entries`. One that failed, or is not mentioned, is an error.
fn all_done(
    operation: &'static str,
    queue_arn: &str,
    answer: Result<String, CallError>,
    entries: usize,
) -> Result<(), AwsError> {
    let answer = answer.map_err(|error| AwsError::from_sdk(operation, queue_arn, &error))?;
    let malformed = |problem: &str| AwsError::malformed(operation, queue_arn, problem);
    let answer: Answer = serde_json::from_str(&answer).map_err(|problem| malformed(&problem.to_string()))?;
    match answer.failed.first() {
        Some(Failed { code, message }) => Err(AwsError::new(operation, queue_arn, Some(code), message)),
        None if answer.successful.len() == entries => Ok(()),
        None => Err(malformed(&format!("{} results for {entries} messages", answer.successful.len()))),
    }
}

impl Messages for Sqs {
    async fn hide(&self, queue_arn: &str, messages: &[Hidden]) -> Result<(), AwsError> {
        let entries = messages.iter().enumerate().map(|(index, message)| ToHide {
            id: index.to_string(),
            receipt_handle: &message.receipt,
            visibility_timeout: message.hide_for.as_secs(),
        });
        let body = request(HIDE, queue_arn, entries.collect())?;
        let answer = self.service.json("AmazonSQS.ChangeMessageVisibilityBatch", body).await;
        all_done(HIDE, queue_arn, answer, messages.len())
    }
}

impl SendMessages for Sqs {
    async fn send(&self, queue_arn: &str, messages: &[Outgoing]) -> Result<(), AwsError> {
        let entries = messages.iter().enumerate().map(|(index, message)| ToSend {
            id: index.to_string(),
            message_body: &message.body,
            // Rounded up, so that it is not received before its time.
            delay_seconds: message.delay.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX),
        });
        let body = request(SEND, queue_arn, entries.collect())?;
        let answer = self.service.json("AmazonSQS.SendMessageBatch", body).await;
        all_done(SEND, queue_arn, answer, messages.len())
    }
}
