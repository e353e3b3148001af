//! Properties of any quarantine and release.

use std::collections::{BTreeMap, BTreeSet};

use exposure::{
    AclAction, AclEntry, AclError, AclPlan, AddressSet, Family, NetworkAcl, PortSet, Source, Traffic, quarantine,
    release,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::random::{any_acl, cidr, entries, keep, network_acl, number, port_set, traffic};
use crate::simulator::{Packets, QUARANTINED, UNDISTURBED, admits, check, rows};

/// More entries than any of these ACLs needs.
const NO_LIMIT: usize = 10_000;

/// A plan, if there is room for one.
fn planned(acl: &NetworkAcl, ports: &PortSet, keep: &AddressSet) -> Option<AclPlan> {
    match quarantine(acl, ports, keep, NO_LIMIT) {
        Ok(plan) => Some(plan),
        Err(AclError::NoRoom { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The part of a plan that was carried out before something stopped it.
fn cut(entries: &[AclEntry], at: Index) -> AclPlan {
    AclPlan { add: entries[..at.index(entries.len() + 1)].to_vec() }
}

proptest! {
    /// After a quarantine nobody outside of `keep` is admitted to the ports, whoever is in `keep` is admitted exactly if
    /// they were before, and all other traffic is decided as before.
    #[test]
    fn a_quarantine_shuts_the_internet_out_and_nobody_else(acl in any_acl(), ports in port_set(), keep in keep()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            check(QUARANTINED, &acl, &plan.apply(&acl), &ports, &keep)?;
        }
    }

    /// Wherever the making of the entries stops, nobody who is kept is shut out, nobody is let in, and it can be finished.
    #[test]
    fn a_quarantine_can_stop_anywhere(acl in any_acl(), ports in port_set(), keep in keep(), at in any::<Index>()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            let partly = cut(&plan.add, at).apply(&acl);
            check(UNDISTURBED, &acl, &partly, &ports, &keep)?;
            let rest = planned(&partly, &ports, &keep);
            prop_assert!(rest.is_some(), "cannot be finished");
            check(QUARANTINED, &acl, &rest.unwrap().apply(&partly), &ports, &keep)?;
        }
    }

    /// Wherever a release stops, nobody who is kept is shut out, and nobody is let in who was not before the quarantine,
    /// in whatever order the entries are given.
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

    /// The new rule numbers are free, distinct and from 1 to 32766; allows come before denies in the plan; the same ACL gets
    /// the same plan, in whatever order its entries are; and the plan of a quarantined ACL is empty.
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

    /// No entry is superfluous: without it, somebody would be let in, or shut out. And only ports that the internet is
    /// admitted to are denied.
    #[test]
    fn no_entry_is_superfluous(acl in any_acl(), ports in port_set(), keep in keep(), one in any::<Index>()) {
        let Some(plan) = planned(&acl, &ports, &keep).filter(|plan| !plan.is_empty()) else { return Ok(()) };
        let one = one.get(&plan.add);
        let family = one.family();
        let ours: Vec<_> = plan.add.iter().filter(|entry| entry.family() == family).map(|entry| entry.number).collect();
        let span = *ours.iter().min().unwrap()..=*ours.iter().max().unwrap();
        // Where there are not enough numbers in one place, an allow may come ahead of an entry that decides likewise.
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

    /// A release gives back the ACL exactly, whatever others added and deleted meanwhile; once more is nothing to do;
    /// and what somebody deleted or changed of the quarantine is left and told.
    #[test]
    fn a_release_takes_exactly_the_quarantine_away(
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

    /// The quota is respected, and a refusal states numbers that are true: so many entries would be too many, or so many
    /// numbers too few.
    #[test]
    fn a_refusal_is_true(acl in any_acl(), ports in port_set(), keep in keep(), limit in 1usize..24) {
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

    /// With free numbers between all entries there is always a plan.
    #[test]
    fn with_room_there_is_always_a_plan(
        acl in network_acl(|| (1u16..60).prop_map(|number| number * 500).boxed()),
        ports in port_set(),
        keep in keep(),
    ) {
        prop_assert!(planned(&acl, &ports, &keep).is_some());
    }

    /// An entry that is not understood makes the plan fail, or else the plan is right whatever the entry means.
    #[test]
    fn what_is_not_understood_is_never_taken_for_harmless(
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
