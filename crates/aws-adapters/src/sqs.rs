//! Amazon SQS.

use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::{Hidden, Messages};
use aws_types::SdkConfig;
use findings::dns_suffix;
use serde::{Deserialize, Serialize};

use crate::error::FromSdk;
use crate::json_service::{JsonService, Service};

const HIDE: &str = "sqs:ChangeMessageVisibility";

static SERVICE: Service = Service {
    id: "SQS",
    signing_name: "sqs",
    host: "sqs",
    content_type: "application/x-amz-json-1.0",
    attempts: 3,
    attempt_timeout: Duration::from_secs(3),
};

/// Client of Amazon SQS.
#[derive(Debug)]
pub struct Sqs {
    service: JsonService,
}

impl Sqs {
    /// Creates the adapter. Its client is created on the first call.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { service: JsonService::new(&SERVICE, sdk) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    queue_url: String,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
    receipt_handle: String,
    visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    failed: Vec<Failed>,
}

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

impl Messages for Sqs {
    async fn hide(&self, queue_arn: &str, messages: &[Hidden]) -> Result<(), AwsError> {
        let queue_url = url(queue_arn)
            .ok_or_else(|| AwsError::new(HIDE, queue_arn, None, "this is not the ARN of a queue: arn:aws:sqs:…"))?;
        let entry = |(index, message): (usize, &Hidden)| Entry {
            id: index.to_string(),
            receipt_handle: message.receipt.clone(),
            visibility_timeout: message.hide_for.as_secs(),
        };
        let request = Request { queue_url, entries: messages.iter().enumerate().map(entry).collect() };
        let body = serde_json::to_string(&request).unwrap_or_default();
        let answer = self.service.call("AmazonSQS.ChangeMessageVisibilityBatch", body).await;
        let answer = answer.map_err(|error| AwsError::from_sdk(HIDE, queue_arn, &error))?;
        let answer: Answer = serde_json::from_str(&answer)
            .map_err(|problem| AwsError::malformed(HIDE, queue_arn, &problem.to_string()))?;
        match answer.failed.first() {
            Some(Failed { code, message }) => Err(AwsError::new(HIDE, queue_arn, Some(code), message)),
            None => Ok(()),
        }
    }
}
