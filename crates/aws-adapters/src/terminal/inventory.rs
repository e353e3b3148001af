//! Security groups of a region by filter, the rules of many groups per call, and the network interfaces that use them.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, NetworkInterface as SdkInterface};
use aws_traits::AwsError;
use exposure::{IngressRule, SecurityGroup};

use crate::ec2::{Ec2, VALUES_PER_FILTER, described_rule, group, of_groups};
use crate::error::FromSdk;

const GROUPS_PER_PAGE: i32 = 1000;
const PER_PAGE: i32 = 1000;

/// Selects security groups. A group matches if it matches every field that is not empty: any of its ids, any
/// of its names, any of its VPCs, all of its tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Ids of groups, `sg-…`.
    pub group_ids: Vec<String>,
    /// Names of groups, which are unique in a VPC only.
    pub names: Vec<String>,
    /// Ids of VPCs, `vpc-…`.
    pub vpc_ids: Vec<String>,
    /// Tag keys, each with the value that the tag must have; `None` for any value. A group needs all of these tags.
    pub tags: Vec<(String, Option<String>)>,
}

impl GroupFilter {
    fn filters(&self) -> Option<Vec<Filter>> {
        let mut filters = Vec::new();
        let mut add = |name: &str, values: &[String]| {
            if !values.is_empty() {
                filters.push(Filter::builder().name(name).set_values(Some(values.to_vec())).build());
            }
        };
        add("group-id", &self.group_ids);
        add("group-name", &self.names);
        add("vpc-id", &self.vpc_ids);
        for (key, value) in &self.tags {
            match value {
                Some(value) => add(&format!("tag:{key}"), std::slice::from_ref(value)),
                None => add("tag-key", std::slice::from_ref(key)),
            }
        }
        (!filters.is_empty()).then_some(filters)
    }
}

/// Network interface that uses a group: the fields that show how exposed the group is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkInterface {
    /// Id, `eni-…`.
    pub id: String,
    /// Id of the attached instance, `i-…`, or else the description of the interface.
    pub resource: Option<String>,
    /// Addresses that are reachable from the internet, sorted.
    pub public_addresses: Vec<String>,
}

impl Ec2 {
    /// `DescribeRegions`: the regions that are enabled for the account, sorted.
    ///
    /// # Errors
    ///
    /// When the call failed.
    pub async fn regions(&self) -> Result<Vec<String>, AwsError> {
        let output = self
            .client
            .describe_regions()
            .send()
            .await
            .map_err(|error| AwsError::from_sdk("ec2:DescribeRegions", "the account", &error))?;
        let mut names: Vec<_> =
            output.regions.unwrap_or_default().into_iter().filter_map(|region| region.region_name).collect();
        names.sort();
        Ok(names)
    }

    /// `DescribeSecurityGroups`: one page of the matching groups, and the token of the next page.
    ///
    /// # Errors
    ///
    /// When the call failed.
    pub async fn groups(
        &self,
        wanted: &GroupFilter,
        next_token: Option<String>,
    ) -> Result<(Vec<SecurityGroup>, Option<String>), AwsError> {
        let output = self
            .client
            .describe_security_groups()
            .set_filters(wanted.filters())
            .max_results(GROUPS_PER_PAGE)
            .set_next_token(next_token)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk("ec2:DescribeSecurityGroups", "the region", &error))?;
        let groups = output.security_groups.unwrap_or_default().into_iter().map(group).collect();
        Ok((groups, output.next_token.filter(|token| !token.is_empty())))
    }

    /// `DescribeSecurityGroupRules`: the ingress rules of many groups, by group id. Unlike those of
    /// `DescribeSecurityGroups`, they have ids.
    ///
    /// # Errors
    ///
    /// When a call failed.
    pub async fn rules_of(&self, group_ids: &[String]) -> Result<BTreeMap<String, Vec<IngressRule>>, AwsError> {
        let mut rules: BTreeMap<String, Vec<IngressRule>> = BTreeMap::new();
        for ids in group_ids.chunks(VALUES_PER_FILTER) {
            let mut found = self
                .client
                .describe_security_group_rules()
                .filters(of_groups(ids.iter().map(String::as_str)))
                .max_results(PER_PAGE)
                .into_paginator()
                .send();
            while let Some(page) = found.next().await {
                let page =
                    page.map_err(|error| AwsError::from_sdk("ec2:DescribeSecurityGroupRules", "the region", &error))?;
                for rule in page.security_group_rules.unwrap_or_default() {
                    if let (Some(false), Some(id)) = (rule.is_egress, rule.group_id.clone()) {
                        rules.entry(id).or_default().push(described_rule(rule));
                    }
                }
            }
        }
        Ok(rules)
    }

    /// `DescribeNetworkInterfaces`: the interfaces that use the groups, by group id.
    ///
    /// # Errors
    ///
    /// When a call failed.
    pub async fn interfaces_of(
        &self,
        group_ids: &[String],
    ) -> Result<BTreeMap<String, Vec<NetworkInterface>>, AwsError> {
        let mut interfaces: BTreeMap<String, Vec<NetworkInterface>> = BTreeMap::new();
        for ids in group_ids.chunks(VALUES_PER_FILTER) {
            let mut found = self
                .client
                .describe_network_interfaces()
                .filters(of_groups(ids.iter().map(String::as_str)))
                .max_results(PER_PAGE)
                .into_paginator()
                .send();
            while let Some(page) = found.next().await {
                let page =
                    page.map_err(|error| AwsError::from_sdk("ec2:DescribeNetworkInterfaces", "the region", &error))?;
                for interface in page.network_interfaces.unwrap_or_default() {
                    let groups = interface.groups.clone().unwrap_or_default();
                    let interface = network_interface(interface);
                    for id in groups.into_iter().filter_map(|group| group.group_id).filter(|id| ids.contains(id)) {
                        interfaces.entry(id).or_default().push(interface.clone());
                    }
                }
            }
        }
        for attached in interfaces.values_mut() {
            attached.sort();
        }
        Ok(interfaces)
    }
}

fn network_interface(interface: SdkInterface) -> NetworkInterface {
    let instance = interface.attachment.and_then(|attachment| attachment.instance_id);
    let ipv4 = interface
        .private_ip_addresses
        .unwrap_or_default()
        .into_iter()
        .filter_map(|address| address.association.and_then(|association| association.public_ip));
    let ipv6 = interface.ipv6_addresses.unwrap_or_default().into_iter().filter_map(|address| address.ipv6_address);
    let own = interface.association.and_then(|association| association.public_ip);
    let mut public_addresses: Vec<_> = ipv4.chain(ipv6).chain(own).collect();
    public_addresses.sort();
    public_addresses.dedup();
    NetworkInterface {
        id: interface.network_interface_id.unwrap_or_default(),
        resource: instance.or(interface.description).filter(|text| !text.is_empty()),
        public_addresses,
    }
}
