//! The table of an account, as remediator and evaluator use it: how many groups were closed in an hour, which closings wait, and
//! since when groups are open.
//!
//! The crate of the SDK for `DynamoDB` would make the zip of the remediator a tenth larger, for five calls.

pub(crate) mod wire;

use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::state::{Admissions, ItemDeletion, ItemLookup, Partition, StateItem, StatePage, StateTable};
use aws_types::SdkConfig;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws_service::{AwsService, Service, json, retries};
use crate::error::FromSdk;
use crate::sdk::{MissingVariable, required};

static SERVICE: Service = Service {
    id: "DynamoDB",
    signing_name: "dynamodb",
    host: "dynamodb",
    protocol: &json::AWS_JSON_1_0,
    // A closing waits for its admission while a port is open. Many ask at once for a place in one item.
    attempts: 5,
    attempt_timeout: Duration::from_secs(2),
    retries: retries::of_what_passes,
};

/// Sets and notes in a `DynamoDB` table.
#[derive(Debug)]
pub struct ClosingTable {
    service: AwsService,
    name: String,
}

impl ClosingTable {
    /// Creates the adapter for the table `name`. Its client is created on the first call.
    #[must_use]
    pub fn new(sdk: &SdkConfig, name: String) -> Self {
        Self { service: AwsService::new(&SERVICE, sdk), name }
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

impl Admissions for ClosingTable {
    async fn admit(
        &self,
        partition: &Partition,
        id: &str,
        member: &str,
        most: Option<u32>,
        expires: Timestamp,
    ) -> Result<bool, AwsError> {
        let body = wire::admission(&self.name, &partition.key(), id, member, most, expires);
        match self.service.json("DynamoDB_20120810.UpdateItem", body).await {
            Ok(_) => Ok(true),
            Err(error) => {
                let error = AwsError::from_sdk("dynamodb:UpdateItem", member, &error);
                if error.code() == Some("ConditionalCheckFailedException") { Ok(false) } else { Err(error) }
            }
        }
    }
}

impl StateTable for ClosingTable {
    async fn items<T: DeserializeOwned>(
        &self,
        partition: &Partition,
        from: Option<&str>,
    ) -> Result<StatePage<T>, AwsError> {
        const OPERATION: &str = "dynamodb:Query";
        let key = partition.key();
        let answer = self.service.json("DynamoDB_20120810.Query", wire::query(&self.name, &key, from)).await;
        let answer = answer.map_err(|error| AwsError::from_sdk(OPERATION, &key, &error))?;
        wire::page(&answer).map_err(|problem| AwsError::malformed(OPERATION, &key, &problem))
    }

    async fn put_item<T: Serialize>(
        &self,
        partition: &Partition,
        item: &StateItem<T>,
        expires: Timestamp,
    ) -> Result<(), AwsError> {
        const OPERATION: &str = "dynamodb:PutItem";
        let body = wire::put(&self.name, &partition.key(), item, expires)
            .map_err(|problem| AwsError::malformed(OPERATION, &item.id, &problem))?;
        let put = self.service.json("DynamoDB_20120810.PutItem", body).await;
        put.map(|_| ()).map_err(|error| AwsError::from_sdk(OPERATION, &item.id, &error))
    }
}

impl ItemLookup for ClosingTable {
    async fn item<T: DeserializeOwned>(&self, partition: &Partition, id: &str) -> Result<Option<T>, AwsError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let answer = self.service.json("DynamoDB_20120810.GetItem", wire::get(&self.name, &partition.key(), id)).await;
        let answer = answer.map_err(|error| AwsError::from_sdk(OPERATION, id, &error))?;
        wire::item(&answer).map_err(|problem| AwsError::malformed(OPERATION, id, &problem))
    }
}

impl ItemDeletion for ClosingTable {
    async fn delete_item(&self, partition: &Partition, id: &str) -> Result<(), AwsError> {
        let body = wire::deletion(&self.name, &partition.key(), id);
        let deleted = self.service.json("DynamoDB_20120810.DeleteItem", body).await;
        deleted.map(|_| ()).map_err(|error| AwsError::from_sdk("dynamodb:DeleteItem", id, &error))
    }
}
