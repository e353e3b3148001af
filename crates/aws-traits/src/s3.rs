//! S3: the bucket for what has to be kept before something is changed.

use crate::error::AwsError;

/// Where a bucket is: what keys and URIs are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What keys are below: `s3://` and the bucket's name, or a directory.
    pub base: String,
    /// The account that owns it, and in which this program runs.
    pub account_id: String,
    /// The region in which this program runs.
    pub region: String,
}

impl Place {
    /// The whole name of what is kept under `key`.
    #[must_use]
    pub fn uri(&self, key: &str) -> String {
        format!("{}/{key}", self.base)
    }

    /// The key that somebody means by `name`: a URI of this place, or a key. `None` is a URI of another place.
    #[must_use]
    pub fn key<'n>(&self, name: &'n str) -> Option<&'n str> {
        match name.strip_prefix(&self.base) {
            Some(rest) => rest.strip_prefix('/'),
            None => (!name.contains("://") && !name.starts_with('/')).then_some(name),
        }
    }
}

/// Keeps objects.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Objects {
    /// Where the objects are kept.
    fn place(&self) -> &Place;

    /// `PutObject` unless there is such an object: whether it was written. An answer that got lost makes the SDK try
    /// again, and then the object is there.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn put_new(&self, key: &str, json: String) -> Result<bool, AwsError>;

    /// `PutObject`, in the place of one that may be there.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn put(&self, key: &str, json: String) -> Result<(), AwsError>;

    /// `GetObject`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When the call failed, or when the object is not text.
    async fn get(&self, key: &str) -> Result<Option<String>, AwsError>;

    /// `ListObjectsV2`: all keys that begin with `prefix`, sorted.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, AwsError>;

    /// `DeleteObject`; fine when there is none.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn delete(&self, key: &str) -> Result<(), AwsError>;
}
