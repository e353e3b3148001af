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
