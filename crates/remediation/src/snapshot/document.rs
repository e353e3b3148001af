//! Reads and writes the documents in the store.

use aws_traits::object_store::{ObjectHead, ObjectStore};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::SnapshotError;
use super::key::has_json_extension;

/// Version of the documents that this release writes and reads.
pub(super) const VERSION: u32 = 1;

/// Returns true if there is an object. Lists it, because S3 answers a get of a missing key with "access denied" unless the
/// role may list the whole bucket.
///
/// Source: Amazon S3 API reference, [GetObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
async fn exists(store: &impl ObjectStore, key: &str) -> Result<bool, SnapshotError> {
    Ok(store.list(key).await.map_err(SnapshotError::NotRead)?.iter().any(|found| found == key))
}

/// Reads a document that usually does not exist.
pub(super) async fn find<T: for<'de> Deserialize<'de>>(
    store: &impl ObjectStore,
    key: &str,
) -> Result<Option<T>, SnapshotError> {
    if exists(store, key).await? { get(store, key).await } else { Ok(None) }
}

/// Reads what is known of an object without its content, if it exists, which it usually does not.
pub(super) async fn find_head(store: &impl ObjectStore, key: &str) -> Result<Option<ObjectHead>, SnapshotError> {
    if exists(store, key).await? { store.head(key).await.map_err(SnapshotError::NotRead) } else { Ok(None) }
}

/// Reads a document, if there is one. Its version is checked before its fields.
pub(super) async fn get<T: for<'de> Deserialize<'de>>(
    store: &impl ObjectStore,
    key: &str,
) -> Result<Option<T>, SnapshotError> {
    let json = match store.get(key).await {
        Ok(Some(json)) => json,
        Ok(None) => return Ok(None),
        Err(error) => {
            // An error of the head adds nothing to that of the content.
            let key = store.head(key).await.ok().flatten().and_then(|head| head.kms_key);
            return Err(SnapshotError::NotRead(error).with_key(key));
        }
    };
    let malformed = |problem: String| SnapshotError::Malformed { uri: store.location().uri(key), problem };
    let document: Value = serde_json::from_str(&json).map_err(|error| malformed(error.to_string()))?;
    match document.get("version") {
        Some(version) if *version == VERSION => {}
        Some(version) => return Err(malformed(format!("its version is {version} instead of {VERSION}"))),
        None => return Err(malformed("it has no version".to_owned())),
    }
    serde_json::from_value(document).map(Some).map_err(|error| malformed(error.to_string()))
}

/// Keys of the snapshots below `prefix`, oldest first.
pub(super) async fn keys_below(store: &impl ObjectStore, prefix: &str) -> Result<Vec<String>, SnapshotError> {
    let mut keys = store.list(prefix).await.map_err(SnapshotError::NotRead)?;
    keys.retain(|key| has_json_extension(key));
    Ok(keys)
}

/// Writes a new object, and returns its key. `stem` is the key without extension.
pub(super) async fn keep_new<S: ObjectStore>(store: &S, stem: &str, json: &str) -> Result<String, SnapshotError> {
    // The key exists if an answer was lost, or if two runs without an execution id began in the same millisecond.
    for suffix in ["", "_2", "_3", "_4", "_5"] {
        let key = format!("{stem}{suffix}.json");
        if store.put_new(&key, json.to_owned()).await.map_err(SnapshotError::NotWritten)? {
            return Ok(key);
        }
    }
    Err(SnapshotError::NameTaken { uri: store.location().uri(stem) })
}

pub(super) fn to_json(document: &impl Serialize) -> String {
    // The documents have text keys, numbers and text only, so this cannot fail.
    serde_json::to_string_pretty(document).unwrap_or_default()
}
