//! Errors of snapshots.

use aws_traits::object_store::StoreError;

use crate::request::RequestError;

/// A snapshot could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store refused the snapshot. Without a snapshot, nothing is changed.
    #[error("the snapshot cannot be written")]
    NotWritten(#[source] StoreError),
    /// Every name that was tried is taken.
    #[error("the snapshot cannot be written: {uri}: objects of this name already exist")]
    NameTaken {
        /// URI without suffix and extension.
        uri: String,
    },
    /// The store could not be listed or read.
    #[error("the snapshot store cannot be read")]
    NotRead(#[source] StoreError),
    /// An object could not be read, and is encrypted with a key of the account.
    #[error(
        "the snapshot store cannot be read: the object is encrypted with {key}; if the stack has another key now, allow its \
         role kms:Decrypt on this one"
    )]
    Encrypted {
        /// ARN of the key.
        key: String,
        /// Answer of S3.
        #[source]
        problem: StoreError,
    },
    /// There is no such snapshot.
    #[error("there is no snapshot below {0}: nothing was closed, or the snapshot has expired")]
    None(String),
    /// The request does not name a snapshot.
    #[error(transparent)]
    Name(#[from] RequestError),
    /// The document is malformed, or has another version.
    #[error("{uri} is not a valid document for this release: {problem}")]
    Malformed {
        /// URI of the object.
        uri: String,
        /// Defect of the document.
        problem: String,
    },
}

impl SnapshotError {
    /// Names the key that encrypts the object, if that is why it could not be read.
    pub(super) fn with_key(self, kms_key: Option<String>) -> Self {
        match (self, kms_key) {
            (Self::NotRead(problem @ StoreError::Aws(_)), Some(key)) => Self::Encrypted { key, problem },
            (error, _) => error,
        }
    }
}
