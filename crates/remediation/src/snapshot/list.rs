//! List of the closings in a store.

use aws_traits::object_store::{ObjectStore, StoreLocation};
use jiff::Timestamp;

use super::document::{get, keys_below};
use super::error::SnapshotError;
use super::group::Snapshot;
use super::key::{run_of, taken_at};
use crate::request::StrategyName;

/// Snapshot of a closing, by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingSnapshot {
    /// Key in the store.
    pub key: String,
    /// Time of the snapshot.
    pub taken_at: Timestamp,
    /// The group.
    pub security_group_id: String,
    /// Execution id of the closing, if it had one.
    pub execution_id: Option<String>,
}

/// Content of the snapshot of a closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingDetails {
    /// How exposing rules were closed.
    pub strategy: Option<StrategyName>,
    /// Number of rules that the closing planned to revoke.
    pub planned: usize,
}

/// The snapshots of closings of the account and region of `store`, newest first.
///
/// # Errors
///
/// If the store cannot be listed.
pub async fn closings(store: &impl ObjectStore) -> Result<Vec<ClosingSnapshot>, SnapshotError> {
    let StoreLocation { account_id, region, .. } = store.location();
    let prefix = format!("security-groups/{account_id}/{region}/");
    let keys = keys_below(store, &prefix).await?;
    let of_key = |key: String| {
        // A file that is no snapshot of ours is not listed.
        let (security_group_id, _) = key.strip_prefix(&prefix)?.split_once('/')?;
        let (security_group_id, taken_at) = (security_group_id.to_owned(), taken_at(&key)?);
        let execution_id = run_of(&key).map(str::to_owned);
        Some(ClosingSnapshot { key, taken_at, security_group_id, execution_id })
    };
    let mut found: Vec<_> = keys.into_iter().filter_map(of_key).collect();
    found.sort_by(|one, other| (other.taken_at, &other.key).cmp(&(one.taken_at, &one.key)));
    Ok(found)
}

/// Reads the snapshot of a closing.
///
/// # Errors
///
/// If it cannot be read, or is no snapshot of this release.
pub async fn closing_details(store: &impl ObjectStore, key: &str) -> Result<ClosingDetails, SnapshotError> {
    let missing = || SnapshotError::None(store.location().uri(key));
    let snapshot: Snapshot = get(store, key).await?.ok_or_else(missing)?;
    Ok(ClosingDetails { planned: snapshot.planned().len(), strategy: snapshot.plan.strategy })
}
