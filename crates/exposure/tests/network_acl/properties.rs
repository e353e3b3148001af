//! Properties of quarantines and releases.

use std::collections::{BTreeMap, BTreeSet};

use exposure::{
    AclAction, AclEntry, AclError, AclPlan, AddressSet, Family, NetworkAcl, PortSet, Source, Traffic, quarantine,
    release,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::random::{any_acl, cidr, entries, keep, network_acl, number, port_set, traffic};
use crate::simulator::{Packets, QUARANTINED, UNDISTURBED, admits, check, rows};

/// A quota that none of these ACLs exceeds.
const NO_LIMIT: usize = 10_000;

/// Returns the plan, or `None` if too few rule numbers are free.
fn planned(acl: &NetworkAcl, ports: &PortSet, keep: &AddressSet) -> Option<AclPlan> {
    match quarantine(acl, ports, keep, NO_LIMIT) {
        Ok(plan) => Some(plan),
        Err(AclError::NoRoom { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Returns the first part of a plan, as after an interruption.
fn cut(entries: &[AclEntry], at: Index) -> AclPlan {
    AclPlan { add: entries[..at.index(entries.len() + 1)].to_vec() }
}

proptest! {
    /// After a quarantine no address outside `keep` is admitted to the ports, an address in `keep` is admitted if and
    /// only if it was before, and all other traffic is decided as before.
    #[test]
    fn a_quarantine_blocks_the_internet_only(acl in any_acl(), ports in port_set(), keep in keep()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            check(QUARANTINED, &acl, &plan.apply(&acl), &ports, &keep)?;
        }
    }

    /// A quarantine that stops after any entry blocks no kept address, admits no new one, and can be completed.
    #[test]
    fn a_quarantine_can_stop_anywhere(acl in any_acl(), ports in port_set(), keep in keep(), at in any::<Index>()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            let partly = cut(&plan.add, at).apply(&acl);
            check(UNDISTURBED, &acl, &partly, &ports, &keep)?;
            let rest = planned(&partly, &ports, &keep);
            prop_assert!(rest.is_some(), "cannot be completed");
            check(QUARANTINED, &acl, &rest.unwrap().apply(&partly), &ports, &keep)?;
        }
    }

    /// A release that stops after any entry blocks no kept address, and admits no address that was blocked before the
    /// quarantine, whatever the order of the entries passed to it.
    #[test]
    fn a_release_can_stop_anywhere(acl in any_acl(), ports in port_set(), keep in keep(), at in any::<Index>()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            let after = plan.apply(&acl);
            let mut added = plan.add;
            let turn = at.index(added.len() + 1);
            added.rotate_left(turn);
            let mut partly = release(&after, &added);
            partly.remove.truncate(at.index(partly.remove.len() + 1));
            check(UNDISTURBED, &acl, &partly.apply(&after), &ports, &keep)?;
        }
    }

    /// The new rule numbers are free, distinct and from 1 to 32766. Allows precede denies in the plan. The plan does
    /// not depend on the order of the entries of the ACL. The plan for a quarantined ACL is empty.
    #[test]
    fn a_plan_is_well_formed(acl in any_acl(), ports in port_set(), keep in keep()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            let after = plan.apply(&acl);
            let numbers: BTreeSet<_> = after.ingress.iter().map(|entry| entry.number).collect();
            prop_assert_eq!(numbers.len(), after.ingress.len());
            prop_assert!(plan.add.iter().all(|entry| (1..=32766).contains(&entry.number)));
            prop_assert!(plan.add.is_sorted_by_key(|entry| entry.action == AclAction::Deny));
            let mut reversed = acl.clone();
            reversed.ingress.reverse();
            prop_assert_eq!(planned(&reversed, &ports, &keep), Some(plan));
            prop_assert_eq!(planned(&after, &ports, &keep), Some(AclPlan::default()));
        }
    }

    /// Every entry is necessary: without it an address would be admitted, or blocked. Only ports to which the internet
    /// is admitted are denied.
    #[test]
    fn every_entry_is_necessary(acl in any_acl(), ports in port_set(), keep in keep(), one in any::<Index>()) {
        let Some(plan) = planned(&acl, &ports, &keep).filter(|plan| !plan.is_empty()) else { return Ok(()) };
        let one = one.get(&plan.add);
        let family = one.family();
        let ours: Vec<_> = plan.add.iter().filter(|entry| entry.family() == family).map(|entry| entry.number).collect();
        let span = *ours.iter().min().unwrap()..=*ours.iter().max().unwrap();
        // If the numbers at one position do not suffice, an allow may precede an entry with the same effect.
        if acl.ingress.iter().all(|entry| entry.family() != family || !span.contains(&entry.number)) {
            let mut without = plan.clone();
            without.add.retain(|entry| entry != one);
            prop_assert!(check(QUARANTINED, &acl, &without.apply(&acl), &ports, &keep).is_err(), "{}", one);
        }
        let before = rows(&acl);
        let packets = Packets::of(&[&before], &ports, &keep);
        for deny in plan.add.iter().filter(|entry| entry.action == AclAction::Deny) {
            for &(protocol, port, _) in &packets.traffic {
                if deny.protocol() == protocol.to_string()
                    && (deny.traffic.from_port().unwrap()..=deny.traffic.to_port().unwrap()).contains(&port.into())
                {
                    prop_assert!(
                        packets.sources.iter().any(|&(family, address, kept)| !kept
                            && deny.family() == Some(family)
                            && admits(&before, protocol, port, family, address)),
                        "{}", deny
                    );
                }
            }
        }
    }

    /// A release restores the ACL exactly, and keeps entries that others added or deleted meanwhile. A second release
    /// is empty. Entries of the quarantine that were deleted or changed are reported.
    #[test]
    fn a_release_removes_exactly_the_quarantine(
        acl in any_acl(),
        ports in port_set(),
        keep in keep(),
        others in entries(number(), 6),
        deleted in any::<Index>(),
        tampered in prop::collection::vec((any::<Index>(), any::<bool>()), 0..3),
    ) {
        let Some(plan) = planned(&acl, &ports, &keep) else { return Ok(()) };
        let mut meanwhile = plan.apply(&acl);
        let mut expected = acl.clone();
        if !acl.ingress.is_empty() {
            let deleted = deleted.get(&acl.ingress);
            meanwhile.ingress.retain(|entry| entry != deleted);
            expected.ingress.retain(|entry| entry != deleted);
        }
        for other in others {
            if meanwhile.ingress.iter().all(|entry| entry.number != other.number) {
                meanwhile.ingress.push(other.clone());
                expected.ingress.push(other);
            }
        }
        let whole = release(&meanwhile, &plan.add);
        prop_assert_eq!(&whole.left, &[]);
        prop_assert!(whole.remove.is_sorted_by_key(|entry| entry.action == AclAction::Allow));
        let released = whole.apply(&meanwhile);
        prop_assert_eq!(&released, &expected);
        prop_assert!(release(&released, &plan.add).is_empty());
        prop_assert_eq!(release(&released, &plan.add).left.len(), plan.add.len());

        if plan.is_empty() {
            return Ok(());
        }
        let tampered: BTreeMap<u16, bool> =
            tampered.iter().map(|(index, change)| (index.get(&plan.add).number, *change)).collect();
        meanwhile.ingress.retain(|entry| tampered.get(&entry.number) != Some(&false));
        for entry in &mut meanwhile.ingress {
            if tampered.contains_key(&entry.number) {
                entry.traffic = Traffic::Other(51);
            }
        }
        let rest = release(&meanwhile, &plan.add);
        for left in &rest.left {
            prop_assert_eq!(tampered.get(&left.entry.number), Some(&left.found.is_some()));
        }
        prop_assert_eq!(rest.left.len(), tampered.len());
        prop_assert_eq!(rest.left.len() + rest.remove.len(), plan.add.len());
        prop_assert!(rest.apply(&meanwhile).ingress.iter().all(|entry| !plan.add.contains(entry)));
    }

    /// A plan respects the quota. The numbers in an error are correct: the entries would exceed the quota, or the free
    /// rule numbers do not suffice.
    #[test]
    fn the_numbers_in_an_error_are_correct(acl in any_acl(), ports in port_set(), keep in keep(), limit in 1usize..24) {
        let present = |family| {
            1 + acl.ingress.iter().filter(|entry| entry.family() == Some(family) && entry.number <= 32766).count()
        };
        let needed = |plan: &AclPlan, family| plan.add.iter().filter(|entry| entry.family() == Some(family)).count();
        match quarantine(&acl, &ports, &keep, limit) {
            Ok(plan) => {
                for family in Family::ALL {
                    prop_assert!(needed(&plan, family) == 0 || present(family) + needed(&plan, family) <= limit);
                }
            }
            Err(AclError::Quota { shortages, .. }) => {
                prop_assert!(!shortages.is_empty());
                for short in shortages {
                    prop_assert_eq!((short.present, short.limit), (present(short.family), limit));
                    prop_assert!(short.present + short.needed > limit);
                }
            }
            Err(AclError::NoRoom { entry, needed, free, .. }) => {
                prop_assert!(acl.ingress.contains(&entry));
                let used = acl.ingress.iter().filter(|used| used.number < entry.number).count();
                prop_assert_eq!(free, usize::from(entry.number) - 1 - used);
                prop_assert!(needed > free);
            }
            Err(error @ AclError::NotUnderstood { .. }) => panic!("{error}"),
        }
    }

    /// With free rule numbers between all entries there is always a plan.
    #[test]
    fn with_room_there_is_always_a_plan(
        acl in network_acl(|| (1u16..60).prop_map(|number| number * 500).boxed()),
        ports in port_set(),
        keep in keep(),
    ) {
        prop_assert!(planned(&acl, &ports, &keep).is_some());
    }

    /// With an unrecognised entry the planning fails, or else the plan is correct whatever the meaning of the entry.
    #[test]
    fn an_unrecognized_entry_is_never_assumed_to_be_harmless(
        mut acl in any_acl(),
        (number, action, traffic, source) in (number(), any::<bool>(), traffic(), cidr()),
        unknown in 1u8..8,
        ports in port_set(),
        keep in keep(),
    ) {
        acl.ingress.retain(|entry| entry.number != number);
        let action = if action { AclAction::Allow } else { AclAction::Deny };
        let meant = AclEntry { number, action, traffic, source: Source::Cidr(source) };
        let mut odd = meant.clone();
        if unknown & 1 > 0 {
            odd.action = AclAction::parse("perhaps");
        }
        if unknown & 2 > 0 {
            odd.traffic = Traffic::parse("quic", None, None);
        }
        if unknown & 4 > 0 {
            odd.source = Source::from_cidr("everywhere");
        }
        let with = |entry: AclEntry| {
            let mut acl = acl.clone();
            acl.ingress.push(entry);
            acl
        };
        match quarantine(&with(odd.clone()), &ports, &keep, NO_LIMIT) {
            Ok(plan) => {
                let acl = with(meant);
                check(QUARANTINED, &acl, &plan.apply(&acl), &ports, &keep)?;
            }
            Err(AclError::NotUnderstood { entry, .. }) => prop_assert_eq!(*entry, odd),
            Err(AclError::NoRoom { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
