//! A bucket in memory.

use super::FakeAws;
use crate::object_store::{ObjectStore, StoreError, StoreLocation};

impl ObjectStore for FakeAws {
    fn location(&self) -> &StoreLocation {
        &self.location
    }

    async fn put_new(&self, key: &str, json: String) -> Result<bool, StoreError> {
        let answer = self.call("s3:PutObject", key, |account| {
            let is_new = !account.objects.contains_key(key);
            if is_new {
                account.objects.insert(key.to_owned(), json);
            }
            Ok(is_new)
        });
        Ok(answer.await?)
    }

    async fn put(&self, key: &str, json: String) -> Result<(), StoreError> {
        let answer = self.call("s3:PutObject", key, |account| {
            account.objects.insert(key.to_owned(), json);
            Ok(())
        });
        Ok(answer.await?)
    }

    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.call("s3:GetObject", key, |account| Ok(account.objects.get(key).cloned())).await?)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let answer = self.call("s3:ListBucket", prefix, |account| {
            Ok(account.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
        });
        Ok(answer.await?)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let answer = self.call("s3:DeleteObject", key, |account| {
            account.objects.remove(key);
            Ok(())
        });
        Ok(answer.await?)
    }
}
