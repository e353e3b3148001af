//! Recording observations in a store that fails.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use findings::finding::{Finding, FindingKey, Observation, State};
use findings::store::{FakeStore, Fault, FindingStore, Listing, Put, Recorded, StoreError, record};
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;

use crate::observations::*;

/// The fake never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the fake waits"),
    }
}

fn told(store: &FakeStore, observation: &Observation) -> Result<Recorded, StoreError> {
    now(record(store, &key(), observation))
}

#[test]
fn an_observation_takes_two_calls_and_a_known_one_takes_one() {
    let store = FakeStore::default();
    let recorded = told(&store, &open("1 09:00", &[22])).unwrap();
    assert_eq!((recorded.finding.version(), recorded.finding.state(), store.calls()), (1, State::Open, 2));
    assert!(!told(&store, &open("1 09:00", &[22])).unwrap().transition.is_news());
    assert_eq!(store.calls(), 3);
    assert_eq!(now(store.history(&key())).unwrap().len(), 1);
}

#[test]
fn a_write_whose_answer_is_lost_is_neither_lost_nor_repeated() {
    let store = FakeStore::default();
    store.set_faults([None, Some(Fault::AnswerLost)]);
    let error = told(&store, &open("1 09:00", &[22])).unwrap_err().to_string();
    assert_eq!(error, format!("writing of `{KEY}` was not answered, and may have been carried out: try again"));
    let recorded = told(&store, &open("1 09:00", &[22])).unwrap();
    assert_eq!((recorded.finding.revision(), recorded.transition.news.len()), (1, 0));
    assert_eq!(now(store.history(&key())).unwrap().len(), 1);
}

#[rstest]
#[case::once(1, true)]
#[case::often(4, true)]
#[case::always(5, false)]
fn a_writer_that_was_overtaken_reads_again(#[case] times: usize, #[case] succeeds: bool) {
    let store = FakeStore::default();
    store.set_faults((0..times).flat_map(|_| [None, Some(Fault::Overtaken)]));
    let recorded = told(&store, &open("1 09:00", &[22]));
    assert_eq!(recorded.is_ok(), succeeds);
    assert!(matches!(recorded, Ok(_) | Err(StoreError::Contended(_))));
}

#[test]
fn the_second_of_two_writers_is_refused() {
    let store = FakeStore::default();
    told(&store, &open("1 09:00", &[22])).unwrap();
    let read = now(store.get(&key())).unwrap().unwrap();
    let (mut one, mut other) = (read.clone(), read);
    one.apply(&closed("1 10:00", "e-1"));
    other.apply(&owner("1 10:00", "web"));
    assert!(matches!(now(store.put(&one, &[])).unwrap(), Put::Stored(_)));
    assert_eq!(now(store.put(&other, &[])).unwrap(), Put::Changed);
    // A finding that was never stored does not replace one.
    assert_eq!(now(store.put(&Finding::new(key()), &[])).unwrap(), Put::Changed);
    assert_eq!(now(store.get(&key())).unwrap().unwrap().state(), State::Closed);
}

#[test]
fn findings_are_listed_page_by_page() {
    let store = FakeStore::default();
    for number in 0..5 {
        let key: FindingKey = KEY.replace("sg-0", &format!("sg-{number}")).parse().unwrap();
        now(record(&store, &key, &open("1 09:00", &[22]))).unwrap();
        now(record(&store, &key, &owner("1 09:00", if number == 0 { "data" } else { "web" }))).unwrap();
    }
    let all = |listing: &Listing| {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let page = now(store.list(listing, from.as_deref())).unwrap();
            keys.extend(page.findings.iter().map(|finding| finding.key().to_string()));
            match page.next {
                Some(next) => from = Some(next),
                None => return keys,
            }
        }
    };
    let keys = all(&Listing::State(State::Open));
    assert!(keys.len() == 5 && keys.is_sorted());
    assert_eq!(all(&Listing::Account("123456789012".into())), keys);
    assert_eq!(all(&Listing::Owner("web".into())), keys[1..]);
    assert_eq!(all(&Listing::State(State::Closed)), Vec::<String>::new());
}

fn any_step() -> impl Strategy<Value = Observation> {
    select(vec![
        open("1 09:00", &[22]),
        open("1 10:00", &[22, 3389]),
        closed("1 11:00", "e-1"),
        compliant("1 12:00"),
        open("1 13:00", &[22]),
        owner("1 09:30", "web"),
        parked("1 14:00", true),
        deleted("1 15:00"),
    ])
}

fn any_fault() -> impl Strategy<Value = Option<Fault>> {
    prop::option::of(select(vec![Fault::Throttled, Fault::AnswerLost, Fault::Overtaken]))
}

properties! {
    one in 10;

    #[test]
    fn no_fault_loses_an_observation_or_repeats_history(
        steps in prop::collection::vec(any_step(), 1..12), faults in prop::collection::vec(any_fault(), 0..40),
    ) {
        let store = FakeStore::default();
        store.set_faults(faults);
        for step in &steps {
            // A queue delivers a message again until it is recorded.
            while told(&store, step).is_err() {}
        }
        store.set_faults([]);
        let mut expected = new_finding();
        let mut history = Vec::new();
        for step in &steps {
            history.extend(expected.apply(step).history);
        }
        let stored = now(store.get(&key())).unwrap().unwrap();
        prop_assert_eq!((stored.content_digest(), stored.revision()), (expected.content_digest(), expected.revision()));
        prop_assert_eq!(stored.episodes(), expected.episodes());
        prop_assert_eq!(now(store.history(&key())).unwrap(), history);
    }
}
