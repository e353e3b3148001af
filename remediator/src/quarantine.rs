//! Keeping the internet away from ports by network ACLs, for when a group cannot be changed in time; and the way back.

use std::collections::{BTreeMap, BTreeSet};

use aws_events::{Annotation, UnjudgedError};
use aws_traits::AwsError;
use aws_traits::config::{ConfigRules, RemediationExceptions};
use aws_traits::ec2::{ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use aws_traits::network_acl::{NetworkAcls, VpcNetworkAcl};
use aws_traits::s3::Objects;
use aws_traits::ssm::Parameters;
use exposure::{
    AclEntry, AddressSet, DEFAULT_ACL_QUOTA, NetworkAcl, PortSet, Verdict, private_addresses, quarantine, release,
};
use plain_text::{error_chain, error_message};
use tracing::warn;

use crate::acl_snapshot::{AclAuthor, AclVault, Added, RELEASED};
use crate::error::RemediatorError;
use crate::remediator::{Remediator, Task, out_of_time};
use crate::request::NetworkAclRequest;
use crate::response::{AclChange, AclEntryLeft, AclEntryRecord, Details, Quarantined, Response, Status};
use crate::rounds::{ROUNDS, pause};

/// Which of the two it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Intent {
    Quarantine,
    Release,
}

/// One quarantine or release.
pub(crate) struct Quarantining<'a, C, E, P, S> {
    remediator: &'a Remediator<C, E, P, S>,
    intent: Intent,
    request: &'a NetworkAclRequest,
    /// What was done so far, by ACL.
    done: Vec<AclChange>,
    /// Why an ACL is not as it should be.
    problems: Vec<String>,
    begun: bool,
}

