//! The table of an account in `DynamoDB`, in which functions remember items.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_traits::AwsError;
use aws_traits::state::{Partition, StateItem, StatePage, StateTable};
use aws_types::SdkConfig;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::closing_table::wire::{EXPIRES, ID, PARTITION};
use crate::error::FromSdk;
use crate::sdk::{MissingVariable, required};

/// Items in a `DynamoDB` table.
#[derive(Debug, Clone)]
pub struct AccountTable {
    client: Client,
    name: String,
}

impl AccountTable {
    /// Creates the adapter and its client. Call it once per process.
    #[must_use]
    pub fn new(sdk: &SdkConfig, name: String) -> Self {
        Self { client: Client::new(sdk), name }
    }

    /// Creates the adapter for the table in `STATE_TABLE`.
    ///
    /// # Errors
    ///
    /// When no table is set.
    pub fn from_env(sdk: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self::new(sdk, required("STATE_TABLE")?))
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

impl StateTable for AccountTable {
    async fn items<T: DeserializeOwned>(
        &self,
        partition: &Partition,
        from: Option<&str>,
    ) -> Result<StatePage<T>, AwsError> {
        const OPERATION: &str = "dynamodb:Query";
        let key = partition.key();
        let start = from.map(|from| HashMap::from([(PARTITION.to_owned(), text(&key)), (ID.to_owned(), text(from))]));
        let query = self.client.query().table_name(&self.name).consistent_read(true).set_exclusive_start_key(start);
        let query = query.key_condition_expression("#pk = :pk").expression_attribute_names("#pk", PARTITION);
        let answer = query.expression_attribute_values(":pk", text(&key)).send().await;
        let answer = answer.map_err(|error| AwsError::from_sdk(OPERATION, &key, &error))?;
        let id_of = |item: &HashMap<String, AttributeValue>| item.get(ID)?.as_s().ok().cloned();
        let next = answer.last_evaluated_key.as_ref().and_then(id_of);
        let items = answer.items.unwrap_or_default().into_iter().map(|item| {
            let id = id_of(&item).ok_or_else(|| AwsError::malformed(OPERATION, &key, "`sk` is missing"))?;
            let value = serde_dynamo::from_item(item).map_err(|problem| {
                AwsError::malformed(OPERATION, &key, &format!("item `{id}` cannot be read: {problem}"))
            })?;
            Ok(StateItem { id, value })
        });
        Ok((items.collect::<Result<_, AwsError>>()?, next))
    }

    async fn put_item<T: Serialize>(
        &self,
        partition: &Partition,
        item: &StateItem<T>,
        expires: Timestamp,
    ) -> Result<(), AwsError> {
        const OPERATION: &str = "dynamodb:PutItem";
        let mut attributes: HashMap<String, AttributeValue> = serde_dynamo::to_item(&item.value)
            .map_err(|problem| AwsError::malformed(OPERATION, &item.id, &problem.to_string()))?;
        attributes.insert(PARTITION.to_owned(), text(&partition.key()));
        attributes.insert(ID.to_owned(), text(&item.id));
        attributes.insert(EXPIRES.to_owned(), AttributeValue::N(expires.as_second().to_string()));
        let put = self.client.put_item().table_name(&self.name).set_item(Some(attributes)).send().await;
        put.map_err(|error| AwsError::from_sdk(OPERATION, &item.id, &error))?;
        Ok(())
    }
}
