//! Adds and revokes rules in chunks. A rule that fails does not stop the others.

use std::collections::BTreeMap;

use aws_traits::AwsError;
use aws_traits::ec2::{Revocation, SecurityGroupRules};
use exposure::{IngressRule, Source, Traffic};
use tracing::warn;

use crate::gate::{Closed, Gate};

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
    /// Rules that were to be revoked, with the error of the latest attempt.
    failures: Vec<(IngressRule, AwsError)>,
    /// Rules of a revocation that EC2 has not answered: it may have revoked them.
    unanswered: Vec<IngressRule>,
    /// Rules that EC2 added, in order.
    pub(crate) authorized: Vec<IngressRule>,
    /// Rules that already existed when they were to be added.
    already_present: Vec<IngressRule>,
    /// Whether a call that changes the group was made, successful or not.
    pub(crate) begun: bool,
}

/// How a call that adds rules reacts to a full group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFull {
    /// Adds as many rules as there is room for.
    AddSome,
    /// Adds no more.
    Stop,
}

impl Changes {
    /// Returns true if EC2 reported the rule as gone. A describe may still list it. A rule that its owner has changed since
    /// has the same id and another content, and is not gone.
    pub(crate) fn is_gone(&self, rule: &IngressRule) -> bool {
        self.revoked.iter().chain(&self.already_absent).any(|gone| is_same(gone, rule))
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
        self.failures.iter().find(|(failed, _)| is_same(failed, rule)).map(|(_, error)| error)
    }

    /// Returns true if the rule was revoked, or may have been: its revocation was not answered, and it is gone now.
    pub(crate) fn may_have_revoked(&self, rule: &IngressRule) -> bool {
        let revoked = self.revoked.iter().any(|revoked| revoked.admits_the_same_as(rule));
        revoked || self.unanswered.iter().any(|unanswered| is_same(unanswered, rule))
    }

    /// Counts rules as gone whose revocation EC2 has not answered, and that are no longer among `live`.
    pub(crate) fn settle(&mut self, live: &[IngressRule]) {
        for rule in &self.unanswered {
            if !live.iter().any(|known| is_same(known, rule))
                && !self.already_absent.iter().any(|gone| is_same(gone, rule))
            {
                self.already_absent.push(rule.clone());
            }
        }
    }

    /// Counts rules as not revoked that are still listed after the last attempt.
    pub(crate) fn are_there(&mut self, listed: &[IngressRule]) {
        self.unanswered.retain(|rule| !listed.iter().any(|listed| is_same(listed, rule)));
    }

    /// Adds `rules`. Returns those that could not be added, with their errors.
    ///
    /// EC2 adds all rules of a call or none. A refused call is halved, so that a bad rule does not block the good ones, and
    /// that a group that is almost full takes what it has room for.
    ///
    /// # Errors
    ///
    /// If the gate has closed: the rules that were not added yet are not.
    pub(crate) async fn authorize(
        &mut self,
        ec2: &impl SecurityGroupRules,
        group_id: &str,
        rules: &[IngressRule],
        on_full: OnFull,
        gate: &mut impl Gate,
    ) -> Result<Vec<(IngressRule, AwsError)>, Closed> {
        let mut failed = Vec::new();
        let mut full: Vec<(Room, AwsError)> = Vec::new();
        let mut waiting = chunks_of_the_same_tags(rules);
        waiting.reverse();
        while let Some(chunk) = waiting.pop() {
            let (refused, chunk): (Vec<_>, Vec<_>) = chunk.into_iter().partition(|rule| no_room(&full, rule).is_some());
            failed.extend(refused.into_iter().filter_map(|rule| no_room(&full, &rule).map(|error| (rule, error))));
            if chunk.is_empty() {
                continue;
            }
            gate.check().await?;
            self.begun = true;
            match ec2.authorize(group_id, &chunk).await {
                Ok(made) => self.added(chunk, &made),
                Err(error) if is_quota(&error) && on_full == OnFull::Stop => {
                    let rest = chunk.into_iter().chain(waiting.drain(..).rev().flatten());
                    failed.extend(rest.map(|rule| (rule, error.clone())));
                }
                Err(error) if chunk.len() > 1 && is_about_one_rule(&error) => {
                    warn!(security_group.id = group_id, %error, rules = chunk.len(), "adding rules in halves");
                    let (first, second) = chunk.split_at(chunk.len().div_ceil(2));
                    waiting.extend([second.to_vec(), first.to_vec()]);
                }
                Err(error) => {
                    if is_quota(&error)
                        && let Some(rule) = chunk.first()
                    {
                        full.push((Room::of(rule), error.clone()));
                    }
                    self.not_added(chunk, &error, &mut failed);
                }
            }
        }
        Ok(failed)
    }

