//! Where snapshots are kept: an S3 bucket, or at a terminal a directory.

use std::io;

use crate::error::AwsError;

/// Where objects are kept: the parts of keys and URIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreLocation {
    /// What all keys are below: `s3://` and the bucket's name, or a directory.
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

    /// The key that a user means by `name`: a URI of this store, or a key. `None` for a URI of another store.
    #[must_use]
    pub fn key<'n>(&self, name: &'n str) -> Option<&'n str> {
        match name.strip_prefix(&self.base) {
            Some(rest) => rest.strip_prefix('/'),
            None => (!name.contains("://") && !name.starts_with('/')).then_some(name),
        }
    }
}

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// S3 did not do it.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The file system did not do it.
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

/// Keeps objects, each of which is a JSON text.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ObjectStore {
    /// Where the objects are kept.
    fn location(&self) -> &StoreLocation;

    /// Writes an object unless there is one under this key; returns whether it was written. S3's `PutObject` with
    /// `If-None-Match`. If an answer gets lost, the SDK tries again, and then the object is there.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    async fn put_new(&self, key: &str, json: String) -> Result<bool, StoreError>;

    /// Writes an object, and replaces one under the same key. `PutObject`.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    async fn put(&self, key: &str, json: String) -> Result<(), StoreError>;

    /// Reads an object; `None` if there is none. `GetObject`.
    ///
    /// # Errors
    ///
    /// When it could not be read, or is not text.
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// All keys that begin with `prefix`, sorted. `ListObjectsV2`.
    ///
    /// # Errors
    ///
    /// When they could not be listed.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Deletes an object; not an error if there is none. `DeleteObject`.
    ///
    /// # Errors
    ///
    /// When it could not be deleted.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}
