//! All of the traits in memory, with the calls counted and failures on demand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use config_rule::{ConfigurationItem, Evaluation, Summary};
use exposure::{IngressRule, PrefixList, SecurityGroup};

use crate::config::{ConfigRules, ConfigurationHistory, Delivery, EVALUATIONS_PER_CALL, Evaluations};
use crate::ec2::{ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use crate::error::AwsError;
use crate::ssm::Parameters;

/// An AWS account in memory. Clones share the account.
#[derive(Debug, Clone, Default)]
pub struct FakeAws(Arc<Mutex<Account>>);

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
    /// How many groups or results a page holds; 0 is all.
    pub page_size: usize,
    /// The operations that were called, in order.
    pub calls: Vec<&'static str>,
    faults: VecDeque<Fault>,
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
}

impl FakeAws {
    /// The account, locked.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// How often `operation` was called.
    #[must_use]
    pub fn count(&self, operation: &'static str) -> usize {
        self.account().calls.iter().filter(|&&call| call == operation).count()
    }

    fn call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        work: impl FnOnce(&mut Account) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let mut account = self.account();
        account.calls.push(operation);
        let error = |code| AwsError::new(operation, subject, Some(code), "injected");
        let fault = account.faults.iter().position(|fault| fault.operation == operation);
        match fault.and_then(|index| account.faults.remove(index)).map(|fault| fault.then) {
            None => work(&mut account),
            Some(Then::Fail { code }) => Err(error(code)),
            Some(Then::FailAfterwards { code }) => {
                work(&mut account)?;
                Err(error(code))
            }
            Some(Then::Meanwhile(change)) => {
                change(&mut account);
                work(&mut account)
            }
        }
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
    }

    async fn reported_groups(
        &self,
        rule_name: &str,
        next_token: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), AwsError> {
        self.call("config:GetComplianceDetailsByConfigRule", rule_name, |account| {
            Ok(account.page(&account.reported, next_token.as_deref()))
        })
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
    }
}

impl Parameters for FakeAws {
    async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        const OPERATION: &str = "ssm:GetParameter";
        self.call(OPERATION, name, |account| {
            let value = account.parameters.get(name).cloned();
            value.ok_or_else(|| AwsError::new(OPERATION, name, Some("ParameterNotFound"), "no such parameter"))
        })
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
    }

    async fn security_group(&self, group_id: &str) -> Result<Option<SecurityGroup>, AwsError> {
        self.call("ec2:DescribeSecurityGroups", group_id, |account| Ok(account.groups.get(group_id).cloned()))
    }
}

impl SecurityGroupRules for FakeAws {
    async fn ingress_rules(&self, group_id: &str) -> Result<Vec<IngressRule>, AwsError> {
        self.call("ec2:DescribeSecurityGroupRules", group_id, |account| {
            Ok(account.groups.get(group_id).map(|group| group.ingress.clone()).unwrap_or_default())
        })
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
    }
}

impl ManagedPrefixLists for FakeAws {
    async fn prefix_list(&self, id: &str) -> Result<PrefixList, AwsError> {
        const OPERATION: &str = "ec2:GetManagedPrefixListEntries";
        self.call(OPERATION, id, |account| {
            let list = account.prefix_lists.get(id).cloned();
            list.ok_or_else(|| AwsError::new(OPERATION, id, Some("InvalidPrefixListID.NotFound"), "no such list"))
        })
    }
}
