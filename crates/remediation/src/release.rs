//! Removes the entries that quarantines added to network ACLs.

use aws_traits::network_acl::{NetworkAcls, VpcNetworkAcl};
use exposure::{NetworkAcl, release};
use plain_text::{error_chain, error_message};
use tracing::warn;

use crate::environment::Environment;
use crate::error::RemediationError;
use crate::network_acl_changes::{NetworkAclChanges, note_missing};
use crate::request::NetworkAclRequest;
use crate::response::{AclEntryLeft, Response, Status};
use crate::rounds::ROUNDS;
use crate::services::RemediationServices;
use crate::snapshot::{AclPlan, Added, RELEASED};
use crate::task::Task;

/// State of one release.
pub(crate) struct Releasing<'a, S: RemediationServices> {
    acls: NetworkAclChanges<'a, S>,
}

impl<'a, S: RemediationServices> Releasing<'a, S> {
    pub(crate) fn new(environment: &'a Environment<S>, request: &'a NetworkAclRequest) -> Self {
        Self { acls: NetworkAclChanges::new(environment, request) }
    }

    async fn release_acl(&mut self, vpc_id: &str, mut acl: NetworkAcl, added: &Added) {
        let at = self.acls.begin(&acl.id);
        let vault = self.acls.vault();
        // An entry falls with the last quarantine that needs it.
        let (needed, own): (Vec<_>, Vec<_>) =
            added.entries.iter().cloned().partition(|entry| added.other_owner(entry).is_some());
        for round in 1..=ROUNDS {
            let plan = release(&acl, &own);
            let stays = needed.iter().filter(|entry| acl.ingress.contains(entry));
            let stays =
                stays.filter_map(|entry| added.other_owner(entry).map(|owner| AclEntryLeft::needed_by(entry, owner)));
            // An entry that no longer exists was released before.
            let left = plan.left.iter().filter(|left| left.found.is_some());
            let left: Vec<_> = left.map(AclEntryLeft::from).chain(stays).collect();
            self.acls.note(at, |done| done.left = left);
            if plan.is_empty() {
                if added.is_to_be_recorded && !self.acls.request.dry_run {
                    self.record_release(vpc_id, &acl).await;
                }
                return;
            }
            if self.acls.request.dry_run {
                return self.acls.note(at, |done| done.removed = plan.remove.iter().map(Into::into).collect());
            }
            let planned = AclPlan { remove: &plan.remove, ..AclPlan::default() };
            match vault.keep(self.acls.author("release"), vpc_id, &acl, &planned).await {
                Ok(uri) => self.acls.note(at, |done| done.snapshot = Some(uri)),
                Err(error) => return self.acls.problems.push(format!("{}: {}", acl.id, error_chain(&error))),
            }
            for entry in &plan.remove {
                self.acls.begun = true;
                match self.acls.environment.ec2().delete_acl_entry(&acl.id, entry.number).await {
                    Ok(()) => self.acls.note(at, |done| note_missing(&mut done.removed, [entry])),
                    Err(error) if error.code() == Some("InvalidNetworkAclEntry.NotFound") => {}
                    Err(error) if error.is_transient() && round < ROUNDS => break,
                    Err(error) => return self.acls.problems.push(error.to_string()),
                }
            }
            match self.acls.read_again(&acl.id, round).await {
                Ok(now) => acl = now,
                Err(problem) => return self.acls.problems.push(problem),
            }
            let gone = plan.remove.iter().filter(|entry| !acl.ingress.contains(entry));
            self.acls.note(at, |done| note_missing(&mut done.removed, gone));
        }
        self.acls.problems.push(format!("{}: the removed entries are still listed after {ROUNDS} attempts", acl.id));
    }

    /// Records in the store that the quarantines are over, so that equal entries that an operator adds later are kept.
    async fn record_release(&self, vpc_id: &str, acl: &NetworkAcl) {
        let kept = self.acls.vault().keep(self.acls.author(RELEASED), vpc_id, acl, &AclPlan::default()).await;
        if let Err(error) = kept {
            // The entries are gone nevertheless, and the next release records it.
            warn!(network_acl.id = acl.id, error = error_message(&error), "release not recorded");
        }
    }
}

impl<S: RemediationServices> Task for Releasing<'_, S> {
    async fn run(&mut self) -> Result<Response, RemediationError> {
        let vault = self.acls.vault();
        let mut acls: Vec<(VpcNetworkAcl, Added)> = Vec::new();
        for acl in self.acls.named_or_in_use().await? {
            let added = vault.added(&acl.acl.id, self.acls.group_id(), &self.acls.request.snapshot).await?;
            acls.push((acl, added));
        }
        for (VpcNetworkAcl { vpc_id, acl }, added) in acls {
            self.release_acl(&vpc_id, acl, &added).await;
        }
        self.acls.outcome("released", Status::Released)
    }

    fn interrupted(&mut self) -> RemediationError {
        self.acls.interrupted()
    }
}
