//! The judgement by the clock: `cargo bench -p bench`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use bench::events;
use bench::judgement::{judge, parse, planned};
use divan::{Bencher, black_box};
use exposure::{Replacement, Strategy};

const PERMISSIONS: [usize; 4] = [1, 10, 100, 1000];

fn main() {
    divan::main();
}

/// From the bytes of an event to the group.
#[divan::bench(args = PERMISSIONS)]
fn parse_event(bencher: Bencher<'_, '_>, permissions: usize) {
    let event = events::change(permissions).to_string();
    bencher.bench(|| parse(black_box(event.as_bytes())).unwrap());
}

/// The verdict on a group.
#[divan::bench(args = PERMISSIONS)]
fn judge_group(bencher: Bencher<'_, '_>, permissions: usize) {
    let (group, policy) = parse(events::change(permissions).to_string().as_bytes()).unwrap();
    bencher.bench(|| judge(black_box(&group), &policy));
}

/// Everything that an evaluation does, without the call.
#[divan::bench(args = PERMISSIONS)]
fn parse_and_judge(bencher: Bencher<'_, '_>, permissions: usize) {
    let event = events::change(permissions).to_string();
    bencher.bench(|| {
        let (group, policy) = parse(black_box(event.as_bytes())).unwrap();
        judge(&group, &policy)
    });
}

/// The changes that close a group, judgement included.
#[divan::bench(args = PERMISSIONS)]
fn plan_revoke(bencher: Bencher<'_, '_>, permissions: usize) {
    let (group, policy) = parse(events::change(permissions).to_string().as_bytes()).unwrap();
    bencher.bench(|| planned(black_box(&group), &policy, &Strategy::Revoke));
}

/// The same, with sources in the place of the internet.
#[divan::bench(args = PERMISSIONS)]
fn plan_replace(bencher: Bencher<'_, '_>, permissions: usize) {
    let (group, policy) = parse(events::change(permissions).to_string().as_bytes()).unwrap();
    bencher.bench(|| planned(black_box(&group), &policy, &Strategy::Replace(Replacement::default())));
}
