//! Scans accounts and regions. Pages are judged as they arrive, and reported in the order of the targets.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

use aws_adapters::Ec2;
use aws_adapters::terminal::inventory::{GroupFilter, NetworkInterface};
use aws_traits::AwsError;
use exposure::{SecurityGroup, Verdict};
use findings::{AttachedTo, ComplianceType, Context, GroupResult, NotScanned};
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use judgement::{CachedPrefixLists, Criteria, JudgedGroup};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use super::policy::CommandPolicy;
use super::session::Target;
use crate::exit::in_one_line;

/// Results of one page of security groups.
type Page = Vec<GroupResult>;

/// Most pages of a target that wait while the targets before it are reported. Reports are in the order of the targets, not of
/// the answers, and the limit bounds the memory.
const PAGES_AHEAD: usize = 16;

/// Settings of a scan, the same for all targets.
#[derive(Debug)]
pub(crate) struct LiveScan {
    /// The filters as the user typed them.
    pub(crate) typed: String,
    pub(crate) wanted: GroupFilter,
    pub(crate) with_context: bool,
    pub(crate) concurrency: usize,
}

/// Reads the values of `--tag`: a key, or a key and a value.
pub(crate) fn tags(options: &[String]) -> Vec<(String, Option<String>)> {
    let tag = |tag: &String| match tag.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (tag.clone(), None),
    };
    options.iter().map(tag).collect()
}

/// Scans the targets, and calls `each` with every result and every failure, in the order of the targets.
pub(crate) async fn scan(
    scan: LiveScan,
    places: Vec<(Target, CommandPolicy)>,
    mut each: impl FnMut(Result<GroupResult, NotScanned>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let scan = Rc::new(scan);
    let permits = Rc::new(Semaphore::new(scan.concurrency));
    let local = LocalSet::new();
    let searched = searched(&places);
    let typed = scan.typed.clone();
    let mut channels = Vec::new();
    for (target, policy) in places {
        let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
        channels.push(receiver);
        let (scan, permits) = (Rc::clone(&scan), Rc::clone(&permits));
        // The semaphore is fair, so the target that is reported next always has a permit.
        local.spawn_local(async move {
            let _permit = permits.acquire().await;
            scan.target(&target, &policy, sender).await;
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
                let reason = format!("no security group matches {typed} {searched}");
                each(Err(NotScanned { account: None, region: None, target: None, reason }))?;
            }
            for id in missing.into_iter().filter(|_| all_answered) {
                let reason = format!("there is no such security group {searched}");
                each(Err(NotScanned { account: None, region: None, target: Some(id), reason }))?;
            }
            Ok(())
        })
        .await
}

/// `in us-east-1, account 123456789012`, of every place or of the first ones.
pub(crate) fn searched(places: &[(Target, CommandPolicy)]) -> String {
    const SHOWN: usize = 3;
    let mut text: Vec<String> = places.iter().take(SHOWN).map(|(target, _)| target.place()).collect();
    match places.len().saturating_sub(SHOWN) {
        0 => {}
        1 => text.push("and in 1 more place".to_owned()),
        more => text.push(format!("and in {more} more places")),
    }
    text.join(", ")
}

impl LiveScan {
    async fn target(&self, target: &Target, policy: &CommandPolicy, mut pages: mpsc::Sender<Result<Page, NotScanned>>) {
        if let Err(problem) = self.pages(target, policy, &mut pages).await {
            let reason = in_one_line(&problem);
            let Target { account, region, .. } = target.clone();
            let problem = NotScanned { account: Some(account), region: Some(region), target: None, reason };
            // The receiver is gone if the report could not be written.
            let _ = pages.send(Err(problem)).await;
        }
    }

    async fn pages(
        &self,
        target: &Target,
        policy: &CommandPolicy,
        pages: &mut mpsc::Sender<Result<Page, NotScanned>>,
    ) -> anyhow::Result<()> {
        let ec2 = Ec2::new(&target.sdk);
        let source = policy.in_account(&target.sdk);
        let criteria = Criteria::read(&*source, policy.rule_name(), Timestamp::now()).await?;
        // Each prefix list is read once for all groups.
        let prefix_lists = CachedPrefixLists::new(SignedDuration::from_hours(24));
        let region = PartOfScan { ec2, prefix_lists, criteria, region: &target.region, account: &target.account };
        let mut token = None;
        loop {
            let asked = Instant::now();
            let (groups, next) = region.ec2.groups(&self.wanted, token).await?;
            let page = region.page(groups, self.with_context).await?;
            tracing::info!(
                account.id = target.account,
                region = target.region,
                groups = page.len(),
                open = page.iter().filter(|result| result.compliance == ComplianceType::NonCompliant).count(),
                duration_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX),
                last = next.is_none(),
                "page of security groups judged"
            );
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

/// One region of one account.
struct PartOfScan<'t> {
    ec2: Ec2,
    prefix_lists: CachedPrefixLists,
    criteria: Criteria,
    region: &'t str,
    account: &'t str,
}

impl PartOfScan<'_> {
    async fn page(&self, groups: Vec<SecurityGroup>, with_context: bool) -> Result<Page, AwsError> {
        let criteria = Criteria { at: Timestamp::now(), ..self.criteria.clone() };
        let mut results = Vec::with_capacity(groups.len());
        let mut open = Vec::new();
        for group in groups {
            let judged = criteria.judge(group, &self.ec2, &self.prefix_lists).await;
            let (result, verdict) = self.result(&judged);
            if verdict != Verdict::Compliant {
                open.push(results.len());
            }
            results.push((result, judged));
        }
        // Only groups that are reported need the ids of their rules, and the resources they are attached to.
        let ids: Vec<String> =
            open.iter().filter_map(|at| results.get(*at)).map(|(_, judged)| judged.group.id.clone()).collect();
        if !ids.is_empty() {
            let mut rules = self.ec2.rules_of(&ids).await?;
            let mut interfaces = if with_context { self.ec2.interfaces_of(&ids).await? } else { BTreeMap::default() };
            for at in open {
                let Some((result, judged)) = results.get_mut(at) else { continue };
                // A group without rules was deleted meanwhile, and is reported as it was read.
                if let Some(ingress) = rules.remove(&judged.group.id) {
                    judged.group.ingress = ingress;
                    (*result, _) = self.result(judged);
                }
                if with_context {
                    let attached = interfaces.remove(&judged.group.id).unwrap_or_default();
                    *result = result.clone().with_context(context(attached));
                }
            }
        }
        Ok(results
            .into_iter()
            .map(|(mut result, _)| {
                result.account.get_or_insert_with(|| self.account.to_owned());
                result
            })
            .collect())
    }

    /// The result for a group, and the verdict that it comes from.
    fn result(&self, judged: &JudgedGroup) -> (GroupResult, Verdict) {
        let assessment = judged.assess();
        (GroupResult::new(&judged.group, Some(self.region), &assessment), assessment.verdict())
    }
}

fn context(interfaces: Vec<NetworkInterface>) -> Context {
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
