//! Store of the snapshots: a directory, or a bucket such as that of the stack.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use aws_adapters::Bucket;
use aws_traits::object_store::{ObjectHead, ObjectStore, StoreError, StoreLocation};

use crate::args::SnapshotArgs;

use super::directory_store::{DirectoryStore, default_directory};
use super::session::Target;

/// Snapshots in a directory or in a bucket.
#[derive(Debug)]
pub(crate) enum SnapshotStore {
    Directory(DirectoryStore),
    Bucket(Bucket),
}

impl SnapshotStore {
    pub(crate) fn new(args: &SnapshotArgs, target: &Target) -> Result<Self> {
        if let Some(bucket) = &args.snapshot_bucket {
            return Ok(Self::Bucket(Bucket::new(&target.sdk, bucket.clone(), target.account.clone())));
        }
        let directory = directory(args).context("there is no home directory for snapshots: pass --snapshot-dir")?;
        let opened = DirectoryStore::new(&directory, &target.account, &target.region);
        Ok(Self::Directory(opened.with_context(|| format!("cannot use `{}` for snapshots", directory.display()))?))
    }
}

/// The directory of the snapshots, if they are in one; `None` without a home directory.
pub(crate) fn directory(args: &SnapshotArgs) -> Option<PathBuf> {
    args.snapshot_dir.clone().or_else(default_directory)
}

impl ObjectStore for SnapshotStore {
    fn location(&self) -> &StoreLocation {
        match self {
            Self::Directory(directory) => directory.location(),
            Self::Bucket(bucket) => bucket.location(),
        }
    }

    async fn put_new(&self, key: &str, json: String) -> Result<bool, StoreError> {
        match self {
            Self::Directory(directory) => directory.put_new(key, json).await,
            Self::Bucket(bucket) => bucket.put_new(key, json).await,
        }
    }

    async fn put(&self, key: &str, json: String, metadata: BTreeMap<String, String>) -> Result<(), StoreError> {
        match self {
            Self::Directory(directory) => directory.put(key, json, metadata).await,
            Self::Bucket(bucket) => bucket.put(key, json, metadata).await,
        }
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, StoreError> {
        match self {
            Self::Directory(directory) => directory.head(key).await,
            Self::Bucket(bucket) => bucket.head(key).await,
        }
    }

    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        match self {
            Self::Directory(directory) => directory.get(key).await,
            Self::Bucket(bucket) => bucket.get(key).await,
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Directory(directory) => directory.list(prefix).await,
            Self::Bucket(bucket) => bucket.list(prefix).await,
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Directory(directory) => directory.delete(key).await,
            Self::Bucket(bucket) => bucket.delete(key).await,
        }
    }
}
