//! Snapshots in a directory, with the same keys as in the bucket of the stack.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_traits::object_store::{ObjectHead, ObjectStore, StoreError, StoreLocation};
use tempfile::NamedTempFile;

use crate::interrupt::Temporary;

/// Object store in a directory.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryStore {
    path: PathBuf,
    location: StoreLocation,
}

impl DirectoryStore {
    pub(crate) fn new(path: &Path, account_id: &str, region: &str) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let base = path.display().to_string();
        let location = StoreLocation { base, account_id: account_id.to_owned(), region: region.to_owned() };
        Ok(Self { path, location })
    }

    /// Writes a temporary file next to the final one and syncs it: the final file is complete or absent, and on disk before
    /// anything changes in the account.
    fn written(&self, key: &str, json: &str) -> io::Result<(Temporary, PathBuf)> {
        let file = self.path.join(key);
        let parent = file.parent().unwrap_or(&self.path);
        fs::create_dir_all(parent)?;
        let written = Temporary::new(|| NamedTempFile::new_in(parent))?;
        written.as_file().write_all(json.as_bytes())?;
        written.as_file().sync_all()?;
        Ok((written, file))
    }

    fn failed(&self, operation: &'static str, key: &str, problem: io::Error) -> StoreError {
        StoreError::File { operation, uri: self.location.uri(key), problem }
    }
}

impl ObjectStore for DirectoryStore {
    fn location(&self) -> &StoreLocation {
        &self.location
    }

    async fn put_new(&self, key: &str, json: String) -> Result<bool, StoreError> {
        let failed = |error: io::Error| self.failed("writing", key, error);
        let (written, file) = self.written(key, &json).map_err(failed)?;
        match written.persist_noclobber(&file) {
            Ok(_) => Ok(true),
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(problem) => Err(failed(problem.error)),
        }
    }

    /// The metadata are left out: a document in a directory is not encrypted, and has them as well.
    async fn put(&self, key: &str, json: String, _: BTreeMap<String, String>) -> Result<(), StoreError> {
        let failed = |error: io::Error| self.failed("writing", key, error);
        let (written, file) = self.written(key, &json).map_err(failed)?;
        written.persist(&file).map(drop).map_err(|problem| failed(problem.error))
    }

    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        match fs::read_to_string(self.path.join(key)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("reading", key, error)),
        }
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, StoreError> {
        match fs::exists(self.path.join(key)) {
            Ok(exists) => Ok(exists.then(ObjectHead::default)),
            Err(error) => Err(self.failed("reading", key, error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let (directory, _) = prefix.rsplit_once('/').unwrap_or_default();
        let mut keys = Vec::new();
        let mut directories = vec![directory.to_owned()];
        while let Some(directory) = directories.pop() {
            let failed = |error| self.failed("listing", &directory, error);
            let entries = match fs::read_dir(self.path.join(&directory)) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let key = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
                if entry.file_type().map_err(failed)?.is_dir() {
                    directories.push(key);
                } else if key.starts_with(prefix) {
                    keys.push(key);
                }
            }
        }
        keys.sort();
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path.join(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed("deleting", key, error)),
            _ => Ok(()),
        }
    }
}

/// Default directory for snapshots; `None` without a home directory.
pub(crate) fn default_directory() -> Option<PathBuf> {
    let absolute = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .map(|data| data.join("portcullis").join("snapshots"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_behaves_like_a_bucket() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = DirectoryStore::new(&temporary.path().join("new"), "123456789012", "eu-central-1").unwrap();
        assert_eq!(directory.get("a/1.json").await.unwrap(), None);
        assert!(directory.list("a/").await.unwrap().is_empty());
        assert!(directory.put_new("a/2.json", "two".into()).await.unwrap());
        assert!(directory.put_new("a/1.json", "one".into()).await.unwrap());
        assert!(!directory.put_new("a/1.json", "another".into()).await.unwrap());
        assert_eq!(directory.get("a/1.json").await.unwrap().as_deref(), Some("one"));
        directory.put("a/1.json", "changed".into(), BTreeMap::new()).await.unwrap();
        assert_eq!(directory.get("a/1.json").await.unwrap().as_deref(), Some("changed"));
        assert_eq!(directory.list("a/").await.unwrap(), ["a/1.json", "a/2.json"]);
        assert_eq!(directory.list("a/2").await.unwrap(), ["a/2.json"]);
        assert!(directory.put_new("a/b/3.json", "three".into()).await.unwrap());
        assert_eq!(directory.list("a/").await.unwrap(), ["a/1.json", "a/2.json", "a/b/3.json"]);
        directory.delete("a/b/3.json").await.unwrap();
        directory.delete("a/1.json").await.unwrap();
        directory.delete("a/1.json").await.unwrap();
        assert_eq!(directory.list("a/").await.unwrap(), ["a/2.json"]);
    }

    #[tokio::test]
    async fn a_failed_write_is_an_error_with_the_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let directory = DirectoryStore::new(file.path(), "123456789012", "eu-central-1").unwrap();
        let problem = directory.put_new("a/1.json", String::new()).await.unwrap_err();
        assert!(problem.to_string().contains(&file.path().display().to_string()), "{problem}");
    }
}
