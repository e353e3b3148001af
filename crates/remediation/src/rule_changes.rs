//! Adding and revoking rules: in chunks, one failing rule never stopping the others.

use std::collections::BTreeMap;

use aws_traits::AwsError;
use aws_traits::ec2::SecurityGroupRules;
use exposure::{IngressRule, Source};
use tracing::warn;

/// How many rules one call takes is not documented; the quota of rules per group is 60 by default and 1,000 at most.
const CHUNK: usize = 100;

/// What became of the rules that were to be added or revoked, over all rounds.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Revoked, in order.
    pub(crate) revoked: Vec<IngressRule>,
    /// Gone before they could be revoked, in order.
    pub(crate) already_absent: Vec<IngressRule>,
    /// Why a rule could not be revoked, by rule id.
    pub(crate) failures: BTreeMap<String, AwsError>,
    /// Added, in order.
    pub(crate) authorized: Vec<IngressRule>,
    /// There before they could be added.
    already_present: Vec<IngressRule>,
    /// A call that changes something was made, whatever became of it.
    pub(crate) begun: bool,
}

impl Changes {
    /// Whether this rule was reported as gone, whatever a describe may still show.
    pub(crate) fn is_gone(&self, rule: &IngressRule) -> bool {
        self.revoked.iter().chain(&self.already_absent).any(|gone| gone.id == rule.id)
    }

    /// Whether this rule was reported as there, whatever a describe may not show yet.
    pub(crate) fn is_added(&self, rule: &IngressRule) -> bool {
        self.authorized.iter().chain(&self.already_present).any(|added| added.admits_the_same_as(rule))
    }

    /// Whether nothing has changed at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.revoked.is_empty() && self.already_absent.is_empty() && self.authorized.is_empty()
    }

    /// Whether the role may not revoke any of these, so that trying again is of no use.
    pub(crate) fn all_denied(&self, rules: &[IngressRule]) -> bool {
        rules.iter().all(|rule| self.failure(rule).is_some_and(AwsError::is_denied))
    }

    /// Why a rule could not be revoked.
    pub(crate) fn failure(&self, rule: &IngressRule) -> Option<&AwsError> {
        rule.id.as_ref().and_then(|id| self.failures.get(id))
    }

    /// Adds `rules`. Gives back those that are not there now, and why.
    pub(crate) async fn authorize(
        &mut self,
        ec2: &impl SecurityGroupRules,
        group_id: &str,
        rules: &[IngressRule],
    ) -> Vec<(IngressRule, AwsError)> {
        let mut failed = Vec::new();
        for batch in batches(rules) {
            self.begun = true;
            match ec2.authorize(group_id, &batch).await {
                Ok(made) => self.added(batch, &made),
                // EC2 adds all rules of a call or none: those that it would take by themselves must not suffer.
                Err(error) if batch.len() > 1 && is_about_one_rule(&error) => {
                    warn!(security_group.id = group_id, %error, rules = batch.len(), "adding one by one");
                    for rule in batch {
                        match ec2.authorize(group_id, std::slice::from_ref(&rule)).await {
                            Ok(made) => self.added(vec![rule], &made),
                            Err(error) => self.not_added(vec![rule], &error, &mut failed),
                        }
                    }
                }
                Err(error) => self.not_added(batch, &error, &mut failed),
            }
        }
        failed
    }

    fn added(&mut self, batch: Vec<IngressRule>, made: &[IngressRule]) {
        for rule in batch {
            // The record is made from EC2's answer, which has the new rule's id.
            let made = made.iter().find(|made| made.admits_the_same_as(&rule));
            self.authorized.push(made.cloned().unwrap_or(rule));
        }
    }

    fn not_added(&mut self, batch: Vec<IngressRule>, error: &AwsError, failed: &mut Vec<(IngressRule, AwsError)>) {
        for rule in batch {
            if error.code() == Some("InvalidPermission.Duplicate") {
                self.already_present.push(rule);
            } else {
                warn!(%error, protocol = %rule.traffic, source = %rule.source, "rule not added");
                failed.push((rule, error.clone()));
            }
        }
    }

    /// Revokes `rules`. What fails is noted in `failures`.
    pub(crate) async fn revoke(&mut self, ec2: &impl SecurityGroupRules, group_id: &str, rules: &[IngressRule]) {
        for chunk in rules.chunks(CHUNK) {
            self.begun = true;
            if let Err(error) = self.revoke_together(ec2, group_id, chunk).await {
                // It is not documented whether one bad rule spoils a call: try each by itself, so that it cannot.
                if chunk.len() > 1 && is_about_one_rule(&error) {
                    warn!(security_group.id = group_id, %error, rules = chunk.len(), "revoking one by one");
                    for rule in chunk {
                        let one = std::slice::from_ref(rule);
                        if let Err(error) = self.revoke_together(ec2, group_id, one).await {
                            self.not_revoked(one, &error);
                        }
                    }
                } else {
                    self.not_revoked(chunk, &error);
                }
            }
        }
    }

    async fn revoke_together(
        &mut self,
        ec2: &impl SecurityGroupRules,
        group_id: &str,
        rules: &[IngressRule],
    ) -> Result<(), AwsError> {
        let ids: Vec<String> = rules.iter().filter_map(|rule| rule.id.clone()).collect();
        let revoked = ec2.revoke(group_id, &ids).await?;
        for rule in rules {
            // The record is made from EC2's answer. By rule id, success means that every rule of the call is revoked.
            let revoked = revoked.iter().find(|revoked| revoked.id == rule.id);
            self.revoked.push(revoked.unwrap_or(rule).clone());
            if let Some(id) = &rule.id {
                self.failures.remove(id);
            }
        }
        Ok(())
    }

    fn not_revoked(&mut self, rules: &[IngressRule], error: &AwsError) {
        for rule in rules {
            if is_absent(error) {
                self.already_absent.push(rule.clone());
            } else if let Some(id) = &rule.id {
                warn!(security_group_rule.id = id, %error, "rule not revoked");
                self.failures.insert(id.clone(), error.clone());
            }
        }
    }
}

