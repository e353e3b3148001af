//! What a store keeps beside the findings, and lists for those who send many messages.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use findings::finding::{ExemptionFacts, FindingKey, State};
use findings::store::{
    Admission, FakeStore, Fault, FindingStore, Listing, Mark, MarkName, Marks, Pace, StoreError, Waiting, Window,
    record,
};
use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

use crate::observations::*;

/// The fake never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the fake waits"),
    }
}

fn numbered(number: usize) -> FindingKey {
    KEY.replace("sg-0", &format!("sg-{number}")).parse().unwrap()
}

fn window(place: &str) -> Window {
    Window { channel: "chat".into(), place: place.into(), end: time("1 09:10") }
}

#[test]
fn an_item_that_cannot_be_read_hides_no_other() {
    let store = FakeStore::default();
    for number in 0..5 {
        now(record(&store, &numbered(number), &open("1 09:00", &[22]))).unwrap();
    }
    store.spoil(&numbered(2));
    let (mut keys, mut unreadable, mut from) = (Vec::new(), Vec::new(), None);
    loop {
        let page = now(store.list(&Listing::State(State::Open), from.as_deref())).unwrap();
        keys.extend(page.findings.iter().map(|finding| finding.key().clone()));
        unreadable.extend(page.unreadable);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(keys, [0, 1, 3, 4].map(numbered));
    assert!(unreadable.len() == 1 && unreadable[0].starts_with(&numbered(2).to_string()), "{unreadable:?}");
}

#[test]
fn those_closed_since_a_time_are_listed() {
    let store = FakeStore::default();
    let closed_at = ["1 10:00", "1 11:00", "1 12:00"];
    for (number, at) in closed_at.into_iter().enumerate() {
        now(record(&store, &numbered(number), &open("1 09:00", &[22]))).unwrap();
        now(record(&store, &numbered(number), &compliant(at))).unwrap();
    }
    now(record(&store, &numbered(3), &open("1 12:00", &[22]))).unwrap();
    let page = now(store.list(&Listing::ClosedSince(time("1 11:00")), None)).unwrap();
    let keys: Vec<_> = page.findings.iter().map(|finding| finding.key().clone()).collect();
    assert_eq!(keys, [1, 2].map(numbered));
}

#[test]
fn a_window_admits_so_many_messages_and_each_of_them_again() {
    let store = FakeStore::default();
    let admit = |place: &str, message: &str| now(store.admit(&window(place), message, 2)).unwrap();
    assert_eq!([admit("chat", "a"), admit("chat", "b")], [Admission::Admitted; 2]);
    assert_eq!(admit("chat", "c"), Admission::Full { is_queued: false });
    assert_eq!([admit("chat", "a"), admit("chat:0a", "c")], [Admission::Admitted; 2]);
    now(store.mark_queued(&window("chat"))).unwrap();
    assert_eq!(admit("chat", "c"), Admission::Full { is_queued: true });
    assert_eq!(admit("chat", "b"), Admission::Admitted);
}

#[test]
fn what_waits_is_there_once_the_earliest_first_until_it_is_forgotten() {
    let store = FakeStore::default();
    let waiting = |at: &str, number| Waiting { until: time(at), finding: numbered(number) };
    let (late, early, other) = (waiting("1 09:20", 1), waiting("1 09:10", 2), waiting("1 09:20", 3));
    for one in [&late, &early, &other, &late] {
        now(store.wait("chat", one)).unwrap();
    }
    now(store.wait("mail", &late)).unwrap();
    assert_eq!(now(store.waiting("chat", 2)).unwrap(), [early.clone(), late.clone()]);
    now(store.forget("chat", &[early, late.clone()])).unwrap();
    assert_eq!(now(store.waiting("chat", 10)).unwrap(), [other]);
    assert_eq!(now(store.waiting("mail", 10)).unwrap(), [late]);
}

#[test]
fn a_mark_is_replaced_by_whoever_read_it_last() {
    let store = FakeStore::default();
    let name = MarkName { of: "channel#chat".into(), name: "digest".into() };
    let write = |read: &Mark, text: &str| now(store.write_mark(&name, read, text.into(), Timestamp::MAX));
    let none = now(store.read_mark(&name)).unwrap();
    assert_eq!(none, Mark::default());
    let first = write(&none, "1").unwrap().unwrap();
    assert_eq!(write(&none, "2").unwrap(), None);
    assert_eq!(now(store.read_mark(&name)).unwrap(), first);
    store.set_faults([Some(Fault::AnswerLost)]);
    assert!(matches!(write(&first, "2"), Err(StoreError::Unanswered { .. })));
    let second = now(store.read_mark(&name)).unwrap();
    assert_eq!((second.content.as_str(), second.version), ("2", 2));
}

#[rstest]
#[case::day(Some("2026-12-31"), Some("2027-01-01T00:00:00Z"))]
#[case::time(Some("2026-12-31T12:00:00+02:00"), Some("2026-12-31T10:00:00Z"))]
#[case::not_understood(Some("next week"), None)]
#[case::never(None, None)]
fn an_exemption_says_when_it_ends(#[case] expires: Option<&str>, #[case] ends: Option<&str>) {
    let exemption = ExemptionFacts { expires: expires.map(Into::into), ..ExemptionFacts::default() };
    assert_eq!(exemption.ends(), ends.map(|time| time.parse().unwrap()));
}

properties! { one in 1;
    #[test]
    fn no_window_admits_more_than_it_may(messages in prop::collection::vec((0_u8..12, 0_u8..2), 0..60), most in 1_u32..8) {
        let store = FakeStore::default();
        let mut admitted = [BTreeSet::new(), BTreeSet::new()];
        for (message, place) in messages {
            let of_place = &mut admitted[usize::from(place)];
            let is_full = of_place.len() == most as usize && !of_place.contains(&message);
            let admission = now(store.admit(&window(&place.to_string()), &message.to_string(), most)).unwrap();
            prop_assert_eq!(admission == Admission::Admitted, !is_full);
            if !is_full {
                of_place.insert(message);
            }
        }
    }
}
