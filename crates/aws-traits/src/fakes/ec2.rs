//! Security groups and prefix lists in memory.

use std::collections::BTreeMap;

use exposure::{Family, IngressRule, PrefixList, SecurityGroup, Source, Traffic};
use ipnetwork::IpNetwork;

use super::FakeAws;
use crate::ec2::{
    GroupRules, GroupsById, ManagedPrefixLists, PrefixListChanges, Revocation, SecurityGroupRules, SecurityGroups,
    SelectedGroups, Selection,
};
use crate::error::AwsError;

impl SecurityGroups for FakeAws {
    async fn security_groups(
        &self,
        next_token: Option<String>,
    ) -> Result<(Vec<SecurityGroup>, Option<String>), AwsError> {
        self.call("ec2:DescribeSecurityGroups", "all groups", |account| {
            let groups: Vec<_> = account.groups.values().cloned().collect();
            Ok(account.page(&groups, next_token.as_deref()))
        })
        .await
    }

    async fn security_group(&self, group_id: &str) -> Result<Option<SecurityGroup>, AwsError> {
        self.call("ec2:DescribeSecurityGroups", group_id, |account| Ok(account.groups.get(group_id).cloned())).await
    }
}

impl GroupsById for FakeAws {
    async fn groups_with_ids(&self, ids: &[&str]) -> Result<Vec<SecurityGroup>, AwsError> {
        self.call("ec2:DescribeSecurityGroups", &ids.join(", "), |account| {
            Ok(ids.iter().filter_map(|id| account.groups.get(*id).cloned()).collect())
        })
        .await
    }

    async fn ingress_rules(&self, group_ids: &[&str]) -> Result<BTreeMap<String, Vec<IngressRule>>, AwsError> {
        self.call("ec2:DescribeSecurityGroupRules", &group_ids.join(", "), |account| {
            let of = |id: &&str| Some(((*id).to_owned(), account.groups.get(*id)?.ingress.clone()));
            Ok(group_ids.iter().filter_map(of).collect())
        })
        .await
    }
}

impl SecurityGroupRules for FakeAws {
    async fn rules(&self, group_id: &str) -> Result<GroupRules, AwsError> {
        self.call("ec2:DescribeSecurityGroupRules", group_id, |account| {
            let ingress = account.groups.get(group_id).map(|group| group.ingress.clone()).unwrap_or_default();
            let all = Source::from("0.0.0.0/0");
            let egress = vec![IngressRule::new(Traffic::All, all)];
            Ok(GroupRules { ingress, egress })
        })
        .await
    }

    async fn authorize(&self, group_id: &str, rules: &[IngressRule]) -> Result<Vec<IngressRule>, AwsError> {
        const OPERATION: &str = "ec2:AuthorizeSecurityGroupIngress";
        self.call(OPERATION, group_id, |account| {
            let error = |code, message: &str| AwsError::new(OPERATION, group_id, Some(code), message);
            let group = account.groups.get_mut(group_id).ok_or_else(|| error("InvalidGroup.NotFound", "gone"))?;
            let mut after = group.ingress.clone();
            for rule in rules {
                if let Source::SecurityGroup { id, .. } = &rule.source
                    && id.ends_with("deleted")
                {
                    return Err(error("InvalidGroup.NotFound", &format!("the security group '{id}' does not exist")));
                }
                // The adapter has nothing to ask EC2 for.
                if matches!(rule.source, Source::Unrecognized(_))
                    || matches!(rule.traffic, Traffic::Unrecognized { .. })
                {
                    return Err(error("InvalidParameterValue", "the rule is not understood"));
                }
                if after.iter().any(|known| known.admits_the_same_as(rule)) {
                    return Err(error("InvalidPermission.Duplicate", "the specified rule already exists"));
                }
                account.rules_made += 1;
                let id = format!("sgr-new{}", account.rules_made);
                after.push(IngressRule {
                    id: Some(id),
                    tags: rules.first().map(|first| first.tags.clone()).unwrap_or_default(),
                    ..rule.clone()
                });
            }
            let too_many = Family::ALL.iter().any(|family| {
                let of_family = |rule: &&IngressRule| match &rule.source {
                    Source::Cidr(IpNetwork::V4(_)) => *family == Family::V4,
                    Source::Cidr(IpNetwork::V6(_)) => *family == Family::V6,
                    _ => true,
                };
                account.quota > 0 && after.iter().filter(of_family).count() > account.quota
            });
            if too_many {
                return Err(error(
                    "RulesPerSecurityGroupLimitExceeded",
                    "the maximum number of rules has been reached",
                ));
            }
            let made = after.split_off(group.ingress.len());
            group.ingress.extend(made.iter().cloned());
            Ok(made)
        })
        .await
    }