/// Whether EC2 says that the group has no room for a rule.
pub(crate) fn is_quota(error: &AwsError) -> bool {
    error.code() == Some("RulesPerSecurityGroupLimitExceeded")
}

/// What is wrong with the caller, or with its pace, is wrong with each rule.
fn is_about_one_rule(error: &AwsError) -> bool {
    !error.is_denied() && !error.is_throttled()
}

/// Whether EC2 says that the rule, or its whole group, is gone: that is as good as revoked.
fn is_absent(error: &AwsError) -> bool {
    matches!(
        error.code(),
        Some("InvalidSecurityGroupRuleId.NotFound" | "InvalidPermission.NotFound" | "InvalidGroup.NotFound")
    )
}

/// Rules that one call can add: with the same tags, which EC2 puts on every rule of a call, and of one kind of source,
/// since a group that takes IPv4 only would refuse both families of a mixed call.
fn batches(rules: &[IngressRule]) -> Vec<Vec<IngressRule>> {
    let mut batches: BTreeMap<(u8, &BTreeMap<String, String>), Vec<IngressRule>> = BTreeMap::new();
    for rule in rules {
        let kind = match &rule.source {
            Source::Cidr(network) if network.is_ipv4() => 0,
            Source::Cidr(_) => 1,
            Source::PrefixList(_) => 2,
            Source::SecurityGroup { .. } | Source::Unrecognized(_) => 3,
        };
        batches.entry((kind, &rule.tags)).or_default().push(rule.clone());
    }
    batches.into_values().flat_map(|batch| batch.chunks(CHUNK).map(<[_]>::to_vec).collect::<Vec<_>>()).collect()
}