impl<'a, C, E, P, S> Quarantining<'a, C, E, P, S>
where
    C: ConfigRules + RemediationExceptions,
    E: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls + Clone,
    P: Parameters,
    S: Objects,
{
    pub(crate) fn new(remediator: &'a Remediator<C, E, P, S>, intent: Intent, request: &'a NetworkAclRequest) -> Self {
        Self { remediator, intent, request, done: Vec::new(), problems: Vec::new(), begun: false }
    }

    fn group_id(&self) -> &'a str {
        &self.request.security_group_id
    }

    fn vault(&self) -> AclVault<'a, S> {
        AclVault::new(&self.remediator.bucket, self.remediator.now)
    }

    fn author(&self, action: &'static str) -> AclAuthor<'a> {
        AclAuthor {
            action,
            config_rule_name: &self.request.config_rule_name,
            execution_id: self.request.execution_id.as_deref(),
        }
    }

    /// The ACLs that were named, or those of the subnets in which the group is in use.
    async fn acls(&self) -> Result<Vec<VpcNetworkAcl>, RemediatorError> {
        let named = &self.request.network_acl_ids;
        let ec2 = &self.remediator.ec2;
        if !named.is_empty() {
            return Ok(ec2.network_acls(named).await?);
        }
        let subnets: BTreeSet<String> = ec2.subnets_of_group(self.group_id()).await?;
        if subnets.is_empty() {
            return Ok(Vec::new());
        }
        Ok(ec2.network_acls_of_subnets(&subnets).await?)
    }

    /// The blocked ports that the group exposes, or what there is to say when it exposes none.
    async fn exposed_ports(&self) -> Result<Result<PortSet, Box<Response>>, RemediatorError> {
        let judged = self.remediator.judge.read(&self.request.config_rule_name, self.group_id()).await?;
        let assessment = judged.assess();
        let end = |status, message| Ok(Err(Box::new(self.response(status, message))));
        match assessment.verdict() {
            Verdict::NonCompliant => {
                let mut ports = PortSet::default();
                for exposure in &assessment.exposures {
                    ports.extend(&exposure.ports);
                }
                Ok(Ok(ports))
            }
            Verdict::Unknown => Err(UnjudgedError::new(self.group_id(), &assessment).into()),
            Verdict::Exempt => end(
                Status::Exempt,
                format!("{} is left as it is: {}", self.group_id(), Annotation::exempt(&assessment)),
            ),
            Verdict::Compliant => end(
                Status::NothingToDo,
                format!("{} exposes no blocked port; name the ports in Ports", self.group_id()),
            ),
        }
    }

    async fn run_quarantine(&mut self) -> Result<Response, RemediatorError> {
        let parameters = self.remediator.judge.rule_parameters(&self.request.config_rule_name).await?;
        let ports = if let Some(ports) = &self.request.ports {
            ports.clone()
        } else {
            match self.exposed_ports().await? {
                Ok(ports) => ports,
                Err(response) => return Ok(*response),
            }
        };
        let mut vpcs: BTreeMap<String, AddressSet> = BTreeMap::new();
        for VpcNetworkAcl { vpc_id, acl } in self.acls().await? {
            if !vpcs.contains_key(&vpc_id) {
                vpcs.insert(vpc_id.clone(), self.remediator.ec2.vpc_addresses(&vpc_id).await?);
            }
            let addresses = vpcs.get(&vpc_id).cloned().unwrap_or_default();
            let keep = private_addresses().union(&parameters.authorized).union(&addresses);
            self.quarantine_acl(&vpc_id, acl, &ports, &keep).await;
        }
        self.outcome(&format!("kept the internet away from {ports}"), Status::Quarantined)
    }

    /// Puts the denies into one ACL. Whatever goes wrong is noted, so that the other ACLs are not left out.
    async fn quarantine_acl(&mut self, vpc_id: &str, mut acl: NetworkAcl, ports: &PortSet, keep: &AddressSet) {
        let at = self.done.len();
        self.done.push(AclChange::of(&acl.id));
        let vault = self.vault();
        for round in 1..=ROUNDS {
            let plan = match quarantine(&acl, ports, keep, DEFAULT_ACL_QUOTA) {
                Ok(plan) => plan,
                Err(error) => return self.problems.push(error.to_string()),
            };
            if plan.is_empty() {
                return;
            }
            if self.request.dry_run {
                return self.note(at, |done| done.added = plan.add.iter().map(Into::into).collect());
            }
            match vault.keep(self.author("quarantine"), vpc_id, &acl, &plan.add, &[]).await {
                Ok(uri) => self.note(at, |done| done.snapshot = Some(uri)),
                Err(error) => return self.problems.push(format!("{}: {}", acl.id, error_chain(&error))),
            }
            for entry in &plan.add {
                self.begun = true;
                match self.remediator.ec2.create_acl_entry(&acl.id, entry).await {
                    Ok(()) => self.note(at, |done| note_missing(&mut done.added, [entry])),
                    // Somebody took the number, or an answer was lost: the next round looks again.
                    Err(error) if is_worth_another_look(&error) && round < ROUNDS => break,
                    Err(error) => return self.problems.push(error.to_string()),
                }
            }
            match self.look_again(&acl.id, round).await {
                Ok(now) => acl = now,
                Err(problem) => return self.problems.push(problem),
            }
            let made = plan.add.iter().filter(|entry| acl.ingress.contains(entry));
            self.note(at, |done| note_missing(&mut done.added, made));
        }
        self.problems.push(format!("{}: its entries do not show after {ROUNDS} attempts", acl.id));
    }

    async fn run_release(&mut self) -> Result<Response, RemediatorError> {
        let vault = self.vault();
        let mut acls: Vec<(VpcNetworkAcl, Added)> = Vec::new();
        for acl in self.acls().await? {
            let added = vault.added(&acl.acl.id, &self.request.snapshot).await?;
            acls.push((acl, added));
        }
        for (VpcNetworkAcl { vpc_id, acl }, added) in acls {
            self.release_acl(&vpc_id, acl, &added).await;
        }
        self.outcome("let go", Status::Released)
    }

    async fn release_acl(&mut self, vpc_id: &str, mut acl: NetworkAcl, added: &Added) {
        let at = self.done.len();
        self.done.push(AclChange::of(&acl.id));
        let vault = self.vault();
        for round in 1..=ROUNDS {
            let plan = release(&acl, &added.entries);
            // An entry that is simply gone was released before.
            let left = plan.left.iter().filter(|left| left.found.is_some());
            let left: Vec<_> = left.map(AclEntryLeft::from).collect();
            self.note(at, |done| done.left = left);
            if plan.is_empty() {
                if added.is_to_be_noted && !self.request.dry_run {
                    self.note_released(vpc_id, &acl).await;
                }
                return;
            }
            if self.request.dry_run {
                return self.note(at, |done| done.removed = plan.remove.iter().map(Into::into).collect());
            }
            match vault.keep(self.author("release"), vpc_id, &acl, &[], &plan.remove).await {
                Ok(uri) => self.note(at, |done| done.snapshot = Some(uri)),
                Err(error) => return self.problems.push(format!("{}: {}", acl.id, error_chain(&error))),
            }
            for entry in &plan.remove {
                self.begun = true;
                match self.remediator.ec2.delete_acl_entry(&acl.id, entry.number).await {
                    Ok(()) => self.note(at, |done| note_missing(&mut done.removed, [entry])),
                    Err(error) if error.code() == Some("InvalidNetworkAclEntry.NotFound") => {}
                    Err(error) if error.is_transient() && round < ROUNDS => break,
                    Err(error) => return self.problems.push(error.to_string()),
                }
            }
            match self.look_again(&acl.id, round).await {
                Ok(now) => acl = now,
                Err(problem) => return self.problems.push(problem),
            }
            let gone = plan.remove.iter().filter(|entry| !acl.ingress.contains(entry));
            self.note(at, |done| note_missing(&mut done.removed, gone));
        }
        self.problems.push(format!("{}: its entries are still listed after {ROUNDS} attempts", acl.id));
    }

    /// Keeps in the bucket that the quarantines are over, so that whoever makes the same entries again may keep them.
    async fn note_released(&self, vpc_id: &str, acl: &NetworkAcl) {
        if let Err(error) = self.vault().keep(self.author(RELEASED), vpc_id, acl, &[], &[]).await {
            // The entries are gone nevertheless, and the next release notes it.
            warn!(network_acl.id = acl.id, error = error_message(&error), "cannot note the release");
        }
    }

    /// The ACL as it is now.
    async fn look_again(&self, acl_id: &str, round: usize) -> Result<NetworkAcl, String> {
        if round > 1 {
            pause(round).await;
        }
        let found = self.remediator.ec2.network_acls(&[acl_id.to_owned()]).await;
        let found = found.map_err(|error| format!("the result could not be verified: {error}"))?;
        found.into_iter().next().map(|found| found.acl).ok_or_else(|| format!("{acl_id} is gone"))
    }

    fn note(&mut self, at: usize, change: impl FnOnce(&mut AclChange)) {
        if let Some(done) = self.done.get_mut(at) {
            change(done);
        }
    }

    fn changed(&self) -> usize {
        self.done.iter().map(|acl| acl.added.len() + acl.removed.len()).sum()
    }

    fn in_acls(&self) -> String {
        let acls = self.done.len();
        if acls == 1 { "1 network ACL".to_owned() } else { format!("{acls} network ACLs") }
    }

    /// `5 entries changed in 1 network ACL`.
    fn changes(&self) -> String {
        let changed = self.changed();
        let entries = if changed == 1 { "1 entry".to_owned() } else { format!("{changed} entries") };
        let would_be = if self.request.dry_run { "would be " } else { "" };
        format!("{entries} {would_be}changed in {}", self.in_acls())
    }

    fn response(&self, status: Status, message: String) -> Response {
        Response {
            status,
            security_group_id: self.group_id().to_owned(),
            details: Details::Quarantine(Quarantined { network_acls: self.done.clone() }),
            snapshot: self.done.iter().find_map(|done| done.snapshot.clone()),
            message,
        }
    }

    fn outcome(&self, what: &str, complete: Status) -> Result<Response, RemediatorError> {
        let (group_id, changes) = (self.group_id(), self.changes());
        if !self.problems.is_empty() {
            let status = if self.begun { Status::Partial } else { Status::Failed };
            let message = format!("{group_id}: {changes}; {}", self.problems.join("; "));
            return Err(RemediatorError::Incomplete(Box::new(self.response(status, message))));
        }
        if self.done.is_empty() {
            let message = format!("{group_id} is in use by no network interface; name network ACLs in NetworkAclIds");
            return Ok(self.response(Status::NothingToDo, message));
        }
        if self.changed() == 0 {
            let message = format!("{group_id}: {} looked at, nothing to change", self.in_acls());
            return Ok(self.response(Status::NothingToDo, message));
        }
        if self.request.dry_run {
            let message = format!("{group_id}: {changes}; dry run, nothing was changed");
            return Ok(self.response(Status::Planned, message));
        }
        Ok(self.response(complete, format!("{group_id}: {what}, {changes}")))
    }
}

