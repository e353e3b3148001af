//! Denies ports to the internet by network ACLs, for a group that cannot be changed in time.

use std::collections::BTreeMap;

use aws_traits::AwsError;
use aws_traits::network_acl::{NetworkAcls, VpcNetworkAcl};
use exposure::{AclEntry, AddressSet, DEFAULT_ACL_QUOTA, NetworkAcl, PortSet, Verdict, private_addresses, quarantine};
use judgement::{UnjudgedError, annotation};
use plain_text::error_chain;

use crate::environment::Environment;
use crate::error::RemediationError;
use crate::live_group;
use crate::network_acl_changes::{NetworkAclChanges, note_missing};
use crate::request::{LATEST, NetworkAclRequest};
use crate::response::{Response, Status};
use crate::rounds::ROUNDS;
use crate::services::RemediationServices;
use crate::snapshot::AclPlan;
use crate::task::Task;

/// State of one quarantine.
pub(crate) struct Quarantining<'a, S: RemediationServices> {
    acls: NetworkAclChanges<'a, S>,
}

impl<'a, S: RemediationServices> Quarantining<'a, S> {
    pub(crate) fn new(environment: &'a Environment<S>, request: &'a NetworkAclRequest) -> Self {
        Self { acls: NetworkAclChanges::new(environment, request) }
    }

    /// The blocked ports that the group exposes, or the response if there are none to quarantine.
    async fn exposed_ports(&self) -> Result<Result<PortSet, Box<Response>>, RemediationError> {
        let live =
            live_group::read(self.acls.environment, &self.acls.request.config_rule_name, self.acls.group_id()).await?;
        let assessment = live.judged.assess();
        let end = |status, message| Ok(Err(Box::new(self.acls.response(status, message))));
        match assessment.verdict() {
            Verdict::NonCompliant => {
                let mut ports = PortSet::default();
                for exposure in &assessment.exposures {
                    ports.extend(&exposure.ports);
                }
                Ok(Ok(ports))
            }
            Verdict::Unknown => Err(UnjudgedError::new(self.acls.group_id(), &assessment).into()),
            Verdict::Exempt => end(
                Status::Exempt,
                format!("{} was not changed: {}", self.acls.group_id(), annotation::exempt(&assessment)),
            ),
            Verdict::Compliant => end(
                Status::NothingToDo,
                format!("{} exposes no blocked port; name the ports in Ports", self.acls.group_id()),
            ),
        }
    }

    /// Adds the deny entries to one ACL. A failure is recorded, and does not stop the quarantine of the other ACLs.
    async fn quarantine_acl(&mut self, vpc_id: &str, mut acl: NetworkAcl, ports: &PortSet, keep: &AddressSet) {
        let at = self.acls.begin(&acl.id);
        let vault = self.acls.vault();
        let known = match vault.added(&acl.id, self.acls.group_id(), LATEST).await {
            Ok(known) => known,
            Err(error) => return self.acls.problems.push(format!("{}: {}", acl.id, error_chain(&error))),
        };
        for round in 1..=ROUNDS {
            let plan = match quarantine(&acl, ports, keep, DEFAULT_ACL_QUOTA) {
                Ok(plan) => plan,
                Err(error) => return self.acls.problems.push(error.to_string()),
            };
            // Entries of other groups' quarantines on which this one relies: they must outlive the release of those groups.
            let is_shared = |entry: &AclEntry| acl.ingress.contains(entry) && entry.traffic.may_carry(ports);
            let shares = known.of_others.iter().map(|(entry, _)| entry.clone()).filter(is_shared).collect::<Vec<_>>();
            // After a release, the entries are known as well, but this quarantine no longer counts as their owner.
            let is_owner = |entry: &AclEntry| known.is_to_be_recorded && known.entries.contains(entry);
            if plan.is_empty() && shares.iter().all(is_owner) {
                return;
            }
            if self.acls.request.dry_run {
                return self.acls.note(at, |done| done.added = plan.add.iter().map(Into::into).collect());
            }
            let planned = AclPlan { add: &plan.add, shares: &shares, ..AclPlan::default() };
            match vault.keep(self.acls.author("quarantine"), vpc_id, &acl, &planned).await {
                Ok(uri) => self.acls.note(at, |done| done.snapshot = Some(uri)),
                Err(error) => return self.acls.problems.push(format!("{}: {}", acl.id, error_chain(&error))),
            }
            if plan.is_empty() {
                return;
            }
            for entry in &plan.add {
                self.acls.begun = true;
                match self.acls.environment.ec2().create_acl_entry(&acl.id, entry).await {
                    Ok(()) => self.acls.note(at, |done| note_missing(&mut done.added, [entry])),
                    // The number was taken meanwhile, or an answer was lost: the next round reads again.
                    Err(error) if is_worth_another_round(&error) && round < ROUNDS => break,
                    Err(error) => return self.acls.problems.push(error.to_string()),
                }
            }
            match self.acls.read_again(&acl.id, round).await {
                Ok(now) => acl = now,
                Err(problem) => return self.acls.problems.push(problem),
            }
            let made = plan.add.iter().filter(|entry| acl.ingress.contains(entry));
            self.acls.note(at, |done| note_missing(&mut done.added, made));
        }
        self.acls.problems.push(format!("{}: the new entries are not listed after {ROUNDS} attempts", acl.id));
    }
}

/// Returns true if the entry may exist in spite of the error, or another plan may succeed.
fn is_worth_another_round(error: &AwsError) -> bool {
    error.code() == Some("NetworkAclEntryAlreadyExists") || error.is_transient()
}

impl<S: RemediationServices> Task for Quarantining<'_, S> {
    async fn run(&mut self) -> Result<Response, RemediationError> {
        let parameters = self.acls.environment.policy.rule_parameters(&self.acls.request.config_rule_name).await?;
        let ports = if let Some(ports) = &self.acls.request.ports {
            ports.clone()
        } else {
            match self.exposed_ports().await? {
                Ok(ports) => ports,
                Err(response) => return Ok(*response),
            }
        };
        let mut vpcs: BTreeMap<String, AddressSet> = BTreeMap::new();
        for VpcNetworkAcl { vpc_id, acl } in self.acls.named_or_in_use().await? {
            if !vpcs.contains_key(&vpc_id) {
                vpcs.insert(vpc_id.clone(), self.acls.environment.ec2().vpc_addresses(&vpc_id).await?);
            }
            let addresses = vpcs.get(&vpc_id).cloned().unwrap_or_default();
            let keep = private_addresses().union(&parameters.authorized).union(&addresses);
            self.quarantine_acl(&vpc_id, acl, &ports, &keep).await;
        }
        self.acls.outcome(&format!("denied the internet {ports}"), Status::Quarantined)
    }

    fn interrupted(&mut self) -> RemediationError {
        self.acls.interrupted()
    }
}
