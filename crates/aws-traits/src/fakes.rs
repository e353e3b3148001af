//! All of the traits in memory, with the calls counted and failures on demand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_events::{ConfigurationItem, Evaluation, Summary};
use exposure::{AclEntry, AddressSet, Family, IngressRule, PrefixList, SecurityGroup, Source, Traffic};
use ipnetwork::IpNetwork;
use jiff::Timestamp;

use crate::config::{
    ConfigRules, ConfigurationHistory, Delivery, EVALUATIONS_PER_CALL, Evaluations, RemediationExceptions,
};
use crate::ec2::{GroupRules, ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use crate::error::AwsError;
use crate::network_acl::{NetworkAcls, VpcNetworkAcl};
use crate::s3::{Objects, Place};
use crate::ssm::Parameters;

/// An AWS account in memory. Clones share the account.
#[derive(Debug, Clone)]
pub struct FakeAws {
    account: Arc<Mutex<Account>>,
    place: Place,
}

impl Default for FakeAws {
    fn default() -> Self {
        let place = Place {
            base: "s3://portcullis-snapshots".to_owned(),
            account_id: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
        };
        Self { account: Arc::default(), place }
    }
}

/// What is in the account. Tests set it up and look at it through [`FakeAws::account`].
#[derive(Debug, Default)]
pub struct Account {
    /// Security groups by id.
    pub groups: BTreeMap<String, SecurityGroup>,
    /// `InputParameters` of Config rules by name.
    pub rules: BTreeMap<String, Option<String>>,
    /// SSM parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Prefix lists by id.
    pub prefix_lists: BTreeMap<String, PrefixList>,
    /// The recorded configuration items by resource id.
    pub history: BTreeMap<String, ConfigurationItem>,
    /// Groups for which the rule already has a result.
    pub reported: Vec<String>,
    /// The evaluations that were handed in, in order.
    pub evaluations: Vec<Evaluation>,
    /// Whether the last `PutEvaluations` was in test mode.
    pub test_mode: bool,
    /// Resource ids that `PutEvaluations` silently does not store.
    pub not_stored: Vec<String>,
    /// Whether result tokens have expired.
    pub token_expired: bool,
    /// Ids of rules that the caller may not revoke.
    pub protected: Vec<String>,
    /// Ids of rules that nobody can revoke.
    pub locked: Vec<String>,
    /// The most ingress rules of one address family that a group may have; 0 is any number.
    pub quota: usize,
    /// Network ACLs by id.
    pub network_acls: BTreeMap<String, VpcNetworkAcl>,
    /// The subnets in which a group is in use, and the ACL of each.
    pub subnets: BTreeMap<String, Vec<(String, String)>>,
    /// Addresses by VPC.
    pub vpcs: BTreeMap<String, AddressSet>,
    /// Objects of the bucket by key.
    pub objects: BTreeMap<String, String>,
    /// Remediation exceptions: rule, group, until when.
    pub exceptions: Vec<(String, String, Timestamp)>,
    /// Why AWS Config does not take an exception, if it does not.
    pub exception_refused: Option<String>,
    /// How many groups or results a page holds; 0 is all.
    pub page_size: usize,
    /// The operations that were called, in order.
    pub calls: Vec<&'static str>,
    faults: VecDeque<Fault>,
    /// After so many more calls, no call is answered.
    cut_after: Option<usize>,
    rules_made: usize,
}

/// What happens instead of, or besides, the next call of an operation.
#[derive(Debug)]
struct Fault {
    operation: &'static str,
    then: Then,
}

#[derive(Debug)]
enum Then {
    Fail { code: &'static str },
    FailAfterwards { code: &'static str },
    Meanwhile(fn(&mut Account)),
    Hang,
}

impl FakeAws {
    /// The account, locked.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call of `operation` fails with `code`, and does nothing. Faults of one operation queue up.
    pub fn fail(&self, operation: &'static str, code: &'static str) {
        self.account().faults.push_back(Fault { operation, then: Then::Fail { code } });
    }

    /// The next call of `operation` does its work, but its answer is lost.
    pub fn lose_answer(&self, operation: &'static str) {
        self.account().faults.push_back(Fault { operation, then: Then::FailAfterwards { code: "RequestTimeout" } });
    }

    /// Somebody else changes the account just before the next call of `operation`.
    pub fn meanwhile(&self, operation: &'static str, change: fn(&mut Account)) {
        self.account().faults.push_back(Fault { operation, then: Then::Meanwhile(change) });
    }

    /// The next call of `operation` is never answered.
    pub fn hang(&self, operation: &'static str) {
        self.account().faults.push_back(Fault { operation, then: Then::Hang });
    }

    /// The `calls`th call from now on does its work, and neither it nor any later one is answered: as if the caller were
    /// killed there.
    pub fn cut_after(&self, calls: usize) {
        self.account().cut_after = Some(calls);
    }

    /// Whether the call has come after which nothing is answered.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.account().cut_after == Some(0)
    }

    /// Answers again after a cut.
    pub fn mend(&self) {
        self.account().cut_after = None;
    }

    /// How often `operation` was called.
    #[must_use]
    pub fn count(&self, operation: &'static str) -> usize {
        self.account().calls.iter().filter(|&&call| call == operation).count()
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        work: impl FnOnce(&mut Account) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        match self.answer(operation, subject, work) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// What the service answers, if it does.
    fn answer<T>(
        &self,
        operation: &'static str,
        subject: &str,
        work: impl FnOnce(&mut Account) -> Result<T, AwsError>,
    ) -> Option<Result<T, AwsError>> {
        let mut account = self.account();
        if account.cut_after == Some(0) {
            return None;
        }
        account.calls.push(operation);
        let error = |code| AwsError::new(operation, subject, Some(code), "injected");
        let fault = account.faults.iter().position(|fault| fault.operation == operation);
        let answer = match fault.and_then(|index| account.faults.remove(index)).map(|fault| fault.then) {
            None => work(&mut account),
            Some(Then::Fail { code }) => Err(error(code)),
            Some(Then::FailAfterwards { code }) => work(&mut account).and(Err(error(code))),
            Some(Then::Meanwhile(change)) => {
                change(&mut account);
                work(&mut account)
            }
            Some(Then::Hang) => return None,
        };
        account.cut_after = account.cut_after.map(|calls| calls - 1);
        (account.cut_after != Some(0)).then_some(answer)
    }
}

impl Account {
    /// One page of `items`, starting at the index that `token` holds.
    fn page<T: Clone>(&self, items: &[T], token: Option<&str>) -> (Vec<T>, Option<String>) {
        let start = token.and_then(|token| token.parse().ok()).unwrap_or(0);
        let size = if self.page_size == 0 { usize::MAX } else { self.page_size };
        let page: Vec<T> = items.iter().skip(start).take(size).cloned().collect();
        let next = start + page.len();
        (page, (next < items.len()).then(|| next.to_string()))
    }
}

impl Evaluations for FakeAws {
    async fn put_evaluations(
        &self,
        evaluations: &[Evaluation],
        result_token: &str,
        test_mode: bool,
    ) -> Result<Delivery, AwsError> {
        const OPERATION: &str = "config:PutEvaluations";
        self.call(OPERATION, result_token, |account| {
            if evaluations.is_empty() || evaluations.len() > EVALUATIONS_PER_CALL {
                return Err(AwsError::new(OPERATION, "", Some("ValidationException"), "1 to 100 evaluations"));
            }
            account.test_mode = test_mode;
            if account.token_expired {
                let error = AwsError::new(OPERATION, "", Some("InvalidResultTokenException"), "expired");
                return Ok(Delivery::Refused { error });
            }
            let (lost, stored): (Vec<_>, Vec<_>) = evaluations
                .iter()
                .cloned()
                .partition(|evaluation| account.not_stored.contains(&evaluation.resource_id));
            account.evaluations.extend(stored);
            if lost.is_empty() {
                return Ok(Delivery::Stored);
            }
            Ok(Delivery::NotStored {
                resource_ids: lost.into_iter().map(|evaluation| evaluation.resource_id).collect(),
            })
        })
        .await
    }

    async fn reported_groups(
        &self,
        rule_name: &str,
        next_token: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), AwsError> {
        self.call("config:GetComplianceDetailsByConfigRule", rule_name, |account| {
            Ok(account.page(&account.reported, next_token.as_deref()))
        })
        .await
    }
}

impl ConfigurationHistory for FakeAws {
    async fn configuration_item(&self, summary: &Summary) -> Result<ConfigurationItem, AwsError> {
        const OPERATION: &str = "config:GetResourceConfigHistory";
        let subject = summary.resource_id.as_str();
        self.call(OPERATION, subject, |account| {
            let item = account.history.get(subject).cloned();
            item.ok_or_else(|| AwsError::new(OPERATION, subject, Some("ResourceNotDiscoveredException"), "unknown"))
        })
        .await
    }
}

impl ConfigRules for FakeAws {
    async fn input_parameters(&self, rule_name: &str) -> Result<Option<String>, AwsError> {
        const OPERATION: &str = "config:DescribeConfigRules";
        self.call(OPERATION, rule_name, |account| {
            let parameters = account.rules.get(rule_name).cloned();
            parameters
                .ok_or_else(|| AwsError::new(OPERATION, rule_name, Some("NoSuchConfigRuleException"), "no such rule"))
        })
        .await
    }
}

impl Parameters for FakeAws {
    async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        const OPERATION: &str = "ssm:GetParameter";
        self.call(OPERATION, name, |account| {
            let value = account.parameters.get(name).cloned();
            value.ok_or_else(|| AwsError::new(OPERATION, name, Some("ParameterNotFound"), "no such parameter"))
        })
        .await
    }
}

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

    async fn revoke(&self, group_id: &str, rule_ids: &[String]) -> Result<Vec<IngressRule>, AwsError> {
        const OPERATION: &str = "ec2:RevokeSecurityGroupIngress";
        self.call(OPERATION, group_id, |account| {
            let error = |code| AwsError::new(OPERATION, group_id, Some(code), "gone");
            let group = account.groups.get_mut(group_id).ok_or_else(|| error("InvalidGroup.NotFound"))?;
            let is_meant = |rule: &IngressRule| rule.id.as_ref().is_some_and(|id| rule_ids.contains(id));
            // Like EC2 outside the default VPC: one unknown id, and nothing of the call is done.
            if group.ingress.iter().filter(|rule| is_meant(rule)).count() < rule_ids.len() {
                return Err(error("InvalidSecurityGroupRuleId.NotFound"));
            }
            if rule_ids.iter().any(|id| account.locked.contains(id)) {
                return Err(error("OperationNotPermitted"));
            }
            if rule_ids.iter().any(|id| account.protected.contains(id)) {
                return Err(error("UnauthorizedOperation"));
            }
            let (revoked, kept) = std::mem::take(&mut group.ingress).into_iter().partition(is_meant);
            group.ingress = kept;
            Ok(revoked)
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

impl RemediationExceptions for FakeAws {
    async fn put_remediation_exception(
        &self,
        rule_name: &str,
        group_id: &str,
        _message: &str,
        expires: Timestamp,
    ) -> Result<Option<String>, AwsError> {
        self.call("config:PutRemediationExceptions", group_id, |account| {
            if account.exception_refused.is_none() {
                account.exceptions.push((rule_name.to_owned(), group_id.to_owned(), expires));
            }
            Ok(account.exception_refused.clone())
        })
        .await
    }
}

impl Objects for FakeAws {
    fn place(&self) -> &Place {
        &self.place
    }

    async fn put_new(&self, key: &str, json: String) -> Result<bool, AwsError> {
        self.call("s3:PutObject", key, |account| {
            let is_new = !account.objects.contains_key(key);
            if is_new {
                account.objects.insert(key.to_owned(), json);
            }
            Ok(is_new)
        })
        .await
    }

    async fn put(&self, key: &str, json: String) -> Result<(), AwsError> {
        self.call("s3:PutObject", key, |account| {
            account.objects.insert(key.to_owned(), json);
            Ok(())
        })
        .await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, AwsError> {
        self.call("s3:GetObject", key, |account| Ok(account.objects.get(key).cloned())).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        self.call("s3:ListBucket", prefix, |account| {
            Ok(account.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), AwsError> {
        self.call("s3:DeleteObject", key, |account| {
            account.objects.remove(key);
            Ok(())
        })
        .await
    }
}

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
