//! Managed prefix lists.

use aws_traits::AwsError;
use aws_traits::ec2::ManagedPrefixLists;
use exposure::{AddressSet, PrefixList};
use ipnetwork::IpNetwork;

use super::{DESCRIBE_LISTS, Ec2};
use crate::error::FromSdk;

impl ManagedPrefixLists for Ec2 {
    async fn prefix_list(&self, id: &str) -> Result<PrefixList, AwsError> {
        const ENTRIES: &str = "ec2:GetManagedPrefixListEntries";
        let described = self
            .client
            .describe_managed_prefix_lists()
            .prefix_list_ids(id)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(DESCRIBE_LISTS, id, &error))?;
        let list = described.prefix_lists.unwrap_or_default().into_iter().next();
        let list = list.ok_or_else(|| AwsError::malformed(DESCRIBE_LISTS, id, "it contains no prefix list"))?;
        if list.owner_id.as_deref() == Some("AWS") {
            return Ok(PrefixList::AwsOwned);
        }
        let mut addresses = AddressSet::default();
        let mut pages = self.client.get_managed_prefix_list_entries().prefix_list_id(id).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk(ENTRIES, id, &error))?;
            for entry in page.entries.unwrap_or_default() {
                let cidr = entry.cidr.unwrap_or_default();
                let network = cidr
                    .parse::<IpNetwork>()
                    .map_err(|_| AwsError::malformed(ENTRIES, id, &format!("entry `{cidr}` is not a CIDR")))?;
                addresses.insert(network);
            }
        }
        Ok(PrefixList::Entries(addresses))
    }
}
