//! Adds and revokes rules in chunks. A rule that fails does not stop the others.

use std::collections::BTreeMap;

use aws_traits::AwsError;
use aws_traits::ec2::SecurityGroupRules;
use exposure::{IngressRule, Source};
use tracing::warn;

/// Most rules that one call adds or revokes. EC2 documents no limit for a call; the quota for a group is 60 rules by
/// default, and 1,000 at most.
///
/// Source: Amazon VPC user guide, [Amazon VPC quotas](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups).
const CHUNK: usize = 100;

/// Outcome for every rule that was added or revoked, over all rounds.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Rules that EC2 revoked, in order.
    pub(crate) revoked: Vec<IngressRule>,
    /// Rules that no longer existed when they were to be revoked, in order.
    pub(crate) already_absent: Vec<IngressRule>,
    /// Errors of revocations, by rule id.
    pub(crate) failures: BTreeMap<String, AwsError>,
    /// Rules that EC2 added, in order.
    pub(crate) authorized: Vec<IngressRule>,
    /// Rules that already existed when they were to be added.
    already_present: Vec<IngressRule>,
    /// Whether a call that changes the group was made, successful or not.
    pub(crate) begun: bool,
}

impl Changes {
    /// Returns true if EC2 reported the rule as gone. A describe may still list it.
    pub(crate) fn is_gone(&self, rule: &IngressRule) -> bool {
        self.revoked.iter().chain(&self.already_absent).any(|gone| gone.id == rule.id)
    }

    /// Returns true if EC2 reported the rule as added or present. A describe may not list it yet.
    pub(crate) fn is_added(&self, rule: &IngressRule) -> bool {
        self.authorized.iter().chain(&self.already_present).any(|added| added.admits_the_same_as(rule))
    }

    /// Returns true if no rule was added or revoked, and none was found gone.
    pub(crate) fn is_empty(&self) -> bool {
        self.revoked.is_empty() && self.already_absent.is_empty() && self.authorized.is_empty()
    }

    /// Returns true if the role may not revoke any of `rules`, so that a retry is useless.
    pub(crate) fn all_denied(&self, rules: &[IngressRule]) -> bool {
        rules.iter().all(|rule| self.failure(rule).is_some_and(AwsError::is_denied))
    }

    /// Error of the latest attempt to revoke `rule`.
    pub(crate) fn failure(&self, rule: &IngressRule) -> Option<&AwsError> {
        rule.id.as_ref().and_then(|id| self.failures.get(id))
    }

    /// Adds `rules`. Returns those that could not be added, with their errors.
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
                // EC2 adds all rules of a call or none: retry one by one, so that a bad rule does not block the good
                // ones.
                Err(error) if batch.len() > 1 && is_about_one_rule(&error) => {
                    warn!(security_group.id = group_id, %error, rules = batch.len(), "adding rules one by one");
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
            // EC2's answer has the id of the new rule.
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

    /// Revokes `rules`. Errors are recorded in `failures`.
    pub(crate) async fn revoke(&mut self, ec2: &impl SecurityGroupRules, group_id: &str, rules: &[IngressRule]) {
        for chunk in rules.chunks(CHUNK) {
            self.begun = true;
            if let Err(error) = self.revoke_together(ec2, group_id, chunk).await {
                // With rule properties outside the default VPC, one mismatch fails the whole call. For rule ids, EC2
                // documents nothing: retry one by one.
                // Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
                if chunk.len() > 1 && is_about_one_rule(&error) {
                    warn!(security_group.id = group_id, %error, rules = chunk.len(), "revoking rules one by one");
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
            // Success means that every rule of the call is revoked, even one that the answer leaves out.
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

/// Returns true if the group has reached its quota of rules.
pub(crate) fn is_quota(error: &AwsError) -> bool {
    error.code() == Some("RulesPerSecurityGroupLimitExceeded")
}

/// Returns false for denied and throttled calls, which fail for every rule alike.
fn is_about_one_rule(error: &AwsError) -> bool {
    !error.is_denied() && !error.is_throttled()
}

/// Returns true if the rule or its group no longer exists, which counts as revoked.
fn is_absent(error: &AwsError) -> bool {
    matches!(
        error.code(),
        Some("InvalidSecurityGroupRuleId.NotFound" | "InvalidPermission.NotFound" | "InvalidGroup.NotFound")
    )
}

/// Splits `rules` into batches, each for one call. The rules of a batch have the same tags, because EC2 applies the
/// tags of a call to all of its rules, and the same kind of source, so that a quota reached for IPv4 does not fail IPv6
/// as well.
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
