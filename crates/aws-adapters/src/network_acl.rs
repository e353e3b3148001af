//! EC2: network ACLs, and which of them apply to the network interfaces of a security group.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, NetworkAcl as SdkAcl, NetworkAclEntry as SdkEntry, PortRange, RuleAction};
use aws_traits::AwsError;
use aws_traits::network_acl::{NetworkAcls, VpcNetworkAcl};
use exposure::{AclAction, AclEntry, AddressSet, NetworkAcl, Source, Traffic};
use ipnetwork::IpNetwork;

use crate::ec2::{Ec2, VALUES_PER_FILTER, of_groups};
use crate::error::FromSdk;

const DESCRIBE: &str = "ec2:DescribeNetworkAcls";
const CREATE: &str = "ec2:CreateNetworkAclEntry";

/// Network interfaces per page. Without a page size, EC2 throttles the call earlier, and a group with many interfaces may take
/// longer than an attempt.
///
/// Source: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>.
const INTERFACES_PER_PAGE: i32 = 1000;

impl NetworkAcls for Ec2 {
    async fn subnets_of_group(&self, group_id: &str) -> Result<BTreeSet<String>, AwsError> {
        let mut subnets = BTreeSet::new();
        let mut pages = self
            .client
            .describe_network_interfaces()
            .filters(of_groups([group_id]))
            .max_results(INTERFACES_PER_PAGE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk("ec2:DescribeNetworkInterfaces", group_id, &error))?;
            subnets.extend(page.network_interfaces.unwrap_or_default().into_iter().filter_map(|one| one.subnet_id));
        }
        Ok(subnets)
    }

    async fn network_acls_of_subnets(&self, subnet_ids: &BTreeSet<String>) -> Result<Vec<VpcNetworkAcl>, AwsError> {
        let subnet_ids: Vec<String> = subnet_ids.iter().cloned().collect();
        let mut acls: Vec<VpcNetworkAcl> = Vec::new();
        for chunk in subnet_ids.chunks(VALUES_PER_FILTER) {
            let filter = Filter::builder().name("association.subnet-id").set_values(Some(chunk.to_vec())).build();
            let mut pages = self.client.describe_network_acls().filters(filter).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| AwsError::from_sdk(DESCRIBE, &chunk.join(", "), &error))?;
                for acl in page.network_acls.unwrap_or_default() {
                    acls.push(network_acl(acl)?);
                }
            }
        }
        acls.sort_by(|one, other| one.acl.id.cmp(&other.acl.id));
        acls.dedup_by(|one, other| one.acl.id == other.acl.id);
        Ok(acls)
    }

    async fn network_acls(&self, ids: &[String]) -> Result<Vec<VpcNetworkAcl>, AwsError> {
        let output = self
            .client
            .describe_network_acls()
            .set_network_acl_ids(Some(ids.to_vec()))
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(DESCRIBE, &ids.join(", "), &error))?;
        let described = output.network_acls.unwrap_or_default();
        let mut acls = described.into_iter().map(network_acl).collect::<Result<Vec<_>, _>>()?;
        acls.sort_by(|one, other| one.acl.id.cmp(&other.acl.id));
        Ok(acls)
    }

    async fn vpc_addresses(&self, vpc_id: &str) -> Result<AddressSet, AwsError> {
        const OPERATION: &str = "ec2:DescribeVpcs";
        let output = self
            .client
            .describe_vpcs()
            .vpc_ids(vpc_id)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(OPERATION, vpc_id, &error))?;
        let vpc = output.vpcs.unwrap_or_default().into_iter().next();
        let vpc = vpc.ok_or_else(|| AwsError::malformed(OPERATION, vpc_id, "it contains no VPC"))?;
        let v4 = vpc.cidr_block_association_set.unwrap_or_default().into_iter().filter_map(|set| set.cidr_block);
        let v6 =
            vpc.ipv6_cidr_block_association_set.unwrap_or_default().into_iter().filter_map(|set| set.ipv6_cidr_block);
        v4.chain(v6)
            .chain(vpc.cidr_block)
            .map(|cidr| {
                let malformed = || AwsError::malformed(OPERATION, vpc_id, &format!("`{cidr}` is not a CIDR"));
                cidr.parse::<IpNetwork>().map_err(|_| malformed())
            })
            .collect()
    }

    async fn create_acl_entry(&self, acl_id: &str, entry: &AclEntry) -> Result<(), AwsError> {
        let refuse = |problem: String| AwsError::new(CREATE, acl_id, None, &problem);
        let action = match &entry.action {
            AclAction::Allow => RuleAction::Allow,
            AclAction::Deny => RuleAction::Deny,
            AclAction::Unrecognized(text) => return Err(refuse(format!("action `{text}` is not understood"))),
        };
        let request = self
            .client
            .create_network_acl_entry()
            .network_acl_id(acl_id)
            .egress(false)
            .rule_number(entry.number.into())
            .rule_action(action)
            .protocol(entry.protocol());
        let request = match &entry.traffic {
            Traffic::All => request,
            Traffic::Ports { range, .. } => {
                request.port_range(PortRange::builder().from(range.from().into()).to(range.to().into()).build())
            }
            other => return Err(refuse(format!("a quarantine has no entries for {other}"))),
        };
        let request = match &entry.source {
            Source::Cidr(network @ IpNetwork::V4(_)) => request.cidr_block(network.to_string()),
            Source::Cidr(network @ IpNetwork::V6(_)) => request.ipv6_cidr_block(network.to_string()),
            other => return Err(refuse(format!("source {other} is not a CIDR"))),
        };
        request.send().await.map(|_| ()).map_err(|error| AwsError::from_sdk(CREATE, acl_id, &error))
    }

    async fn delete_acl_entry(&self, acl_id: &str, number: u16) -> Result<(), AwsError> {
        self.client
            .delete_network_acl_entry()
            .network_acl_id(acl_id)
            .egress(false)
            .rule_number(number.into())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::from_sdk("ec2:DeleteNetworkAclEntry", acl_id, &error))
    }
}

fn network_acl(acl: SdkAcl) -> Result<VpcNetworkAcl, AwsError> {
    let id = acl.network_acl_id.unwrap_or_default();
    let ingress = acl
        .entries
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.egress != Some(true))
        .map(|sdk| entry(sdk).map_err(|problem| AwsError::malformed(DESCRIBE, &id, &problem)))
        .collect::<Result<_, _>>()?;
    Ok(VpcNetworkAcl { vpc_id: acl.vpc_id.unwrap_or_default(), acl: NetworkAcl { id, ingress } })
}

fn entry(sdk: SdkEntry) -> Result<AclEntry, String> {
    let number = sdk.rule_number.and_then(|number| u16::try_from(number).ok());
    let protocol = sdk.protocol.unwrap_or_default();
    let (from, to) = match (sdk.port_range, sdk.icmp_type_code) {
        (Some(range), _) => (range.from, range.to),
        (None, Some(icmp)) => (icmp.r#type, icmp.code),
        (None, None) => (None, None),
    };
    let cidr = sdk.cidr_block.or(sdk.ipv6_cidr_block).unwrap_or_default();
    Ok(AclEntry {
        number: number.ok_or_else(|| match sdk.rule_number {
            Some(number) => format!("`{number}` is not a rule number"),
            None => "an entry has no rule number".to_owned(),
        })?,
        action: AclAction::parse(sdk.rule_action.as_ref().map(RuleAction::as_str).unwrap_or_default()),
        traffic: Traffic::parse(&protocol, from.map(i64::from), to.map(i64::from)),
        source: Source::from_cidr(&cidr),
    })
}
