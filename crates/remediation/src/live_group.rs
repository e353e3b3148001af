//! Reads the live state of a security group, and judges it.

use std::sync::Arc;

use aws_traits::ec2::{GroupRules, SecurityGroupRules, SecurityGroups};
use exposure::{IngressRule, SecurityGroup};
use judgement::{Criteria, JudgedGroup, PolicyError, RuleParameters};

use crate::environment::Environment;
use crate::error::Obstacle;
use crate::services::RemediationServices;

/// Live state of a group, judged.
pub(crate) struct LiveGroup {
    pub(crate) judged: JudgedGroup,
    /// Egress rules, which are not judged.
    pub(crate) egress: Vec<IngressRule>,
}

/// Reads the policy, the exemptions, the rules of the group and their prefix lists, and judges the group.
pub(crate) async fn read(
    environment: &Environment<impl RemediationServices>,
    rule_name: &str,
    group_id: &str,
) -> Result<LiveGroup, Obstacle> {
    let criteria = Criteria::read(&*environment.policy, rule_name, (environment.now)()).await?;
    judge(environment, criteria, group_id).await
}

/// As [`read`], by the policy of an earlier judgement.
pub(crate) async fn read_again(
    environment: &Environment<impl RemediationServices>,
    parameters: Arc<RuleParameters>,
    group_id: &str,
) -> Result<LiveGroup, Obstacle> {
    let criteria = Criteria::of_parameters(&*environment.policy, parameters, (environment.now)()).await;
    judge(environment, criteria.map_err(PolicyError::from)?, group_id).await
}

async fn judge(
    environment: &Environment<impl RemediationServices>,
    criteria: Criteria,
    group_id: &str,
) -> Result<LiveGroup, Obstacle> {
    let ec2 = environment.ec2();
    let GroupRules { ingress, egress } = ec2.rules(group_id).await?;
    let mut group = SecurityGroup { id: group_id.to_owned(), ingress, ..SecurityGroup::default() };
    // The list of rules has no name, tags or owner of the group. Most policies do not need them, which saves a call.
    let Criteria { parameters, exemptions, .. } = &criteria;
    let needs_the_group = parameters.policy.exemption_tag_key.is_some() || exemptions.need_the_group();
    if needs_the_group && !group.ingress.is_empty() {
        // The group is being deleted, or EC2 is inconsistent. Without its name and tags, the group may be exempt.
        let described = ec2
            .security_group(group_id)
            .await?
            .ok_or_else(|| Obstacle::Contradiction { group_id: group_id.to_owned() })?;
        group = SecurityGroup { ingress: group.ingress, ..described };
    }
    let judged = criteria.judge(group, ec2, &environment.prefix_lists).await;
    Ok(LiveGroup { judged, egress })
}
