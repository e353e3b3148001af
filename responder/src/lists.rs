//! Groups that admit a prefix list whose entries were changed.

use aws_events::sqs::SqsMessage;
use aws_traits::ec2::{PrefixListChanges, SelectedGroups, Selection};
use tokio::time::Instant;
use tracing::info;
use work_queue::{Gap, in_time};

use crate::SERVICE;
use crate::asked::Batch;
use crate::settings::Settings;

/// Asks for the groups of this account that admit the lists. Returns the messages about lists that are being changed, of which EC2
/// still gives the old entries.
pub(crate) async fn ask<'m>(
    ec2: &(impl PrefixListChanges + SelectedGroups),
    batch: &mut Batch<'m>,
    settings: &Settings,
    end: Instant,
) -> Result<Vec<&'m SqsMessage>, Gap> {
    let mut later = Vec::new();
    for (list, messages) in std::mem::take(&mut batch.prefix_lists) {
        if in_time(end, ec2.is_changing(&list)).await? {
            later.extend(messages);
            continue;
        }
        let (mut count, mut next_token) = (0, None);
        loop {
            let selection = Selection::AdmitsPrefixList(&list);
            let page = ec2.selected_groups(&settings.account, selection, next_token.take());
            let (groups, next) = in_time(end, page).await?;
            for group in &groups {
                batch.ask_for_list(&group.id, &messages, settings.modes.cloudtrail);
            }
            count += groups.len();
            next_token = next;
            if next_token.is_none() {
                break;
            }
        }
        info!(service = SERVICE, prefix_list.id = list, security_groups = count, "prefix list was changed");
    }
    Ok(later)
}
