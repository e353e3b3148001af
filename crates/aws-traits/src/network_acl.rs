//! EC2: network ACLs, and the subnets of the interfaces of a security group.

use std::collections::BTreeSet;

use exposure::{AclEntry, AddressSet, NetworkAcl};

use crate::error::AwsError;

/// A network ACL and the VPC that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcNetworkAcl {
    /// The VPC.
    pub vpc_id: String,
    /// The ACL.
    pub acl: NetworkAcl,
}

/// Reads and changes network ACLs.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait NetworkAcls {
    /// `DescribeNetworkInterfaces`: the subnets in which a security group is in use.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn subnets_of_group(&self, group_id: &str) -> Result<BTreeSet<String>, AwsError>;

    /// `DescribeNetworkAcls`: the network ACLs of these subnets, sorted by id.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn network_acls_of_subnets(&self, subnet_ids: &BTreeSet<String>) -> Result<Vec<VpcNetworkAcl>, AwsError>;

    /// `DescribeNetworkAcls`: these network ACLs, sorted by id.
    ///
    /// # Errors
    ///
    /// If the call fails, or there is no such ACL.
    async fn network_acls(&self, ids: &[String]) -> Result<Vec<VpcNetworkAcl>, AwsError>;

    /// `DescribeVpcs`: the addresses of a VPC.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn vpc_addresses(&self, vpc_id: &str) -> Result<AddressSet, AwsError>;

    /// `CreateNetworkAclEntry`, for ingress.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn create_acl_entry(&self, acl_id: &str, entry: &AclEntry) -> Result<(), AwsError>;

    /// `DeleteNetworkAclEntry`, for ingress.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn delete_acl_entry(&self, acl_id: &str, number: u16) -> Result<(), AwsError>;
}