/// Notes what was done, once: it may have been done in an earlier round, too, or without an answer.
fn note_missing<'e>(noted: &mut Vec<AclEntryRecord>, done: impl IntoIterator<Item = &'e AclEntry>) {
    for entry in done.into_iter().map(AclEntryRecord::from) {
        if !noted.contains(&entry) {
            noted.push(entry);
        }
    }
}

/// Whether the ACL may be as it should be, or may be planned anew, in spite of this error.
fn is_worth_another_look(error: &AwsError) -> bool {
    error.code() == Some("NetworkAclEntryAlreadyExists") || error.is_transient()
}

impl<C, E, P, S> Task for Quarantining<'_, C, E, P, S>
where
    C: ConfigRules + RemediationExceptions,
    E: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls + Clone,
    P: Parameters,
    S: Objects,
{
    async fn run(&mut self) -> Result<Response, RemediatorError> {
        match self.intent {
            Intent::Quarantine => self.run_quarantine().await,
            Intent::Release => self.run_release().await,
        }
    }

    fn interrupted(&mut self) -> RemediatorError {
        let (status, outcome) = out_of_time(self.begun);
        let message = format!("{}: {}; {outcome}", self.group_id(), self.changes());
        RemediatorError::Incomplete(Box::new(self.response(status, message)))
    }
}
