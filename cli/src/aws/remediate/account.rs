//! The remediation in one account and region.

use anyhow::Result;
use jiff::Timestamp;
use remediation::{Remediation, RemediationError, Request, Response};

use super::how::How;
use super::services::TerminalServices;
use crate::args::{Restore, SnapshotArgs};
use crate::aws::policy::CommandPolicy;
use crate::aws::session::Target;
use crate::aws::snapshot_store::SnapshotStore;

/// The remediation in one account and region.
pub(super) struct Account {
    remediation: Remediation<TerminalServices>,
    rule_name: String,
    /// Execution id of this run, in the snapshots and holds.
    run: String,
    pub(super) target: Target,
}

/// A security group in one account and region, as a message names it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// Index of its account and region.
    pub(super) at: usize,
}

/// Beginning of the ids of runs of this program.
pub(super) const RUN_PREFIX: &str = "cli-";

/// Id of a run, unique enough for one person.
pub(super) fn new_run() -> String {
    format!("{RUN_PREFIX}{}", Timestamp::now().as_millisecond())
}

impl Account {
    pub(super) fn new(policy: &CommandPolicy, target: Target, snapshots: &SnapshotArgs, run: &str) -> Result<Self> {
        let store = SnapshotStore::new(snapshots, &target)?;
        let services = TerminalServices::new(policy, &target, store);
        let remediation = Remediation::new(services, policy.in_account(&target.sdk), Timestamp::now);
        Ok(Self { remediation, rule_name: policy.rule_name().to_owned(), run: run.to_owned(), target })
    }

    /// `sg-… (web) in us-east-1, account 123456789012`.
    pub(super) fn title(&self, group: &Group) -> String {
        let name = group.name.as_deref().map(|name| format!(" ({})", plain_text::printable(name))).unwrap_or_default();
        format!("{}{name} {}", group.id, self.target.place())
    }

    pub(super) async fn close(&self, group: &Group, how: &How, dry_run: bool) -> Result<Response, RemediationError> {
        let request = Request::Close(remediation::Close {
            security_group_id: group.id.clone(),
            config_rule_name: self.rule_name.clone(),
            strategy: how.strategy,
            replacement_cidrs: how.replacement_cidrs.clone(),
            dry_run,
            ignore_hold: how.ignore_hold,
            ignore_pace: how.ignore_pace,
            only_due: false,
            execution_id: Some(self.run.clone()),
        });
        self.run(&request).await
    }

    /// Restores from `snapshot`: a snapshot, the id of a run, or `latest`.
    pub(super) async fn restore(
        &self,
        group: &Group,
        snapshot: &str,
        args: &Restore,
        dry_run: bool,
    ) -> Result<Response, RemediationError> {
        let request = Request::Restore(remediation::Restore {
            security_group_id: group.id.clone(),
            config_rule_name: self.rule_name.clone(),
            snapshot: snapshot.to_owned(),
            exception_hours: args.exception_hours,
            dry_run,
            execution_id: Some(self.run.clone()),
        });
        self.run(&request).await
    }

    /// Runs without a deadline: only the user stops a program at a terminal.
    async fn run(&self, request: &Request) -> Result<Response, RemediationError> {
        self.remediation.run(request, Timestamp::MAX).await
    }
}

/// The remediation in each account and region.
pub(super) fn accounts(
    places: &[(Target, CommandPolicy)],
    snapshots: &SnapshotArgs,
    run: &str,
) -> Result<Vec<Account>> {
    places.iter().map(|(target, policy)| Account::new(policy, target.clone(), snapshots, run)).collect()
}
