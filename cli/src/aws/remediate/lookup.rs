//! Reads security groups by id or name.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_adapters::Ec2;
use aws_adapters::terminal::inventory::GroupFilter;
use exposure::SecurityGroup;

use crate::aws::session::Target;

/// Most values that a filter of EC2 accepts.
///
/// Source: Amazon EC2 API reference, [Filter](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html).
const VALUES_PER_FILTER: usize = 200;

/// Groups with these ids, or one of these names, in one account and region. An id that does not exist is not an error.
pub(super) async fn groups(target: &Target, ids: &[String], names: &[String]) -> Result<Vec<SecurityGroup>> {
    let of_ids = ids.chunks(VALUES_PER_FILTER).map(|ids| GroupFilter { group_ids: ids.to_vec(), ..Default::default() });
    let of_names =
        names.chunks(VALUES_PER_FILTER).map(|names| GroupFilter { names: names.to_vec(), ..Default::default() });
    let ec2 = Ec2::new(&target.sdk);
    let mut groups = Vec::new();
    for filter in of_ids.chain(of_names) {
        let mut token = None;
        loop {
            let (page, next) = ec2.groups(&filter, token).await?;
            // A group may match both an id and a name.
            for group in page {
                if !groups.iter().any(|known: &SecurityGroup| known.id == group.id) {
                    groups.push(group);
                }
            }
            match next {
                Some(next) => token = Some(next),
                None => break,
            }
        }
    }
    Ok(groups)
}

/// Names of groups, by id. A group that was deleted has none.
pub(super) async fn names(target: &Target, ids: &[String]) -> Result<BTreeMap<String, String>> {
    let found = groups(target, ids, &[]).await?;
    Ok(found.into_iter().filter_map(|group| Some((group.id, group.name?))).collect())
}
