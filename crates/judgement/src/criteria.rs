//! Criteria of a judgement, and groups judged by them.

use std::borrow::Cow;
use std::sync::Arc;

use aws_traits::ec2::ManagedPrefixLists;
use exposure::{AddressSet, Assessment, Exemptions, Policy, PrefixList, PrefixLists, SecurityGroup, assess};
use jiff::Timestamp;

use crate::exemptions::ExemptionsError;
use crate::parameters::RuleParameters;
use crate::policy::{PolicyError, PolicySource};
use crate::prefix_lists::CachedPrefixLists;

/// Policy and exemptions at one moment: the inputs of a judgement besides the group and its prefix lists.
#[derive(Debug, Clone)]
pub struct Criteria {
    /// Policy and authorised addresses.
    pub parameters: Arc<RuleParameters>,
    /// Exempt groups.
    pub exemptions: Arc<Exemptions>,
    /// Time of the judgement, at which exemptions must not have expired.
    pub at: Timestamp,
    /// Time of the notification to judge: an older copy of a prefix list does not count. `None` for no copy at all.
    pub since: Option<Timestamp>,
}

impl Criteria {
    /// Reads the policy of the AWS Config rule `rule_name`, and the exemptions that it names, from `source`.
    ///
    /// # Errors
    ///
    /// If the policy or the exemptions cannot be read, or are malformed.
    pub async fn read(source: &dyn PolicySource, rule_name: &str, at: Timestamp) -> Result<Self, PolicyError> {
        let parameters = source.rule_parameters(rule_name).await?;
        Ok(Self::of_parameters(source, parameters, at).await?)
    }

    /// As [`Criteria::read`], with a policy that is known. Reads the exemptions again.
    ///
    /// # Errors
    ///
    /// If the exemptions cannot be read, or are malformed.
    pub async fn of_parameters(
        source: &dyn PolicySource,
        parameters: Arc<RuleParameters>,
        at: Timestamp,
    ) -> Result<Self, ExemptionsError> {
        let exemptions = source.exemptions(&parameters).await?;
        Ok(Self { parameters, exemptions, at, since: None })
    }

    /// Criteria from a policy and exemptions in memory.
    #[must_use]
    pub fn new(policy: Policy, exemptions: Exemptions, at: Timestamp) -> Self {
        let parameters = RuleParameters { policy, authorized: AddressSet::default(), exemptions_parameter: None };
        Self { parameters: Arc::new(parameters), exemptions: Arc::new(exemptions), at, since: None }
    }

    /// Judges a group from a file, with the prefix lists in `known`. No other list can be looked up, so a rule with one
    /// cannot be judged.
    #[must_use]
    pub fn judge_offline(&self, group: SecurityGroup, known: &PrefixLists) -> JudgedGroup {
        let prefix_lists = self.lists_offline(&group, known).into_owned();
        JudgedGroup { group, prefix_lists, criteria: self.clone() }
    }

    /// The assessment of [`Criteria::judge_offline`], without copies of its inputs.
    #[must_use]
    pub fn assess_offline<'g>(&self, group: &'g SecurityGroup, known: &PrefixLists) -> Assessment<'g> {
        self.assess(group, &self.lists_offline(group, known))
    }

    /// The prefix lists in `known`, and those of `group` that are not there as unreadable ones.
    fn lists_offline<'k>(&self, group: &SecurityGroup, known: &'k PrefixLists) -> Cow<'k, PrefixLists> {
        let mut lists = Cow::Borrowed(known);
        for id in self.parameters.policy.prefix_lists_of(group) {
            if known.get(id).is_none() {
                let reason = "a file does not contain its entries: scan the account itself";
                lists.to_mut().insert(id.to_owned(), PrefixList::Unreadable { reason: reason.to_owned() });
            }
        }
        lists
    }

    fn assess<'g>(&self, group: &'g SecurityGroup, prefix_lists: &PrefixLists) -> Assessment<'g> {
        assess(group, &self.parameters.policy, &self.exemptions, prefix_lists, self.at)
    }

    /// Reads the prefix lists that the judgement of `group` needs, and judges it.
    pub async fn judge(
        &self,
        group: SecurityGroup,
        ec2: &impl ManagedPrefixLists,
        prefix_lists: &CachedPrefixLists,
    ) -> JudgedGroup {
        let prefix_lists = prefix_lists.of(ec2, &self.parameters.policy, &group, self.since, self.at).await;
        JudgedGroup { group, prefix_lists, criteria: self.clone() }
    }
}

/// A group with all inputs of its judgement.
#[derive(Debug, Clone)]
pub struct JudgedGroup {
    /// The group as it was read.
    pub group: SecurityGroup,
    /// Prefix lists of the rules.
    pub prefix_lists: PrefixLists,
    /// Policy and exemptions.
    pub criteria: Criteria,
}

impl JudgedGroup {
    /// Assessment of the group as it was read.
    #[must_use]
    pub fn assess(&self) -> Assessment<'_> {
        self.assess_instead(&self.group)
    }

    /// Returns true if the judgement depends on a prefix list.
    #[must_use]
    pub fn has_prefix_lists(&self) -> bool {
        !self.criteria.parameters.policy.prefix_lists_of(&self.group).is_empty()
    }

    /// Assessment of `group` in its place, such as the state after a change.
    #[must_use]
    pub fn assess_instead<'g>(&self, group: &'g SecurityGroup) -> Assessment<'g> {
        self.criteria.assess(group, &self.prefix_lists)
    }
}
