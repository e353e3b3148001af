//! Scans accounts and regions. Pages are judged as they arrive, and reported in the order of the targets.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Result;
use aws_adapters::Ec2;
use aws_adapters::terminal::inventory::{GroupFilter, NetworkInterface};
use aws_traits::AwsError;
use exposure::{SecurityGroup, Verdict};
use findings::{AttachedTo, ComplianceType, Context, GroupResult, NotScanned};
use futures::channel::mpsc;
use futures::future::{OptionFuture, join, try_join};
use futures::{SinkExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use judgement::{CachedPrefixLists, Criteria, JudgedGroup};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, LocalSet};

use super::policy::CommandPolicy;
use super::session::Target;
use crate::exit::in_one_line;

/// Results of one page of security groups, or why the rest of a place was not scanned.
pub(crate) type Page = Result<Vec<GroupResult>, NotScanned>;

/// Most pages of a target that wait while the targets before it are reported. Reports are in the order of the targets, not of
/// the answers, and the limit bounds the memory.
const PAGES_AHEAD: usize = 16;

/// Settings of a scan, the same for all targets.
pub(crate) struct LiveScan {
    /// The filters as the user typed them.
    pub(crate) typed: String,
    pub(crate) wanted: GroupFilter,
    pub(crate) with_context: bool,
    pub(crate) concurrency: usize,
    pub(crate) watch: Watch,
}

/// Is called with every step of a scan as it happens. The report has to keep the order of the targets, and may be behind.
pub(crate) type Watch = Box<dyn Fn(Step)>;

/// A step of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A page was judged.
    Judged {
        /// Groups of the page.
        groups: usize,
        /// Open ones among them.
        open: usize,
    },
    /// An account and region has no further page, or could not be scanned.
    Ended,
}

/// Reads the values of `--tag`: a key, or a key and a value.
pub(crate) fn tags(options: &[String]) -> Vec<(String, Option<String>)> {
    let tag = |tag: &String| match tag.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (tag.clone(), None),
    };
    options.iter().map(tag).collect()
}