    fn added(&mut self, chunk: Vec<IngressRule>, made: &[IngressRule]) {
        for rule in chunk {
            // EC2's answer has the id of the new rule.
            let made = made.iter().find(|made| made.admits_the_same_as(&rule));
            self.authorized.push(made.cloned().unwrap_or(rule));
        }
    }

    fn not_added(&mut self, chunk: Vec<IngressRule>, error: &AwsError, failed: &mut Vec<(IngressRule, AwsError)>) {
        for rule in chunk {
            if error.code() == Some("InvalidPermission.Duplicate") {
                self.already_present.push(rule);
            } else {
                warn!(protocol = %rule.traffic, source = %rule.source, %error, "rule not added");
                failed.push((rule, error.clone()));
            }
        }
    }

    /// Forgets that rules were added: they are to be revoked again.
    pub(crate) fn forget_added(&mut self, rules: &[IngressRule]) {
        let is_one = |added: &IngressRule| rules.iter().any(|rule| rule.admits_the_same_as(added));
        self.already_present.retain(|added| !is_one(added));
    }

    /// Revokes `rules`, by content. Errors are recorded for [`Changes::failure`].
    ///
    /// # Errors
    ///
    /// If the gate has closed: the rules that were not revoked yet stay.
    pub(crate) async fn revoke(
        &mut self,
        ec2: &impl SecurityGroupRules,
        group_id: &str,
        rules: &[IngressRule],
        gate: &mut impl Gate,
    ) -> Result<(), Closed> {
        let mut waiting: Vec<&[IngressRule]> = rules.chunks(CHUNK).rev().collect();
        while let Some(chunk) = waiting.pop() {
            gate.check().await?;
            self.begun = true;
            // Before the call: whoever stops waiting for the answer does not know whether EC2 revokes the rules.
            self.unanswered.extend_from_slice(chunk);
            let answer = ec2.revoke(group_id, chunk).await;
            if answer.as_ref().err().is_none_or(|error| !error.is_unanswered()) {
                self.unanswered.retain(|unanswered| !chunk.iter().any(|rule| is_same(rule, unanswered)));
            }
            match answer {
                Ok(revocation) => self.took(chunk, revocation),
                // Outside the default VPC, one rule that is no longer there fails the whole call.
                // Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
                Err(error) if chunk.len() > 1 && is_about_one_rule(&error) => {
                    warn!(security_group.id = group_id, %error, rules = chunk.len(), "revoking rules in halves");
                    let (first, second) = chunk.split_at(chunk.len().div_ceil(2));
                    waiting.extend([second, first]);
                }
                Err(error) => self.not_revoked(chunk, &error),
            }
        }
        Ok(())
    }

    fn took(&mut self, chunk: &[IngressRule], Revocation { revoked, absent }: Revocation) {
        for rule in chunk {
            self.failures.retain(|(failed, _)| !is_same(failed, rule));
            if absent.iter().any(|absent| absent.admits_the_same_as(rule)) {
                self.already_absent.push(rule.clone());
                continue;
            }
            // The answer has the id at that moment; older versions of EC2 leave it out.
            let revoked = revoked.iter().find(|revoked| revoked.admits_the_same_as(rule));
            let id = revoked.and_then(|revoked| revoked.id.clone()).or_else(|| rule.id.clone());
            self.revoked.push(IngressRule { id, ..rule.clone() });
        }
    }

