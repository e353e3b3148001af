//! Judges all groups of the account as EC2 has them.

use aws_traits::ec2::SecurityGroups;
use aws_traits::object_store::ObjectStore;
use jiff::{SignedDuration, Timestamp};
use judgement::{CachedPrefixLists, Criteria, JudgedGroup};

use crate::environment::Environment;
use crate::error::Obstacle;
use crate::services::RemediationServices;

/// For how long a prefix list counts as read: many groups admit the same one.
const COPIES_LAST: SignedDuration = SignedDuration::from_mins(2);

/// Shows each group, judged, page by page. An error says nothing of the groups that were not shown.
pub(crate) async fn judge(
    environment: &Environment<impl RemediationServices>,
    rule_name: &str,
    now: Timestamp,
    mut show: impl AsyncFnMut(JudgedGroup),
) -> Result<(), Obstacle> {
    let mut criteria = Criteria::read(&*environment.policy, rule_name, now).await?;
    criteria.since = Some(now);
    let (lists, ec2) = (CachedPrefixLists::new(COPIES_LAST), environment.ec2());
    let own = &environment.store().location().account_id;
    let mut next_token = None;
    loop {
        let (groups, next) = ec2.security_groups(next_token).await?;
        // The groups of another account in a shared VPC are a matter of its own stack.
        for group in groups.into_iter().filter(|group| group.owner_id.as_ref().is_none_or(|owner| owner == own)) {
            show(criteria.judge(group, ec2, &lists).await).await;
        }
        next_token = next;
        if next_token.is_none() {
            return Ok(());
        }
    }
}
