//! Reading a group and judging it.

use std::sync::Arc;

use aws_events::RuleParameters;
use aws_traits::config::ConfigRules;
use aws_traits::ec2::{GroupRules, ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use aws_traits::ssm::Parameters;
use aws_traits::{Lookups, Warm};
use exposure::{Assessment, Exemptions, IngressRule, PrefixLists, SecurityGroup, assess};
use jiff::{SignedDuration, Timestamp};

use crate::error::Obstacle;

/// How long the parameters of the rule are kept while the function is warm. Exemptions and prefix lists are not: who has
/// just been exempted is not closed.
const PARAMETERS_TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// Reads what a judgement needs.
#[derive(Debug)]
pub(crate) struct Judge<C, E, P> {
    config: C,
    ec2: E,
    lookups: Lookups<P, E>,
    parameters: Warm<Arc<RuleParameters>>,
    now: fn() -> Timestamp,
}

/// A group as it was read, with what its judgement needs.
pub(crate) struct Judged {
    pub(crate) group: SecurityGroup,
    /// Its egress rules, which are not judged.
    pub(crate) egress: Vec<IngressRule>,
    pub(crate) prefix_lists: PrefixLists,
    parameters: Arc<RuleParameters>,
    exemptions: Arc<Exemptions>,
    at: Timestamp,
}

impl Judged {
    /// The judgement of the group as it was read.
    pub(crate) fn assess(&self) -> Assessment<'_> {
        self.assess_instead(&self.group)
    }

    /// The judgement if the group were like this.
    pub(crate) fn assess_instead<'g>(&self, group: &'g SecurityGroup) -> Assessment<'g> {
        assess(group, &self.parameters.policy, &self.exemptions, &self.prefix_lists, self.at)
    }
}

impl<C, E, P> Judge<C, E, P>
where
    C: ConfigRules,
    E: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + Clone,
    P: Parameters,
{
    pub(crate) fn new(config: C, ec2: E, parameters: P, now: fn() -> Timestamp) -> Self {
        let lookups = Lookups::new(parameters, ec2.clone(), SignedDuration::ZERO);
        Self { config, ec2, lookups, parameters: Warm::new(PARAMETERS_TIME_TO_LIVE), now }
    }

    /// The parameters of the rule: the same that the evaluator gets, and the only place where the policy is kept.
    pub(crate) async fn rule_parameters(&self, rule_name: &str) -> Result<Arc<RuleParameters>, Obstacle> {
        let now = (self.now)();
        if let Some(parameters) = self.parameters.get(rule_name, now) {
            return Ok(parameters);
        }
        let json = self.config.input_parameters(rule_name).await?;
        let parameters = RuleParameters::from_json(json.as_deref())
            .map_err(|problem| Obstacle::RuleParameters { rule_name: rule_name.to_owned(), problem })?;
        let parameters = Arc::new(parameters);
        self.parameters.put(rule_name, Arc::clone(&parameters), now);
        Ok(parameters)
    }

    /// Reads everything that the judgement of the group needs, as it is now.
    pub(crate) async fn read(&self, rule_name: &str, group_id: &str) -> Result<Judged, Obstacle> {
        let parameters = self.rule_parameters(rule_name).await?;
        let at = (self.now)();
        let exemptions = self.lookups.exemptions(parameters.exemptions_parameter.as_deref(), at).await?;
        let GroupRules { ingress, egress } = self.ec2.rules(group_id).await?;
        let mut group = SecurityGroup { id: group_id.to_owned(), ingress, ..SecurityGroup::default() };
        // Names, tags and owner are not part of a rule. Most policies do not ask for them, which saves a call.
        let needs_the_group = parameters.policy.exemption_tag_key.is_some() || exemptions.need_the_group();
        if needs_the_group && !group.ingress.is_empty() {
            // A group that is being deleted, or EC2 at odds with itself: without its name and tags nobody can tell
            // whether it is exempt.
            let described = self
                .ec2
                .security_group(group_id)
                .await?
                .ok_or_else(|| Obstacle::Contradiction { group_id: group_id.to_owned() })?;
            group = SecurityGroup { ingress: group.ingress, ..described };
        }
        let prefix_lists = self.lookups.prefix_lists(&parameters.policy, &group, at).await;
        Ok(Judged { group, egress, prefix_lists, parameters, exemptions, at })
    }
}
