//! What surrounds groups, in memory.

use std::collections::BTreeMap;

use aws_events::cloudtrail::RuleChange;

use super::FakeAws;
use crate::error::AwsError;
use crate::surroundings::{Database, Interface, Interfaces, LoadBalancers, Surroundings, Tags};

impl Surroundings for FakeAws {
    async fn interfaces(&self, group_ids: &[&str]) -> Result<Interfaces, AwsError> {
        self.call("ec2:DescribeNetworkInterfaces", &group_ids.join(", "), |account| {
            let is_asked =
                |interface: &&Interface| interface.groups.iter().any(|group| group_ids.contains(&group.as_str()));
            let found: Vec<Interface> = account.interfaces.iter().filter(is_asked).cloned().collect();
            let size = if account.page_size == 0 { usize::MAX } else { account.page_size };
            let complete = found.len() <= size;
            Ok(Interfaces { read: found.into_iter().take(size).collect(), complete })
        })
        .await
    }

    async fn instance_tags(&self, instance_ids: &[&str]) -> Result<BTreeMap<String, Tags>, AwsError> {
        self.call("ec2:DescribeTags", &instance_ids.join(", "), |account| Ok(account.tags_of(instance_ids))).await
    }

    async fn load_balancer_tags(
        &self,
        _kind: LoadBalancers,
        names: &[&str],
    ) -> Result<BTreeMap<String, Tags>, AwsError> {
        const OPERATION: &str = "elasticloadbalancing:DescribeTags";
        let all = names.join(", ");
        self.call(OPERATION, &all, |account| {
            // AWS refuses the whole call.
            if names.iter().any(|name| !account.tags.contains_key(*name)) {
                return Err(AwsError::new(OPERATION, &all, Some("LoadBalancerNotFound"), "not found"));
            }
            Ok(account.tags_of(names))
        })
        .await
    }

    async fn databases(&self) -> Result<Vec<Database>, AwsError> {
        self.call("rds:DescribeDBInstances", "the region", |account| Ok(account.databases.clone())).await
    }

    async fn rule_changes(&self, group_id: &str) -> Result<Vec<RuleChange>, AwsError> {
        self.call("cloudtrail:LookupEvents", group_id, |account| {
            Ok(account.rule_changes.get(group_id).cloned().unwrap_or_default())
        })
        .await
    }
}

impl super::Account {
    fn tags_of(&self, resources: &[&str]) -> BTreeMap<String, Tags> {
        let of = |name: &&str| Some(((*name).to_owned(), self.tags.get(*name)?.clone()));
        resources.iter().filter_map(of).collect()
    }
}
