//! Store of snapshots and reports: an S3 bucket, or for the command line a directory.

use std::collections::BTreeMap;
use std::io;

use crate::error::AwsError;

/// Location of a store: the parts of keys and URIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreLocation {
    /// Base of all URIs: `s3://` and the name of the bucket, or a directory.
    pub base: String,
    /// The account that owns the bucket, and in which this program runs.
    pub account_id: String,
    /// The region in which this program runs.
    pub region: String,
}

impl StoreLocation {
    /// The URI of the object `key`.
    #[must_use]
    pub fn uri(&self, key: &str) -> String {
        format!("{}/{key}", self.base)
    }

    /// Key of the object that `name` names, by URI or key. `None` for a URI of another store.
    #[must_use]
    pub fn key<'n>(&self, name: &'n str) -> Option<&'n str> {
        match name.strip_prefix(&self.base) {
            Some(rest) => rest.strip_prefix('/'),
            None => (!name.contains("://") && !name.starts_with('/')).then_some(name),
        }
    }
}

/// An object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A call of S3 failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A file operation failed.
    #[error("{operation} {uri} failed")]
    File {
        /// `reading`, `writing`, `listing` or `deleting`.
        operation: &'static str,
        /// Path of the file or directory.
        uri: String,
        /// Answer of the operating system.
        #[source]
        problem: io::Error,
    },
}

/// What a store says of an object without its content, which may be encrypted with a key that the caller cannot use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectHead {
    /// Metadata of the object, by name.
    pub metadata: BTreeMap<String, String>,
    /// ARN of the KMS key that encrypts it; `None` if a key of S3 does.
    pub kms_key: Option<String>,
}

/// Stores objects, each a text: JSON, and in a bucket also what the end of the key says, such as `.html`.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ObjectStore {
    /// Location of the store.
    fn location(&self) -> &StoreLocation;

    /// Writes an object, unless the key exists. Returns false if it exists. `PutObject` with `If-None-Match`. If an
    /// answer is lost, the SDK retries, and the key may exist because of the first attempt.
    ///
    /// Source: Amazon S3 API reference, [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
    ///
    /// # Errors
    ///
    /// If the object could not be written.
    async fn put_new(&self, key: &str, json: String) -> Result<bool, StoreError>;

    /// Writes an object with metadata, and replaces one under the same key. `PutObject`.
    ///
    /// # Errors
    ///
    /// If the object could not be written.
    async fn put(&self, key: &str, json: String, metadata: BTreeMap<String, String>) -> Result<(), StoreError>;

    /// Reads what is known of an object without its content; `None` if there is none. `HeadObject`, which needs no
    /// permission for the key that encrypts the object.
    ///
    /// Source: Amazon S3 API reference, [HeadObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, StoreError>;

    /// Reads an object; `None` if there is none. `GetObject`.
    ///
    /// # Errors
    ///
    /// If the object could not be read, or is not text.
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// All keys that begin with `prefix`, sorted. `ListObjectsV2`.
    ///
    /// # Errors
    ///
    /// If the keys could not be listed.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Deletes an object; not an error if there is none. `DeleteObject`.
    ///
    /// # Errors
    ///
    /// If the object could not be deleted.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}
