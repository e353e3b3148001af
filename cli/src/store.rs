//! Where that which is changed is kept as it was before: a directory, or the bucket of a stack.

use anyhow::{Context, Result};
use aws_adapters::Bucket;
use aws_traits::AwsError;
use aws_traits::s3::{Objects, Place};

use crate::args::SnapshotArgs;
use crate::directory::{Directory, default_directory};
use crate::session::Target;

/// Either.
#[derive(Debug)]
pub(crate) enum Store {
    Directory(Directory),
    Bucket(Bucket),
}

impl Store {
    pub(crate) fn new(args: &SnapshotArgs, target: &Target) -> Result<Self> {
        if let Some(bucket) = &args.snapshot_bucket {
            return Ok(Self::Bucket(Bucket::new(&target.sdk, bucket.clone(), target.account.clone())));
        }
        let directory = args.snapshot_dir.clone().or_else(default_directory);
        let directory = directory.context("there is no home directory to keep snapshots in: name a --snapshot-dir")?;
        let opened = Directory::new(&directory, &target.account, &target.region);
        Ok(Self::Directory(opened.with_context(|| format!("cannot use {}", directory.display()))?))
    }
}

impl Objects for Store {
    fn place(&self) -> &Place {
        match self {
            Self::Directory(directory) => directory.place(),
            Self::Bucket(bucket) => bucket.place(),
        }
    }

    async fn put_new(&self, key: &str, json: String) -> Result<bool, AwsError> {
        match self {
            Self::Directory(directory) => directory.put_new(key, json).await,
            Self::Bucket(bucket) => bucket.put_new(key, json).await,
        }
    }

    async fn put(&self, key: &str, json: String) -> Result<(), AwsError> {
        match self {
            Self::Directory(directory) => directory.put(key, json).await,
            Self::Bucket(bucket) => bucket.put(key, json).await,
        }
    }

    async fn get(&self, key: &str) -> Result<Option<String>, AwsError> {
        match self {
            Self::Directory(directory) => directory.get(key).await,
            Self::Bucket(bucket) => bucket.get(key).await,
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        match self {
            Self::Directory(directory) => directory.list(prefix).await,
            Self::Bucket(bucket) => bucket.list(prefix).await,
        }
    }

    async fn delete(&self, key: &str) -> Result<(), AwsError> {
        match self {
            Self::Directory(directory) => directory.delete(key).await,
            Self::Bucket(bucket) => bucket.delete(key).await,
        }
    }
}
