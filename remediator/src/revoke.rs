//! Revoking rules: in chunks, one failing rule never stopping the others.

use std::collections::BTreeMap;

use aws::AwsError;
use aws::ec2::SecurityGroupRules;
use exposure::IngressRule;
use tracing::warn;

/// How many rules one `RevokeSecurityGroupIngress` takes is not documented; the quota of rules per group is 60 by default
/// and 1,000 at most.
const CHUNK: usize = 100;

/// What became of the rules that were to be revoked, over all rounds.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    /// Revoked, in order.
    pub(crate) revoked: Vec<IngressRule>,
    /// Gone before they could be revoked, in order.
    pub(crate) already_absent: Vec<IngressRule>,
    /// Why a rule could not be revoked, by rule id.
    pub(crate) failures: BTreeMap<String, AwsError>,
}

impl Revocations {
    /// Whether this rule was reported as gone, whatever a describe may still show.
    pub(crate) fn is_gone(&self, rule: &IngressRule) -> bool {
        self.revoked.iter().chain(&self.already_absent).any(|gone| gone.id == rule.id)
    }

    /// Whether nothing has gone at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.revoked.is_empty() && self.already_absent.is_empty()
    }

    /// Whether the role may not revoke any of these, so that trying again is of no use.
    pub(crate) fn all_denied(&self, rules: &[IngressRule]) -> bool {
        rules.iter().all(|rule| rule.id.as_ref().and_then(|id| self.failures.get(id)).is_some_and(AwsError::is_denied))
    }

    /// Revokes `rules`. What fails is noted in `failures`.
    pub(crate) async fn revoke(&mut self, ec2: &impl SecurityGroupRules, group_id: &str, rules: &[IngressRule]) {
        for chunk in rules.chunks(CHUNK) {
            if let Err(error) = self.revoke_together(ec2, group_id, chunk).await {
                // It is not documented whether one bad rule spoils a call: try each by itself, so that it cannot. What
                // is wrong with the caller, or with its pace, is wrong with each of them.
                if chunk.len() > 1 && !error.is_denied() && !error.is_throttled() {
                    warn!(security_group.id = group_id, %error, rules = chunk.len(), "revoking one by one");
                    for rule in chunk {
                        let one = std::slice::from_ref(rule);
                        if let Err(error) = self.revoke_together(ec2, group_id, one).await {
                            self.fail(one, &error);
                        }
                    }
                } else {
                    self.fail(chunk, &error);
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

    fn fail(&mut self, rules: &[IngressRule], error: &AwsError) {
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

/// Whether EC2 says that the rule, or its whole group, is gone: that is as good as revoked.
fn is_absent(error: &AwsError) -> bool {
    matches!(
        error.code(),
        Some("InvalidSecurityGroupRuleId.NotFound" | "InvalidPermission.NotFound" | "InvalidGroup.NotFound")
    )
}
