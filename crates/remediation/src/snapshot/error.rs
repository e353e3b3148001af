//! Why a snapshot could not be written or read.

use aws_traits::object_store::StoreError;

use crate::request::RequestError;

/// Why a snapshot could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store did not take it. Without a snapshot nothing is changed.
    #[error("the snapshot cannot be written")]
    NotWritten(#[source] StoreError),
    /// Objects under all of its names are there already.
    #[error("the snapshot cannot be written: {uri}: objects of this name are there already")]
    NameTaken {
        /// Their common beginning.
        uri: String,
    },
    /// The store did not return it.
    #[error("the bucket of the snapshots cannot be read")]
    NotRead(#[source] StoreError),
    /// There is none.
    #[error("there is no snapshot below {0}: either nothing was closed, or it has expired")]
    None(String),
    /// Not the name of a snapshot.
    #[error(transparent)]
    Name(#[from] RequestError),
    /// It is not a document of this release.
    #[error("{uri} is not a document that this release understands: {problem}")]
    Malformed {
        /// URI of the object.
        uri: String,
        /// What is wrong with it.
        problem: String,
    },
}
