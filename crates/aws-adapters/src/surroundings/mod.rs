//! What surrounds a security group: EC2, Elastic Load Balancing, RDS and CloudTrail, over the client that is there.
//!
//! The crate of the SDK for EC2 alone would be a tenth of the zip of the reporter.

mod cloudtrail;
mod ec2;
mod load_balancing;
mod rds;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_events::cloudtrail::RuleChange;
use aws_traits::AwsError;
use aws_traits::surroundings::{Database, Interfaces, LoadBalancers, Tags};
use aws_types::SdkConfig;

use crate::aws_service::query::{Element, NotRead, children, content};
use crate::aws_service::{AwsService, CallError};
use crate::error::FromSdk;

/// Attempts of a call. A look that fails is repeated later.
const ATTEMPTS: u32 = 2;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Clients of the services that know what surrounds a group, each created on its first call.
#[derive(Debug)]
pub struct Surroundings {
    ec2: AwsService,
    load_balancing: AwsService,
    rds: AwsService,
    cloudtrail: AwsService,
}

impl Surroundings {
    /// Creates the adapter.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self {
            ec2: AwsService::new(&ec2::SERVICE, sdk),
            load_balancing: AwsService::new(&load_balancing::SERVICE, sdk),
            rds: AwsService::new(&rds::SERVICE, sdk),
            cloudtrail: AwsService::new(&cloudtrail::SERVICE, sdk),
        }
    }
}

impl aws_traits::surroundings::Surroundings for Surroundings {
    async fn interfaces(&self, group_ids: &[&str]) -> Result<Interfaces, AwsError> {
        ec2::interfaces(&self.ec2, group_ids).await
    }

    async fn instance_tags(&self, instance_ids: &[&str]) -> Result<BTreeMap<String, Tags>, AwsError> {
        ec2::tags(&self.ec2, instance_ids).await
    }

    async fn load_balancer_tags(
        &self,
        kind: LoadBalancers,
        names: &[&str],
    ) -> Result<BTreeMap<String, Tags>, AwsError> {
        load_balancing::tags(&self.load_balancing, kind, names).await
    }

    async fn databases(&self) -> Result<Vec<Database>, AwsError> {
        rds::databases(&self.rds).await
    }

    async fn rule_changes(&self, group_id: &str) -> Result<Vec<RuleChange>, AwsError> {
        cloudtrail::rule_changes(&self.cloudtrail, group_id).await
    }
}

/// The answer to a call, or its error.
fn answered(operation: &'static str, subject: &str, answer: Result<String, CallError>) -> Result<String, AwsError> {
    answer.map_err(|error| AwsError::from_sdk(operation, subject, &error))
}

/// An answer that was read, or an error that says which.
fn read<V>(operation: &'static str, subject: &str, value: Result<V, NotRead>) -> Result<V, AwsError> {
    value.map_err(|problem| AwsError::malformed(operation, subject, &problem.to_string()))
}

/// A list of tags. EC2 writes `key` and `value`, the others `Key` and `Value`.
fn tags_of(list: &mut Element<'_, '_>) -> Result<Tags, NotRead> {
    let mut tags = Tags::new();
    children(list, |_, tag| {
        let (mut key, mut value) = (None, None);
        children(tag, |name, field| {
            match name {
                "key" | "Key" => key = content(field)?,
                "value" | "Value" => value = content(field)?,
                _ => {}
            }
            Ok(())
        })?;
        tags.extend(key.map(|key| (key, value.unwrap_or_default())));
        Ok(())
    })?;
    Ok(tags)
}
