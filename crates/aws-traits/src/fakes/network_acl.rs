//! Network ACLs in memory.

use std::collections::BTreeSet;

use exposure::{AclEntry, AddressSet};

use super::FakeAws;
use crate::error::AwsError;
use crate::network_acl::{NetworkAcls, VpcNetworkAcl};

impl NetworkAcls for FakeAws {
    async fn subnets_of_group(&self, group_id: &str) -> Result<BTreeSet<String>, AwsError> {
        self.call("ec2:DescribeNetworkInterfaces", group_id, |account| {
            let subnets = account.subnets.get(group_id).into_iter().flatten();
            Ok(subnets.map(|(subnet, _)| subnet.clone()).collect())
        })
        .await
    }

    async fn network_acls_of_subnets(&self, subnet_ids: &BTreeSet<String>) -> Result<Vec<VpcNetworkAcl>, AwsError> {
        self.call("ec2:DescribeNetworkAcls", "subnets", |account| {
            let subnets = account.subnets.values().flatten();
            let ids: BTreeSet<&String> =
                subnets.filter(|(subnet, _)| subnet_ids.contains(subnet)).map(|(_, acl)| acl).collect();
            Ok(ids.into_iter().filter_map(|id| account.network_acls.get(id).cloned()).collect())
        })
        .await
    }

    async fn network_acls(&self, ids: &[String]) -> Result<Vec<VpcNetworkAcl>, AwsError> {
        const OPERATION: &str = "ec2:DescribeNetworkAcls";
        self.call(OPERATION, "ids", |account| {
            ids.iter()
                .map(|id| {
                    let found = account.network_acls.get(id).cloned();
                    found.ok_or_else(|| {
                        AwsError::new(OPERATION, id, Some("InvalidNetworkAclID.NotFound"), "no such ACL")
                    })
                })
                .collect()
        })
        .await
    }

    async fn vpc_addresses(&self, vpc_id: &str) -> Result<AddressSet, AwsError> {
        self.call("ec2:DescribeVpcs", vpc_id, |account| Ok(account.vpcs.get(vpc_id).cloned().unwrap_or_default())).await
    }

    async fn create_acl_entry(&self, acl_id: &str, entry: &AclEntry) -> Result<(), AwsError> {
        const OPERATION: &str = "ec2:CreateNetworkAclEntry";
        self.call(OPERATION, acl_id, |account| {
            let error = |code| AwsError::new(OPERATION, acl_id, Some(code), "refused");
            let acl = account.network_acls.get_mut(acl_id).ok_or_else(|| error("InvalidNetworkAclID.NotFound"))?;
            if acl.acl.ingress.iter().any(|known| known.number == entry.number) {
                return Err(error("NetworkAclEntryAlreadyExists"));
            }
            acl.acl.ingress.push(entry.clone());
            Ok(())
        })
        .await
    }

    async fn delete_acl_entry(&self, acl_id: &str, number: u16) -> Result<(), AwsError> {
        const OPERATION: &str = "ec2:DeleteNetworkAclEntry";
        self.call(OPERATION, acl_id, |account| {
            let error = |code| AwsError::new(OPERATION, acl_id, Some(code), "refused");
            let acl = account.network_acls.get_mut(acl_id).ok_or_else(|| error("InvalidNetworkAclID.NotFound"))?;
            let before = acl.acl.ingress.len();
            acl.acl.ingress.retain(|known| known.number != number);
            if acl.acl.ingress.len() == before { Err(error("InvalidNetworkAclEntry.NotFound")) } else { Ok(()) }
        })
        .await
    }
}
