//! A bucket in memory.

use std::collections::BTreeMap;

use super::{FakeAws, Object};
use crate::error::AwsError;
use crate::object_store::{ObjectHead, ObjectStore, StoreError, StoreLocation};

impl ObjectStore for FakeAws {
    fn location(&self) -> &StoreLocation {
        &self.location
    }

    async fn put_new(&self, key: &str, json: String) -> Result<bool, StoreError> {
        let answer = self.call("s3:PutObject", key, |account| {
            let is_new = !account.objects.contains_key(key);
            if is_new {
                account.put_object(key, json, BTreeMap::new());
            }
            Ok(is_new)
        });
        Ok(answer.await?)
    }

    async fn put(&self, key: &str, json: String, metadata: BTreeMap<String, String>) -> Result<(), StoreError> {
        let answer = self.call("s3:PutObject", key, |account| {
            account.put_object(key, json, metadata);
            Ok(())
        });
        Ok(answer.await?)
    }

    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        const OPERATION: &str = "s3:GetObject";
        let answer = self.call(OPERATION, key, |account| match account.objects.get(key) {
            // Of another key than the present one.
            Some(object) if object.kms_key != account.kms_key && object.kms_key.is_some() => {
                Err(AwsError::new(OPERATION, key, Some("AccessDenied"), "kms:Decrypt is not allowed"))
            }
            object => Ok(object.map(|object| object.json.clone())),
        });
        Ok(answer.await?)
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, StoreError> {
        let answer = self.call("s3:HeadObject", key, |account| {
            let head =
                |object: &Object| ObjectHead { metadata: object.metadata.clone(), kms_key: object.kms_key.clone() };
            Ok(account.objects.get(key).map(head))
        });
        Ok(answer.await?)
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