    fn not_revoked(&mut self, rules: &[IngressRule], error: &AwsError) {
        for rule in rules {
            self.failures.retain(|(failed, _)| !is_same(failed, rule));
            if is_absent(error) {
                self.already_absent.push(rule.clone());
                continue;
            }
            warn!(security_group_rule.id = rule.id, %error, "rule not revoked");
            self.failures.push((rule.clone(), error.clone()));
        }
    }
}

/// Returns true for the same rule with the same content.
pub(crate) fn is_same(one: &IngressRule, other: &IngressRule) -> bool {
    one.id == other.id && one.admits_the_same_as(other)
}

/// Returns true if a closing may have put `heir` in the place of `rule`: it admits a part of the same traffic from the same
/// source, or the same traffic from another source.
pub(crate) fn stands_for(heir: &IngressRule, rule: &IngressRule) -> bool {
    let is_part = match (&rule.traffic, &heir.traffic) {
        (Traffic::All, _) => true,
        (Traffic::Ports { transport, range }, Traffic::Ports { transport: of_heir, range: part }) => {
            transport == of_heir && range.from() <= part.from() && part.to() <= range.to()
        }
        (traffic, of_heir) => traffic == of_heir,
    };
    if heir.source == rule.source { is_part } else { heir.traffic == rule.traffic }
}

/// What a rule counts against.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    /// The quota for IPv4.
    V4,
    /// The quota for IPv6.
    V6,
    /// Both quotas.
    Both,
    /// Counts as many rules as the list can have entries.
    PrefixList(String),
}

impl Room {
    /// Source: Amazon VPC user guide, [Amazon VPC quotas](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups).
    fn of(rule: &IngressRule) -> Self {
        match &rule.source {
            Source::Cidr(network) if network.is_ipv4() => Self::V4,
            Source::Cidr(_) => Self::V6,
            Source::PrefixList(id) => Self::PrefixList(id.clone()),
            Source::SecurityGroup { .. } | Source::Unrecognized(_) => Self::Both,
        }
    }
}

/// The error for a rule for which the group has certainly no room: a rule like it was refused.
fn no_room(full: &[(Room, AwsError)], rule: &IngressRule) -> Option<AwsError> {
    let room = Room::of(rule);
    let is_full = |refused: &Room| *refused == room || (room == Room::Both && matches!(refused, Room::V4 | Room::V6));
    full.iter().find(|(refused, _)| is_full(refused)).map(|(_, error)| error.clone())
}

/// Returns true if the group has reached its quota of rules.
pub(crate) fn is_quota(error: &AwsError) -> bool {
    error.code() == Some("RulesPerSecurityGroupLimitExceeded")
}

/// Returns false for calls that fail for every rule alike: denied, throttled, unanswered, or of a group that is gone.
fn is_about_one_rule(error: &AwsError) -> bool {
    !error.is_denied() && !error.is_transient() && error.code() != Some("InvalidGroup.NotFound")
}

/// Returns true if the rule or its group no longer exists, which counts as revoked.
fn is_absent(error: &AwsError) -> bool {
    matches!(error.code(), Some("InvalidPermission.NotFound" | "InvalidGroup.NotFound"))
}

/// Splits `rules` into chunks, each for one call. The rules of a chunk have the same tags, because EC2 applies the tags of
/// a call to all of its rules.
fn chunks_of_the_same_tags(rules: &[IngressRule]) -> Vec<Vec<IngressRule>> {
    let mut by_tags: BTreeMap<_, Vec<IngressRule>> = BTreeMap::new();
    for rule in rules {
        by_tags.entry(&rule.tags).or_default().push(rule.clone());
    }
    by_tags.into_values().flat_map(|rules| rules.chunks(CHUNK).map(<[_]>::to_vec).collect::<Vec<_>>()).collect()
}
