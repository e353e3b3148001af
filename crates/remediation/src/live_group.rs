//! A security group as it is now, and its judgement.

use aws_traits::ec2::{GroupRules, SecurityGroupRules, SecurityGroups};
use exposure::{IngressRule, SecurityGroup};
use judgement::{Criteria, JudgedGroup};

use crate::environment::Environment;
use crate::error::Obstacle;
use crate::services::RemediationServices;

/// A group as it was read, judged.
pub(crate) struct LiveGroup {
    pub(crate) judged: JudgedGroup,
    /// Its egress rules, which are not judged.
    pub(crate) egress: Vec<IngressRule>,
}

/// Reads everything that the judgement of the group needs, as it is now.
pub(crate) async fn read(
    environment: &Environment<impl RemediationServices>,
    rule_name: &str,
    group_id: &str,
) -> Result<LiveGroup, Obstacle> {
    let criteria = Criteria::read(&*environment.policy, rule_name, (environment.now)()).await?;
    let ec2 = environment.ec2();
    let GroupRules { ingress, egress } = ec2.rules(group_id).await?;
    let mut group = SecurityGroup { id: group_id.to_owned(), ingress, ..SecurityGroup::default() };
    // Names, tags and owner are not part of a rule. Most policies do not ask for them, which saves a call.
    let Criteria { parameters, exemptions, .. } = &criteria;
    let needs_the_group = parameters.policy.exemption_tag_key.is_some() || exemptions.need_the_group();
    if needs_the_group && !group.ingress.is_empty() {
        // A group that is being deleted, or EC2 at odds with itself: without its name and tags it is not known whether the
        // group is exempt.
        let described = ec2
            .security_group(group_id)
            .await?
            .ok_or_else(|| Obstacle::Contradiction { group_id: group_id.to_owned() })?;
        group = SecurityGroup { ingress: group.ingress, ..described };
    }
    let judged = criteria.judge(group, ec2, &environment.prefix_lists).await;
    Ok(LiveGroup { judged, egress })
}
