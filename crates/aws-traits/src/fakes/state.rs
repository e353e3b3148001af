//! The state table in memory.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::FakeAws;
use crate::error::AwsError;
use crate::state::{Admissions, ItemDeletion, ItemLookup, Partition, StateItem, StatePage, StateTable};

impl StateTable for FakeAws {
    async fn items<T: DeserializeOwned>(
        &self,
        partition: &Partition,
        from: Option<&str>,
    ) -> Result<StatePage<T>, AwsError> {
        const OPERATION: &str = "dynamodb:Query";
        let key = partition.key();
        self.call(OPERATION, &key, |account| {
            let of_partition = account.state.iter().filter(|((of, _), _)| *of == key);
            let size = if account.page_size == 0 { usize::MAX } else { account.page_size };
            let mut rest = of_partition.filter(|((_, id), _)| from.is_none_or(|from| id.as_str() > from));
            let malformed = |error: serde_json::Error| AwsError::malformed(OPERATION, &key, &error.to_string());
            let page = rest.by_ref().take(size).map(|((_, id), (value, _))| {
                let value = serde_json::from_value(value.clone()).map_err(malformed)?;
                Ok(StateItem { id: id.clone(), value })
            });
            let page = page.collect::<Result<Vec<_>, AwsError>>()?;
            let last = page.last().map(|item| item.id.clone());
            Ok((page, rest.next().and(last)))
        })
        .await
    }

    async fn put_item<T: Serialize>(
        &self,
        partition: &Partition,
        item: &StateItem<T>,
        expires: Timestamp,
    ) -> Result<(), AwsError> {
        const OPERATION: &str = "dynamodb:PutItem";
        let key = partition.key();
        let value = serde_json::to_value(&item.value)
            .map_err(|error| AwsError::malformed(OPERATION, &item.id, &error.to_string()))?;
        self.call(OPERATION, &item.id, |account| {
            account.state.insert((key, item.id.clone()), (value, expires));
            Ok(())
        })
        .await
    }
}

/// Name of the attribute with the members of a set.
const MEMBERS: &str = "members";

impl Admissions for FakeAws {
    async fn admit(
        &self,
        partition: &Partition,
        id: &str,
        member: &str,
        most: Option<u32>,
        expires: Timestamp,
    ) -> Result<bool, AwsError> {
        let key = (partition.key(), id.to_owned());
        self.call("dynamodb:UpdateItem", member, |account| {
            let (set, expiry) = account.state.entry(key).or_insert_with(|| (json!({MEMBERS: []}), expires));
            let Some(Value::Array(members)) = set.get_mut(MEMBERS) else {
                return Err(AwsError::malformed("dynamodb:UpdateItem", member, "the item is no set"));
            };
            let is_known = members.iter().any(|known| known == member);
            if !is_known && most.is_some_and(|most| members.len() >= usize::try_from(most).unwrap_or(usize::MAX)) {
                return Ok(false);
            }
            if !is_known {
                members.push(member.into());
            }
            *expiry = expires;
            Ok(true)
        })
        .await
    }
}

impl ItemLookup for FakeAws {
    async fn item<T: DeserializeOwned>(&self, partition: &Partition, id: &str) -> Result<Option<T>, AwsError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let key = (partition.key(), id.to_owned());
        self.call(OPERATION, id, |account| {
            let value = account.state.get(&key).map(|(value, _)| serde_json::from_value(value.clone()));
            value.transpose().map_err(|error| AwsError::malformed(OPERATION, id, &error.to_string()))
        })
        .await
    }
}

impl ItemDeletion for FakeAws {
    async fn delete_item(&self, partition: &Partition, id: &str) -> Result<(), AwsError> {
        let key = (partition.key(), id.to_owned());
        self.call("dynamodb:DeleteItem", id, |account| {
            account.state.remove(&key);
            Ok(())
        })
        .await
    }
}
