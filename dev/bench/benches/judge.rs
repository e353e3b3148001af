//! Time of a judgement: `cargo bench -p bench`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use bench::events;
use bench::judgement::{judge, parse, planned};
use divan::{Bencher, black_box};
use exposure::{Replacement, Strategy};

const PERMISSIONS: [usize; 4] = [1, 10, 100, 1000];

fn main() {
    divan::main();
}

/// Reads the group in an event.
#[divan::bench(args = PERMISSIONS)]
fn parse_event(bencher: Bencher<'_, '_>, permissions: usize) {
    let event = events::change(permissions).to_string();
    bencher.bench(|| parse(black_box(event.as_bytes())).unwrap());
}

/// Assesses a group.
#[divan::bench(args = PERMISSIONS)]
fn judge_group(bencher: Bencher<'_, '_>, permissions: usize) {
    let (group, policy) = parse(events::change(permissions).to_string().as_bytes()).unwrap();
    bencher.bench(|| judge(black_box(&group), &policy));
}

/// Performs a whole evaluation, without the AWS call.
#[divan::bench(args = PERMISSIONS)]
fn parse_and_judge(bencher: Bencher<'_, '_>, permissions: usize) {
    let event = events::change(permissions).to_string();
    bencher.bench(|| {
        let (group, policy) = parse(black_box(event.as_bytes())).unwrap();
        judge(&group, &policy)
    });
}

/// Plans the changes that close a group, including the assessment.
#[divan::bench(args = PERMISSIONS)]
fn plan_revoke(bencher: Bencher<'_, '_>, permissions: usize) {
    let (group, policy) = parse(events::change(permissions).to_string().as_bytes()).unwrap();
    bencher.bench(|| planned(black_box(&group), &policy, &Strategy::Revoke));
}

/// Plans the same with replacement sources.
#[divan::bench(args = PERMISSIONS)]
fn plan_replace(bencher: Bencher<'_, '_>, permissions: usize) {
    let (group, policy) = parse(events::change(permissions).to_string().as_bytes()).unwrap();
    bencher.bench(|| planned(black_box(&group), &policy, &Strategy::Replace(Replacement::default())));
}
