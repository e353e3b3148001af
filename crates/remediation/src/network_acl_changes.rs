//! Changes of network ACLs and their report, shared by quarantine and release.

use std::collections::BTreeSet;

use aws_traits::Services;
use aws_traits::network_acl::{NetworkAcls, VpcNetworkAcl};
use exposure::{AclEntry, NetworkAcl};

use crate::environment::Environment;
use crate::error::RemediationError;
use crate::request::NetworkAclRequest;
use crate::response::{AclChange, AclEntryRecord, Details, Quarantined, Response, Status};
use crate::rounds::pause;
use crate::services::RemediationServices;
use crate::snapshot::{AclAuthor, AclVault};
use crate::task::out_of_time;

/// Changes to the network ACLs of one request.
pub(crate) struct NetworkAclChanges<'a, S: RemediationServices> {
    pub(crate) environment: &'a Environment<S>,
    pub(crate) request: &'a NetworkAclRequest,
    /// Changes so far, by ACL.
    pub(crate) done: Vec<AclChange>,
    /// Failures, each with the id of its ACL.
    pub(crate) problems: Vec<String>,
    /// Whether a call that changes an ACL was made, successful or not.
    pub(crate) begun: bool,
}

impl<'a, S: RemediationServices> NetworkAclChanges<'a, S> {
    pub(crate) fn new(environment: &'a Environment<S>, request: &'a NetworkAclRequest) -> Self {
        Self { environment, request, done: Vec::new(), problems: Vec::new(), begun: false }
    }

    pub(crate) fn group_id(&self) -> &'a str {
        &self.request.security_group_id
    }

    pub(crate) fn vault(&self) -> AclVault<'a, <S as Services>::Store> {
        AclVault::new(self.environment.store(), self.environment.now)
    }

    pub(crate) fn author(&self, action: &'static str) -> AclAuthor<'a> {
        AclAuthor {
            action,
            security_group_id: self.group_id(),
            config_rule_name: &self.request.config_rule_name,
            execution_id: self.request.execution_id.as_deref(),
        }
    }

    /// The ACLs that the request names, or those of the subnets in which the group is in use.
    pub(crate) async fn named_or_in_use(&self) -> Result<Vec<VpcNetworkAcl>, RemediationError> {
        let named = &self.request.network_acl_ids;
        let ec2 = self.environment.ec2();
        if !named.is_empty() {
            return Ok(ec2.network_acls(named).await?);
        }
        let subnets: BTreeSet<String> = ec2.subnets_of_group(self.group_id()).await?;
        if subnets.is_empty() {
            return Ok(Vec::new());
        }
        Ok(ec2.network_acls_of_subnets(&subnets).await?)
    }

    /// Adds an ACL without changes to `done`, and returns its index.
    pub(crate) fn begin(&mut self, acl_id: &str) -> usize {
        self.done.push(AclChange::of(acl_id));
        self.done.len() - 1
    }

    /// Reads the ACL again, with a pause after the first round.
    pub(crate) async fn read_again(&self, acl_id: &str, round: usize) -> Result<NetworkAcl, String> {
        if round > 1 {
            pause(round).await;
        }
        let found = self.environment.ec2().network_acls(&[acl_id.to_owned()]).await;
        let found = found.map_err(|error| format!("the result could not be verified: {error}"))?;
        found.into_iter().next().map(|found| found.acl).ok_or_else(|| format!("{acl_id} no longer exists"))
    }

    pub(crate) fn note(&mut self, at: usize, change: impl FnOnce(&mut AclChange)) {
        if let Some(done) = self.done.get_mut(at) {
            change(done);
        }
    }

    pub(crate) fn changed(&self) -> usize {
        self.done.iter().map(|acl| acl.added.len() + acl.removed.len()).sum()
    }

    pub(crate) fn in_acls(&self) -> String {
        let acls = self.done.len();
        if acls == 1 { "1 network ACL".to_owned() } else { format!("{acls} network ACLs") }
    }

    /// `5 entries changed in 1 network ACL`.
    pub(crate) fn changes(&self) -> String {
        let changed = self.changed();
        let entries = if changed == 1 { "1 entry".to_owned() } else { format!("{changed} entries") };
        let would_be = if self.request.dry_run { "would be " } else { "" };
        format!("{entries} {would_be}changed in {}", self.in_acls())
    }

    pub(crate) fn response(&self, status: Status, message: String) -> Response {
        Response {
            status,
            security_group_id: self.group_id().to_owned(),
            details: Details::Quarantine(Quarantined { network_acls: self.done.clone() }),
            snapshot: self.done.iter().find_map(|done| done.snapshot.clone()),
            message,
        }
    }

    /// The outcome of the request. `success` begins the message if every change was made.
    pub(crate) fn outcome(&self, success: &str, complete: Status) -> Result<Response, RemediationError> {
        let (group_id, changes) = (self.group_id(), self.changes());
        if !self.problems.is_empty() {
            let status = if self.begun { Status::Partial } else { Status::Failed };
            let message = format!("{group_id}: {changes}; {}", self.problems.join("; "));
            return Err(RemediationError::Incomplete(Box::new(self.response(status, message))));
        }
        if self.done.is_empty() {
            let message = format!("{group_id} is used by no network interface; name the network ACLs in NetworkAclIds");
            return Ok(self.response(Status::NothingToDo, message));
        }
        if self.changed() == 0 {
            let message = format!("{group_id}: {} read, nothing to change", self.in_acls());
            return Ok(self.response(Status::NothingToDo, message));
        }
        if self.request.dry_run {
            let message = format!("{group_id}: {changes}; dry run, nothing was changed");
            return Ok(self.response(Status::Planned, message));
        }
        Ok(self.response(complete, format!("{group_id}: {success}, {changes}")))
    }

    /// The error for a request that ran out of time, with its changes so far.
    pub(crate) fn interrupted(&self) -> RemediationError {
        let (status, outcome) = out_of_time(self.begun);
        let message = format!("{}: {}; {outcome}", self.group_id(), self.changes());
        RemediationError::Incomplete(Box::new(self.response(status, message)))
    }
}

/// Adds each entry to `noted` once: it may have been changed in an earlier round as well, or its answer was lost.
pub(crate) fn note_missing<'e>(noted: &mut Vec<AclEntryRecord>, done: impl IntoIterator<Item = &'e AclEntry>) {
    for entry in done.into_iter().map(AclEntryRecord::from) {
        if !noted.contains(&entry) {
            noted.push(entry);
        }
    }
}
