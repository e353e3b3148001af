//! Quarantines of two groups on one network ACL.

use std::collections::BTreeSet;
use std::net::IpAddr;

use exposure::{AclAction, AclEntry, Source};
use proptest::prelude::*;
use serde_json::json;

use super::action::Disturbance;
use super::ledger::open_ports;
use super::reach::{PORTS, carries};
use super::world::{OTHER, RULE};
use super::{Checked, Model, Outcome};
use crate::account::GROUP;

/// Values of the parameter `Ports`, with the ports of the model that they name.
const NAMED: [(&str, &[i64]); 4] = [("", &[]), ("22", &[22]), ("3389", &[3389]), ("20-25", &[20, 21, 22, 23, 25])];

#[derive(Debug, Default)]
struct Quarantine {
    /// Ports that the quarantine denies, for certain.
    denied: BTreeSet<i64>,
    /// Whether a quarantine may have left something.
    is_touched: bool,
}

#[derive(Debug)]
pub(super) struct Quarantines {
    original: Vec<AclEntry>,
    of: [Quarantine; 2],
}

impl Quarantines {
    pub(super) fn new(original: &[AclEntry]) -> Self {
        Self { original: sorted(original), of: Default::default() }
    }

    /// A deny stays as long as a quarantine needs it; after the last release, the ACL is as before.
    pub(super) fn check(&self, entries: &[AclEntry]) -> Checked {
        let entries = sorted(entries);
        for port in self.of.iter().flat_map(|quarantine| &quarantine.denied) {
            for address in ["8.8.8.8", "2600::1"] {
                prop_assert!(!admits(&entries, address, *port), "{address} is let in to {port}: {entries:?}");
            }
        }
        for port in PORTS {
            for address in ["10.1.2.3", "192.168.1.1"] {
                prop_assert!(admits(&entries, address, port), "{address} is not let in to {port}: {entries:?}");
            }
        }
        if self.of.iter().all(|quarantine| !quarantine.is_touched) {
            prop_assert_eq!(&entries, &self.original);
        }
        Ok(())
    }
}

fn sorted(entries: &[AclEntry]) -> Vec<AclEntry> {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|entry| entry.number);
    entries
}

/// The first entry that matches decides.
fn admits(entries: &[AclEntry], address: &str, port: i64) -> bool {
    let address: IpAddr = address.parse().unwrap();
    let matches = |entry: &&AclEntry| {
        matches!(&entry.source, Source::Cidr(network) if network.contains(address)) && carries(&entry.traffic, port)
    };
    entries.iter().find(matches).is_some_and(|entry| entry.action == AclAction::Allow)
}

impl Model {
    pub(super) async fn quarantine(
        &mut self,
        group: usize,
        ports: usize,
        dry_run: bool,
        disturbance: Disturbance,
    ) -> Checked {
        let before = self.world.state();
        let (text, named) = NAMED[ports % NAMED.len()];
        let is_exempt = group == 0 && self.world.is_exempt;
        let denied: BTreeSet<i64> = match text {
            "" if is_exempt => BTreeSet::new(),
            "" => open_ports(&before.groups[group].ingress, self.world.blocked()),
            _ => named.iter().copied().collect(),
        };
        let is_readable = self.world.is_readable();
        let outcome = self.acl_request("quarantine", group, text, dry_run, disturbance).await;
        let after = self.world.state();
        prop_assert_eq!(before.rules(), after.rules());
        if dry_run {
            prop_assert_eq!(&before, &after, "a dry run");
            return Ok(());
        }
        let quarantine = &mut self.quarantines.of[group];
        quarantine.is_touched |= before.acl != after.acl || before != after;
        if matches!(outcome, Some(Ok(_))) {
            quarantine.denied.extend(denied);
        }
        if let Some(Err(error)) = &outcome {
            let is_full = error.to_string().contains(" is full: ");
            prop_assert!(is_full || !matches!(disturbance, Disturbance::None) || !is_readable, "{error:?}");
        }
        Ok(())
    }

    pub(super) async fn release(&mut self, group: usize, dry_run: bool, disturbance: Disturbance) -> Checked {
        let before = self.world.state();
        let is_readable = self.world.is_readable();
        let outcome = self.acl_request("release", group, "", dry_run, disturbance).await;
        let after = self.world.state();
        prop_assert_eq!(before.rules(), after.rules());
        if dry_run {
            prop_assert_eq!(&before, &after, "a dry run");
            return Ok(());
        }
        let quarantine = &mut self.quarantines.of[group];
        match &outcome {
            Some(Ok(_)) => *quarantine = Quarantine::default(),
            Some(Err(error)) => {
                prop_assert!(!matches!(disturbance, Disturbance::None) || !is_readable, "{error:?}");
                if before.acl != after.acl {
                    quarantine.denied.clear();
                }
            }
            None => quarantine.denied.clear(),
        }
        Ok(())
    }

    async fn acl_request(
        &mut self,
        action: &str,
        group: usize,
        ports: &str,
        dry_run: bool,
        disturbance: Disturbance,
    ) -> Outcome {
        disturbance.arrange(&self.world.aws);
        let group = [GROUP, OTHER][group];
        self.world
            .handle(
                json!({"action":action,"securityGroupId":group,"configRuleName":RULE,"ports":ports,"dryRun":dry_run}),
            )
            .await
    }
}
