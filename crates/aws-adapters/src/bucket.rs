//! An S3 bucket: for snapshots, for reports, with a routing document.

use std::collections::BTreeMap;

use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_traits::AwsError;
use aws_traits::object_store::{ObjectHead, ObjectStore, StoreError, StoreLocation};
use aws_types::SdkConfig;

use crate::error::FromSdk;
use crate::sdk::{MissingVariable, required};

/// Object store in one S3 bucket.
///
/// Every call names the account that must own the bucket. Nothing is written if the bucket was deleted and another account
/// has taken its name since.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: aws_sdk_s3::Client,
    name: String,
    location: StoreLocation,
}

const PUT: &str = "s3:PutObject";

/// The media type of an object, by the end of its key: a browser that opens a report shows it.
fn media_type(key: &str) -> &'static str {
    match key.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "csv")) => "text/csv; charset=utf-8",
        _ => "application/json",
    }
}

impl Bucket {
    /// Creates the adapter and its client. Call it once per process.
    #[must_use]
    pub fn new(sdk: &SdkConfig, bucket: String, account_id: String) -> Self {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let config = aws_sdk_s3::config::Builder::from(sdk).retry_classifier(Collision).build();
        Self {
            client: aws_sdk_s3::Client::from_conf(config),
            location: StoreLocation { base: format!("s3://{bucket}"), account_id, region },
            name: bucket,
        }
    }

    /// Creates the adapter for the bucket in `SNAPSHOT_BUCKET`, owned by the account in `SNAPSHOT_BUCKET_OWNER`.
    ///
    /// # Errors
    ///
    /// When one of the two is not set.
    pub fn from_env(sdk: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self::new(sdk, required("SNAPSHOT_BUCKET")?, required("SNAPSHOT_BUCKET_OWNER")?))
    }
}

/// Retries when two conditional writes of one key collide, for example because an attempt that timed out is still in
/// progress. S3 then answers `409 ConditionalRequestConflict`, which the SDK does not retry.
///
/// Source: Amazon S3 user guide, [How to prevent object overwrites with conditional
/// writes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
#[derive(Debug)]
struct Collision;

impl ClassifyRetry for Collision {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(|response| response.status().as_u16()) {
            Some(409) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "collision of conditional writes"
    }
}

impl ObjectStore for Bucket {
    fn location(&self) -> &StoreLocation {
        &self.location
    }

    async fn put_new(&self, key: &str, json: String) -> Result<bool, StoreError> {
        let written = self
            .client
            .put_object()
            .bucket(&self.name)
            .expected_bucket_owner(&self.location.account_id)
            .key(key)
            .content_type(media_type(key))
            .if_none_match("*")
            .body(ByteStream::from(json.into_bytes()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) => {
                let error = AwsError::from_sdk(PUT, &self.location.uri(key), &error);
                if error.code() == Some("PreconditionFailed") { Ok(false) } else { Err(error.into()) }
            }
        }
    }

    async fn put(&self, key: &str, json: String, metadata: BTreeMap<String, String>) -> Result<(), StoreError> {
        self.client
            .put_object()
            .bucket(&self.name)
            .expected_bucket_owner(&self.location.account_id)
            .key(key)
            .content_type(media_type(key))
            .set_metadata(Some(metadata.into_iter().collect()))
            .body(ByteStream::from(json.into_bytes()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::from_sdk(PUT, &self.location.uri(key), &error).into())
    }

    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        const OPERATION: &str = "s3:GetObject";
        let read = self
            .client
            .get_object()
            .bucket(&self.name)
            .expected_bucket_owner(&self.location.account_id)
            .key(key)
            .send()
            .await;
        let object = match read {
            Ok(object) => object,
            Err(error) => {
                let error = AwsError::from_sdk(OPERATION, &self.location.uri(key), &error);
                return if error.code() == Some("NoSuchKey") { Ok(None) } else { Err(error.into()) };
            }
        };
        let malformed = |problem: &str| AwsError::malformed(OPERATION, &self.location.uri(key), problem);
        let bytes = object.body.collect().await.map_err(|error| malformed(&error.to_string()))?;
        Ok(Some(String::from_utf8(bytes.to_vec()).map_err(|_| malformed("the object is not UTF-8 text"))?))
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, StoreError> {
        let read = self
            .client
            .head_object()
            .bucket(&self.name)
            .expected_bucket_owner(&self.location.account_id)
            .key(key)
            .send()
            .await;
        match read {
            Ok(head) => Ok(Some(ObjectHead {
                metadata: head.metadata.unwrap_or_default().into_iter().collect(),
                kms_key: head.ssekms_key_id,
            })),
            Err(error) => {
                let is_missing = error.as_service_error().is_some_and(HeadObjectError::is_not_found);
                let error = AwsError::from_sdk("s3:HeadObject", &self.location.uri(key), &error);
                if is_missing { Ok(None) } else { Err(error.into()) }
            }
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .expected_bucket_owner(&self.location.account_id)
            .prefix(prefix)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk("s3:ListBucket", &self.location.uri(prefix), &error))?;
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        keys.sort();
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.client
            .delete_object()
            .bucket(&self.name)
            .expected_bucket_owner(&self.location.account_id)
            .key(key)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::from_sdk("s3:DeleteObject", &self.location.uri(key), &error).into())
    }
}
