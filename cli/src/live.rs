//! Scanning accounts: pages are judged as they come, and reported in the order of the targets.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use aws_adapters::Ec2;
use aws_adapters::inventory::GroupFilter;
use aws_traits::AwsError;
use exposure::{Exemptions, Policy, SecurityGroup, Verdict, assess};
use findings::{AttachedTo, Context, GroupResult, NotScanned};
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use crate::exit::in_one_line;
use crate::policy::PolicySource;
use crate::session::Target;

/// What one page has come to.
type Page = Vec<GroupResult>;

/// So many pages of a region may wait for those of the regions before it. The order of a report must not depend on which
/// region answers first, nor the memory on how many there are.
const PAGES_AHEAD: usize = 16;

/// What is scanned everywhere.
#[derive(Debug)]
pub(crate) struct LiveScan {
    pub(crate) policy: PolicySource,
    pub(crate) wanted: GroupFilter,
    pub(crate) with_context: bool,
    pub(crate) concurrency: usize,
}

/// Scans the targets, and hands each group and each failure to `each`, in the order of the targets.
pub(crate) async fn scan(
    scan: LiveScan,
    targets: Vec<Target>,
    mut each: impl FnMut(Result<GroupResult, NotScanned>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let scan = Rc::new(scan);
    let permits = Rc::new(Semaphore::new(scan.concurrency));
    let local = LocalSet::new();
    let mut channels = Vec::new();
    for target in targets {
        let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
        channels.push(receiver);
        let (scan, permits) = (Rc::clone(&scan), Rc::clone(&permits));
        // First come, first served: the target whose turn it is in the report always has a permit.
        local.spawn_local(async move {
            let _permit = permits.acquire().await;
            scan.target(&target, sender).await;
        });
    }
    let is_filtered = scan.wanted != GroupFilter::default();
    let ids: BTreeSet<String> = scan.wanted.group_ids.iter().cloned().collect();
    local
        .run_until(async move {
            let (mut missing, mut all_answered, mut found) = (ids, true, 0_usize);
            for mut pages in channels {
                while let Some(page) = pages.next().await {
                    match page {
                        Ok(page) => {
                            found += page.len();
                            for result in page {
                                missing.remove(&result.group_id);
                                each(Ok(result))?;
                            }
                        }
                        Err(problem) => {
                            all_answered = false;
                            each(Err(problem))?;
                        }
                    }
                }
            }
            // A misspelt filter must not look like a compliant account.
            if found == 0 && all_answered && missing.is_empty() && is_filtered {
                let reason = "no security group of the accounts and regions that were scanned is meant by the filters";
                each(Err(NotScanned { account: None, region: None, target: None, reason: reason.to_owned() }))?;
            }
            for id in missing.into_iter().filter(|_| all_answered) {
                let reason = "there is no such security group in the accounts and regions that were scanned".to_owned();
                each(Err(NotScanned { account: None, region: None, target: Some(id), reason }))?;
            }
            Ok(())
        })
        .await
}

impl LiveScan {
    async fn target(&self, target: &Target, mut pages: mpsc::Sender<Result<Page, NotScanned>>) {
        if let Err(problem) = self.pages(target, &mut pages).await {
            let reason = in_one_line(&problem);
            let Target { account, region, .. } = target.clone();
            let problem = NotScanned { account: Some(account), region: Some(region), target: None, reason };
            // Nobody listens any more when the report cannot be written.
            let _ = pages.send(Err(problem)).await;
        }
    }

    async fn pages(&self, target: &Target, pages: &mut mpsc::Sender<Result<Page, NotScanned>>) -> anyhow::Result<()> {
        let ec2 = Ec2::new(&target.sdk);
        let source = self.policy.in_account(&target.sdk);
        let (policy, exemptions) = source.read().await?;
        // A prefix list is read once for all groups.
        let lookups = aws_traits::Lookups::new(source, ec2.clone(), SignedDuration::from_hours(24));
        let judging = Judging { ec2, lookups, policy, exemptions, region: &target.region, account: &target.account };
        let mut token = None;
        loop {
            let (groups, next) = judging.ec2.groups(&self.wanted, token).await?;
            let page = judging.page(groups, self.with_context).await?;
            if pages.send(Ok(page)).await.is_err() {
                return Ok(());
            }
            match next {
                Some(next) => token = Some(next),
                None => return Ok(()),
            }
        }
    }
}

struct Judging<'t> {
    ec2: Ec2,
    lookups: aws_traits::Lookups<PolicySource, Ec2>,
    policy: Policy,
    exemptions: Arc<Exemptions>,
    region: &'t str,
    account: &'t str,
}

impl Judging<'_> {
    async fn page(&self, groups: Vec<SecurityGroup>, with_context: bool) -> Result<Page, AwsError> {
        let now = Timestamp::now();
        let mut results = Vec::with_capacity(groups.len());
        let mut open = Vec::new();
        for group in groups {
            let prefix_lists = self.lookups.prefix_lists(&self.policy, &group, now).await;
            let assessment = assess(&group, &self.policy, &self.exemptions, &prefix_lists, now);
            if assessment.verdict() != Verdict::Compliant {
                open.push(results.len());
            }
            results.push((GroupResult::new(&group, Some(self.region), &assessment), group, prefix_lists));
        }
        // Only what is to be told of needs the ids of its rules, and what it is attached to.
        let ids: Vec<String> =
            open.iter().filter_map(|at| results.get(*at)).map(|(result, ..)| result.group_id.clone()).collect();
        if !ids.is_empty() {
            let mut rules = self.ec2.rules_of(&ids).await?;
            let mut interfaces = if with_context { self.ec2.interfaces_of(&ids).await? } else { BTreeMap::default() };
            for at in open {
                let Some((result, group, prefix_lists)) = results.get_mut(at) else { continue };
                // Without rules the group was deleted in between: what was seen is what is told.
                if let Some(ingress) = rules.remove(&group.id) {
                    group.ingress = ingress;
                    let assessment = assess(group, &self.policy, &self.exemptions, prefix_lists, now);
                    *result = GroupResult::new(group, Some(self.region), &assessment);
                }
                if with_context {
                    let attached = interfaces.remove(&group.id).unwrap_or_default();
                    *result = result.clone().with_context(context(attached));
                }
            }
        }
        Ok(results
            .into_iter()
            .map(|(mut result, ..)| {
                result.account.get_or_insert_with(|| self.account.to_owned());
                result
            })
            .collect())
    }
}

fn context(interfaces: Vec<aws_adapters::inventory::NetworkInterface>) -> Context {
    let attached_to = interfaces
        .into_iter()
        .map(|interface| AttachedTo {
            network_interface_id: interface.id,
            resource: interface.resource,
            public_addresses: interface.public_addresses,
        })
        .collect();
    Context { attached_to }
}