/// Scans the targets, and calls `each` with every page and every failure, in the order of the targets.
pub(crate) async fn scan(
    scan: LiveScan,
    places: Vec<(Target, CommandPolicy)>,
    mut each: impl FnMut(Page) -> Result<()>,
) -> Result<()> {
    let scan = Rc::new(scan);
    let permits = Rc::new(Semaphore::new(scan.concurrency));
    let local = LocalSet::new();
    let searched = searched(&places);
    let typed = scan.typed.clone();
    let mut scans = Vec::new();
    for (target, policy) in places {
        let (sender, pages) = mpsc::channel(PAGES_AHEAD);
        let (account, region) = (target.account.clone(), target.region.clone());
        let (scan, permits) = (Rc::clone(&scan), Rc::clone(&permits));
        // The semaphore is fair, so the target that is reported next always has a permit.
        let task = local.spawn_local(async move {
            let _permit = permits.acquire().await;
            scan.target(&target, &policy, sender).await;
            (scan.watch)(Step::Ended);
        });
        scans.push(TargetScan { pages, task, account, region });
    }
    let is_filtered = scan.wanted != GroupFilter::default();
    let ids: BTreeSet<String> = scan.wanted.group_ids.iter().cloned().collect();
    local
        .run_until(async move {
            let (mut missing, mut all_answered, mut found) = (ids, true, 0_usize);
            for scan in scans {
                scan.each(&mut |page| {
                    match &page {
                        Ok(results) => {
                            found += results.len();
                            for result in results {
                                missing.remove(&result.group_id);
                            }
                        }
                        Err(_) => all_answered = false,
                    }
                    each(page)
                })
                .await?;
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

/// The scan of a target, which runs in a task.
struct TargetScan {
    pages: mpsc::Receiver<Page>,
    task: JoinHandle<()>,
    account: String,
    region: String,
}

impl TargetScan {
    /// Calls `each` with every page. Pages that end because the task has failed are not the end of the region.
    async fn each(mut self, each: &mut impl FnMut(Page) -> Result<()>) -> Result<()> {
        while let Some(page) = self.pages.next().await {
            each(page)?;
        }
        let Err(problem) = self.task.await else { return Ok(()) };
        let reason = format!("an error of Portcullis itself ended the scan: {problem}");
        each(Err(NotScanned { account: Some(self.account), region: Some(self.region), target: None, reason }))
    }
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
    async fn target(&self, target: &Target, policy: &CommandPolicy, mut pages: mpsc::Sender<Page>) {
        if let Err(problem) = self.pages(target, policy, &mut pages).await {
            let reason = in_one_line(&problem);
            let Target { account, region, .. } = target.clone();
            let problem = NotScanned { account: Some(account), region: Some(region), target: None, reason };
            // The receiver is gone if the report could not be written.
            let _ = pages.send(Err(problem)).await;
        }
    }

    async fn pages(&self, target: &Target, policy: &CommandPolicy, pages: &mut mpsc::Sender<Page>) -> Result<()> {
        let ec2 = Ec2::new(&target.sdk);
        let source = policy.in_account(&target.sdk);
        let fetch = async |token| {
            let requested = Instant::now();
            let (groups, next) = ec2.groups(&self.wanted, token).await?;
            Ok(((groups, requested), next))
        };
        // The first page is requested without waiting for the exemptions.
        let criteria = Criteria::read(&*source, policy.rule_name(), Timestamp::now());
        let (criteria, first) = join(criteria, fetch(None)).await;
        // Each prefix list is read once for all groups.
        let prefix_lists = CachedPrefixLists::new(SignedDuration::from_hours(24));
        let (region, account) = (&*target.region, &*target.account);
        let region = PartOfScan { ec2: &ec2, prefix_lists, criteria: criteria?, region, account };
        let judge = async |(groups, requested): (Vec<SecurityGroup>, Instant), is_last| {
            let page = region.page(groups, self.with_context).await?;
            let open = page.iter().filter(|result| result.compliance == ComplianceType::NonCompliant).count();
            tracing::info!(
                account.id = target.account,
                region = target.region,
                groups = page.len(),
                open,
                duration_ms = u64::try_from(requested.elapsed().as_millis()).unwrap_or(u64::MAX),
                last = is_last,
                "page of security groups judged"
            );
            (self.watch)(Step::Judged { groups: page.len(), open });
            let is_received = pages.send(Ok(page)).await.is_ok();
            Ok(if is_received { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        };
        overlap(first?, async |token| fetch(Some(token)).await, judge).await
    }
}

/// Judges each page while the next one is fetched by its token, and says whether it is the last one. A page that could not be
/// fetched takes nothing from those before it.
async fn overlap<P>(
    first: (P, Option<String>),
    mut fetch: impl AsyncFnMut(String) -> Result<(P, Option<String>)>,
    mut judge: impl AsyncFnMut(P, bool) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let (mut page, mut next) = first;
    while let Some(token) = next {
        let judged = async {
            // The request for the next page leaves before the work begins.
            tokio::task::yield_now().await;
            judge(page, false).await
        };
        let (fetched, judged) = join(fetch(token), judged).await;
        if judged?.is_break() {
            return Ok(());
        }
        (page, next) = fetched?;
    }
    judge(page, true).await.map(drop)
}

/// One region of one account.
struct PartOfScan<'t> {
    ec2: &'t Ec2,
    prefix_lists: CachedPrefixLists,
    criteria: Criteria,
    region: &'t str,
    account: &'t str,
}

impl PartOfScan<'_> {
    async fn page(&self, groups: Vec<SecurityGroup>, with_context: bool) -> Result<Vec<GroupResult>, AwsError> {
        let criteria = Criteria { at: Timestamp::now(), ..self.criteria.clone() };
        let mut results = Vec::with_capacity(groups.len());
        let mut open = Vec::new();
        for group in groups {
            let judged = criteria.judge(group, self.ec2, &self.prefix_lists).await;
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
            let interfaces = OptionFuture::from(with_context.then(|| self.ec2.interfaces_of(&ids)));
            let interfaces = async { interfaces.await.unwrap_or_else(|| Ok(BTreeMap::default())) };
            let (mut rules, mut interfaces) = try_join(self.ec2.rules_of(&ids), interfaces).await?;
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use anyhow::bail;
    use tokio::sync::Notify;

    use super::*;

    /// Runs until a deadline, so that a page that waits for ever fails the test.
    async fn in_time(work: impl Future<Output = Result<()>>) -> Result<()> {
        tokio::time::timeout(Duration::from_secs(20), work).await.expect("the pages wait for each other")
    }

    const MORE: Option<&str> = Some("next");

    fn page(number: u8, next: Option<&str>) -> (u8, Option<String>) {
        (number, next.map(str::to_owned))
    }

    #[tokio::test]
    async fn a_page_is_judged_while_the_next_one_is_fetched() {
        let (requested, judged) = (Notify::new(), Notify::new());
        let seen = RefCell::new(Vec::new());
        let fetch = async |token: String| {
            assert_eq!(token, "next");
            requested.notify_one();
            // The second page is held back until the first one is judged.
            judged.notified().await;
            Ok(page(2, None))
        };
        let judge = async |number, _| {
            if number == 1 {
                // And the first one is only judged once the second one was requested.
                requested.notified().await;
                judged.notify_one();
            }
            seen.borrow_mut().push(number);
            Ok(ControlFlow::Continue(()))
        };
        in_time(overlap(page(1, MORE), fetch, judge)).await.unwrap();
        assert_eq!(*seen.borrow(), [1, 2]);
    }

    #[tokio::test]
    async fn a_failed_page_takes_nothing_from_those_before_it() {
        let seen = RefCell::new(Vec::new());
        let fetch = async |_| -> Result<(u8, Option<String>)> { bail!("throttled") };
        let judge = async |number, _| {
            seen.borrow_mut().push(number);
            Ok(ControlFlow::Continue(()))
        };
        let problem = in_time(overlap(page(1, MORE), fetch, judge)).await.unwrap_err();
        assert_eq!(problem.to_string(), "throttled");
        assert_eq!(*seen.borrow(), [1]);
    }

    #[tokio::test]
    async fn no_page_is_judged_after_the_reader_has_gone() {
        let seen = RefCell::new(Vec::new());
        let fetch = async |_| Ok(page(2, MORE));
        let judge = async |number, _| {
            seen.borrow_mut().push(number);
            Ok(ControlFlow::Break(()))
        };
        in_time(overlap(page(1, MORE), fetch, judge)).await.unwrap();
        assert_eq!(*seen.borrow(), [1]);
    }

    #[tokio::test]
    async fn a_task_that_fails_is_not_the_end_of_its_region() {
        let (mut sender, pages) = mpsc::channel(1);
        let local = LocalSet::new();
        let task = local.spawn_local(async move {
            sender.send(Ok(Vec::new())).await.unwrap();
            panic!("as a library may do");
        });
        let scan = TargetScan { pages, task, account: "1".into(), region: "eu-central-1".into() };
        let mut found = Vec::new();
        let each = &mut |page: Page| {
            found.push(page.err().map(|problem| (problem.region.unwrap(), problem.reason)));
            Ok(())
        };
        in_time(local.run_until(scan.each(each))).await.unwrap();
        let [None, Some((region, reason))] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(region, "eu-central-1");
        assert!(reason.starts_with("an error of Portcullis itself ended the scan: "), "{reason}");
    }
}
