//! Scenarios by chance.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::events::Said;
use crate::fault::{CHANNELS, Fault, Place, StoreFault};
use crate::scenario::{Scenario, Step};

const GROUPS: usize = 6;

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        5 => (1..4_u8).prop_map(Said::Open),
        4 => Just(Said::Compliant),
        2 => Just(Said::Exempt),
        2 => Just(Said::Remediated),
        1 => Just(Said::Unjudged),
        1 => Just(Said::NonCompliantByConfig),
        1 => Just(Said::CompliantByConfig),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    // Often at once, so that several changes are told together.
    let wait = prop_oneof![3 => 0..2_u16, 3 => 2..20_u16, 1 => 60..300_u16];
    let delay = prop_oneof![3 => Just(0_u16), 1 => 1..900_u16];
    (wait, 0..GROUPS, said(), delay, option::weighted(0.2, 0..1_800_u16))
        .prop_map(|(wait, group, said, delay, again)| Step { wait, group, said, delay, again })
}

/// A fault after which the channel is well again.
fn passing(place: Place) -> impl Strategy<Value = Fault> {
    let late = u32::from(matches!(place, Place::Cloud | Place::Server | Place::Pager));
    prop_oneof![
        2 => Just(Fault::NoConnection),
        2 => option::of(0..90_u16).prop_map(Fault::Throttled),
        1 => (0..90_u16).prop_map(Fault::ThrottledUntil),
        1 => (0..90_u16).prop_map(Fault::Unavailable),
        2 => any::<bool>().prop_map(|carried_out| Fault::Error { carried_out }),
        3 => any::<bool>().prop_map(|carried_out| Fault::Hang { carried_out }),
        2 => any::<bool>().prop_map(|carried_out| Fault::Cut { carried_out }),
        late => (11..60_u16).prop_map(Fault::Late),
    ]
}

fn service() -> impl Strategy<Value = (Place, usize, Fault)> {
    let places = [&CHANNELS[..], &[Place::Secrets, Place::Cloud, Place::Server]].concat();
    (select(places), 0..12_usize)
        .prop_flat_map(|(place, well)| passing(place).prop_map(move |fault| (place, well, fault)))
}

fn down() -> impl Strategy<Value = (Place, Fault)> {
    let fault = prop_oneof![
        Just(Fault::NoConnection),
        Just(Fault::Throttled(None)),
        (1..4_000_u16).prop_map(|wait| Fault::Throttled(Some(wait))),
        Just(Fault::Unavailable(30)),
        any::<bool>().prop_map(|carried_out| Fault::Error { carried_out }),
        any::<bool>().prop_map(|carried_out| Fault::Hang { carried_out }),
        Just(Fault::Unauthorized),
    ];
    (select(CHANNELS.to_vec()), fault)
}

fn store() -> impl Strategy<Value = (usize, StoreFault)> {
    (0..25_usize, select(vec![StoreFault::Throttled, StoreFault::AnswerLost, StoreFault::Overtaken]))
}

pub(crate) fn scenario() -> impl Strategy<Value = Scenario> {
    let faults = (
        vec(service(), 0..20),
        option::weighted(0.4, down()),
        vec(store(), 0..8),
        vec((0..10_usize, any::<bool>()), 0..4),
        vec((0..900_usize, any::<bool>()), 0..6),
    );
    (any::<u64>(), option::of(1..4_u32), vec(step(), 1..10), faults).prop_map(|(seed, burst, steps, faults)| {
        let (services, down, store, queues, deaths) = faults;
        Scenario { seed, only: None, burst, steps, emptied_before: None, services, down, store, queues, deaths }
    })
}
