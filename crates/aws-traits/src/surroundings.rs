//! What surrounds a security group: the interfaces that use it, what they belong to, and who changed its rules.

use std::collections::BTreeMap;

use aws_events::cloudtrail::RuleChange;

use crate::error::AwsError;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// An interface that uses a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// `eni-…`.
    pub id: String,
    /// Account that owns the interface.
    pub owner_id: Option<String>,
    /// Groups of the interface.
    pub groups: Vec<String>,
    /// The instance that it is attached to.
    pub instance_id: Option<String>,
    /// Description, by which services say what they made it for.
    pub description: Option<String>,
    /// Public IPv4 addresses, and IPv6 addresses.
    pub public_addresses: Vec<String>,
    /// Tags of the interface.
    pub tags: Tags,
}

/// Interfaces that were read, and whether these are all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// The interfaces.
    pub read: Vec<Interface>,
    /// Whether there are no others.
    pub complete: bool,
}

/// A database instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// ARN.
    pub arn: String,
    /// Groups of its interfaces.
    pub groups: Vec<String>,
    /// Tags.
    pub tags: Tags,
}

/// Name of a load balancer in a call for its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoadBalancers {
    /// Application, network and gateway load balancers, by ARN.
    ByArn,
    /// Classic load balancers, by name.
    Classic,
}

/// Most load balancers whose tags one call reads.
///
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html>
pub const LOAD_BALANCERS_PER_CALL: usize = 20;

/// Looks up what surrounds a group. Each call reads only.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Surroundings {
    /// `ec2:DescribeNetworkInterfaces`: the interfaces of these groups, a bounded number of pages of them.
    ///
    /// # Errors
    ///
    /// If a call fails.
    async fn interfaces(&self, group_ids: &[&str]) -> Result<Interfaces, AwsError>;

    /// `ec2:DescribeTags` of instances, by id.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn instance_tags(&self, instance_ids: &[&str]) -> Result<BTreeMap<String, Tags>, AwsError>;

    /// `elasticloadbalancing:DescribeTags` of 1 to [`LOAD_BALANCERS_PER_CALL`] load balancers, by what they were named.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn load_balancer_tags(&self, kind: LoadBalancers, names: &[&str])
    -> Result<BTreeMap<String, Tags>, AwsError>;

    /// `rds:DescribeDBInstances`: the databases of the region, a bounded number of pages of them.
    ///
    /// # Errors
    ///
    /// If a call fails.
    async fn databases(&self) -> Result<Vec<Database>, AwsError>;

    /// `cloudtrail:LookupEvents`: the newest changes to the ingress rules of a group, from a bounded number of events.
    ///
    /// # Errors
    ///
    /// If a call fails.
    async fn rule_changes(&self, group_id: &str) -> Result<Vec<RuleChange>, AwsError>;
}