    async fn revoke(&self, group_id: &str, rules: &[IngressRule]) -> Result<Revocation, AwsError> {
        const OPERATION: &str = "ec2:RevokeSecurityGroupIngress";
        self.call(OPERATION, group_id, |account| {
            let error = |code| AwsError::new(OPERATION, group_id, Some(code), "gone");
            let group = account.groups.get_mut(group_id).ok_or_else(|| error("InvalidGroup.NotFound"))?;
            let is_meant = |known: &IngressRule| rules.iter().any(|rule| rule.admits_the_same_as(known));
            let is_known = |rule: &&IngressRule| group.ingress.iter().any(|known| known.admits_the_same_as(rule));
            let absent: Vec<IngressRule> = rules.iter().filter(|rule| !is_known(rule)).cloned().collect();
            if !absent.is_empty() && !account.is_default_vpc {
                return Err(error("InvalidPermission.NotFound"));
            }
            let among = |ids: &[String]| {
                group.ingress.iter().any(|rule| is_meant(rule) && rule.id.as_ref().is_some_and(|id| ids.contains(id)))
            };
            if among(&account.locked) {
                return Err(error("OperationNotPermitted"));
            }
            if among(&account.protected) {
                return Err(error("UnauthorizedOperation"));
            }
            let (revoked, kept) = std::mem::take(&mut group.ingress).into_iter().partition(is_meant);
            group.ingress = kept;
            Ok(Revocation { revoked, absent })
        })
        .await
    }
}

impl ManagedPrefixLists for FakeAws {
    async fn prefix_list(&self, id: &str) -> Result<PrefixList, AwsError> {
        const OPERATION: &str = "ec2:GetManagedPrefixListEntries";
        self.call(OPERATION, id, |account| {
            let list = account.prefix_lists.get(id).cloned();
            list.ok_or_else(|| AwsError::new(OPERATION, id, Some("InvalidPrefixListID.NotFound"), "no such list"))
        })
        .await
    }
}

impl SelectedGroups for FakeAws {
    async fn selected_groups(
        &self,
        owner_id: &str,
        selection: Selection<'_>,
        next_token: Option<String>,
    ) -> Result<(Vec<SecurityGroup>, Option<String>), AwsError> {
        self.call("ec2:DescribeSecurityGroups", owner_id, |account| {
            let is_selected = |group: &&SecurityGroup| match selection {
                Selection::AdmitsPrefixList(list) => {
                    group.ingress.iter().any(|rule| matches!(&rule.source, Source::PrefixList(id) if id == list))
                }
                Selection::HasTag(key) => group.tags.contains_key(key),
            };
            let own = account.groups.values().filter(|group| group.owner_id.as_deref() == Some(owner_id));
            let groups: Vec<_> = own.filter(is_selected).cloned().collect();
            Ok(account.page(&groups, next_token.as_deref()))
        })
        .await
    }
}

impl PrefixListChanges for FakeAws {
    async fn is_changing(&self, prefix_list_id: &str) -> Result<bool, AwsError> {
        self.call("ec2:DescribeManagedPrefixLists", prefix_list_id, |account| {
            let Some(left) = account.changing_lists.get_mut(prefix_list_id) else { return Ok(false) };
            let is_changing = *left > 0;
            *left = left.saturating_sub(1);
            Ok(is_changing)
        })
        .await
    }
}
