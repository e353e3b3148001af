//! Groups as EC2 has them now, judged.

use std::collections::BTreeMap;

use aws_traits::ec2::{GROUPS_PER_CALL, GroupsById, ManagedPrefixLists};
use exposure::{SecurityGroup, Verdict};
use judgement::{CachedPrefixLists, Criteria, JudgedGroup};
use tokio::time::{Instant, timeout_at};
use work_queue::{Gap, in_time};

/// Reads and judges those of the groups that exist. Most groups that change are compliant, which one call for all of them tells;
/// of the others, the ids of the rules are read, too.
pub(crate) async fn judge(
    ec2: &(impl GroupsById + ManagedPrefixLists),
    criteria: &Criteria,
    prefix_lists: &CachedPrefixLists,
    ids: &[&str],
    end: Instant,
) -> Result<BTreeMap<String, JudgedGroup>, Gap> {
    let mut judged = BTreeMap::new();
    for ids in ids.chunks(GROUPS_PER_CALL) {
        let groups = in_time(end, ec2.groups_with_ids(ids)).await?;
        let mut open = Vec::new();
        for group in groups {
            let group = judge_one(ec2, criteria, prefix_lists, group, end).await?;
            if group.assess().verdict() == Verdict::NonCompliant {
                open.push(group.group.id.clone());
            }
            judged.insert(group.group.id.clone(), group);
        }
        if open.is_empty() {
            continue;
        }
        let ids: Vec<&str> = open.iter().map(String::as_str).collect();
        let mut rules = in_time(end, ec2.ingress_rules(&ids)).await?;
        for id in &open {
            let Some(JudgedGroup { group, .. }) = judged.remove(id) else { continue };
            let group = SecurityGroup { ingress: rules.remove(id).unwrap_or_default(), ..group };
            judged.insert(id.clone(), judge_one(ec2, criteria, prefix_lists, group, end).await?);
        }
    }
    Ok(judged)
}

async fn judge_one(
    ec2: &impl ManagedPrefixLists,
    criteria: &Criteria,
    prefix_lists: &CachedPrefixLists,
    group: SecurityGroup,
    end: Instant,
) -> Result<JudgedGroup, Gap> {
    timeout_at(end, criteria.judge(group, ec2, prefix_lists)).await.map_err(|_| Gap::NoTime)
}
