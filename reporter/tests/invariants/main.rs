//! What holds of all deliveries, whatever happens and whatever fails: nothing is lost, no ticket, page or comment is made twice,
//! and a channel that is down harms no other one.
//!
//! Recorder, notifier and channels are the real ones, in one process with virtual time, over models of the services, SQS, the
//! store and AWS. `PROPTEST_CASES` does not set the number of cases: each is hours in the life of many programs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod aws;
mod checks;
mod clock;
mod events;
mod fault;
mod functions;
mod generate;
mod logs;
mod messages;
mod pace;
mod queue;
mod scenario;
mod services;
mod world;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;

use events::Said;
use fault::{CHANNELS, Fault, Place, StoreFault};
use messages::{TOLD_TOGETHER, messages};
use scenario::{Outcome, Scenario, Step};

/// Cases of the property.
const CASES: u32 = 12;

fn play(scenario: &Scenario) -> Outcome {
    scenario.play(checks::check).unwrap_or_else(|error| panic!("{scenario:?}\n{error}"))
}

fn steps(group: usize, all: &[Said]) -> Vec<Step> {
    all.iter().map(|said| Step::new(group, *said)).collect()
}

/// Opened, changed, closed.
fn story() -> Scenario {
    Scenario { steps: steps(1, &[Said::Open(1), Said::Open(2), Said::Compliant]), ..Scenario::default() }
}

/// Opened, closed, opened again, exempt, opened again, closed by a remediation.
fn long_story() -> Scenario {
    let all = [Said::Open(1), Said::Compliant, Said::Open(2), Said::Exempt, Said::Open(1), Said::Remediated];
    Scenario { steps: steps(1, &all), ..Scenario::default() }
}

#[test]
fn a_story_is_told_everywhere() {
    for scenario in [story(), long_story()] {
        play(&scenario);
    }
}

/// To end before a call is to end after the one before.
#[rstest]
fn a_program_that_ends_after_any_call_loses_nothing_and_tells_nothing_twice(
    #[values(
        Place::Chat,
        Place::Hook,
        Place::Teams,
        Place::Cloud,
        Place::Server,
        Place::Pager,
        Place::Receiver,
        Place::Topic,
        Place::Hub
    )]
    only: Place,
) {
    let scenario = Scenario { only: Some(only), ..story() };
    let calls = play(&scenario).world.calls.get();
    for call in 0..calls {
        play(&Scenario { deaths: vec![(call, true)], ..scenario.clone() });
    }
}

/// With all channels, at some of the calls.
#[test]
fn a_program_that_ends_while_it_tells_all_channels_harms_none() {
    let scenario = long_story();
    let calls = play(&scenario).world.calls.get();
    for call in (0..calls).step_by(41) {
        play(&Scenario { deaths: vec![(call, true), (call + 40, false)], ..scenario.clone() });
    }
}

/// The others are told before it comes back: `check` is asked twice.
#[rstest]
#[case::no_connection(Fault::NoConnection)]
#[case::silent(Fault::Hang { carried_out: true })]
#[case::unauthorized(Fault::Unauthorized)]
fn a_channel_that_is_down_harms_no_other_one_and_is_told_when_it_comes_back(#[case] fault: Fault) {
    for place in CHANNELS {
        play(&Scenario { down: Some((place, fault)), ..story() });
    }
}

/// The table is restored from nothing, and the newest events come again.
fn lose_table(only: Option<Place>) {
    let all = [Said::Open(1), Said::Open(2), Said::Open(3), Said::Compliant, Said::Open(1), Said::Compliant];
    for emptied_before in 1..=all.len() {
        let steps = steps(1, &all);
        play(&Scenario { only, steps, emptied_before: Some(emptied_before), ..Scenario::default() });
    }
}

#[test]
fn a_lost_table_makes_no_second_ticket_and_no_second_page() {
    lose_table(None);
}

#[test]
fn a_lost_table_hides_no_news_from_a_receiver_of_webhooks() {
    lose_table(Some(Place::Receiver));
}

/// Two messages within ten minutes, of five groups that are opened at once, and closed at once later.
fn burst() -> Scenario {
    burst_of(5, 2)
}

fn burst_of(groups: usize, most: u32) -> Scenario {
    let at_once = |said: Said| {
        let step = move |group: usize| Step { wait: if group == 1 { 25 } else { 0 }, ..Step::new(group, said) };
        (1..=groups).map(step)
    };
    let steps = at_once(Said::Open(1)).chain(at_once(Said::Compliant)).collect();
    Scenario { burst: Some(most), steps, ..Scenario::default() }
}

/// Messages of a place about many findings.
fn summaries(outcome: &Outcome, place: Place) -> usize {
    messages(&outcome.world, place).iter().filter(|message| message.is_summary()).count()
}

#[test]
fn a_burst_is_told_in_few_messages_everywhere() {
    let outcome = play(&burst());
    for place in TOLD_TOGETHER {
        // One of the openings, and one of the closings. In a chat one of the openings to each of two, since three of five
        // closings are messages of their own there: two, and one that waited alone.
        assert_eq!(summaries(&outcome, place), 2, "{place:?}");
    }
}

/// Of a chat by a bot and of a receiver at each call, of the others at some: these are told as the receiver is.
#[rstest]
#[case::chat(Place::Chat, 1)]
#[case::hook(Place::Hook, 5)]
#[case::teams(Place::Teams, 5)]
#[case::receiver(Place::Receiver, 1)]
#[case::topic(Place::Topic, 5)]
fn a_program_that_ends_after_any_call_loses_nothing_of_a_burst(#[case] only: Place, #[case] step: usize) {
    let scenario = Scenario { only: Some(only), ..burst_of(3, 1) };
    let calls = play(&scenario).world.calls.get();
    for call in (0..calls).step_by(step) {
        play(&Scenario { deaths: vec![(call, true)], ..scenario.clone() });
    }
}

/// With all channels, at some of the calls.
#[test]
fn a_program_that_ends_in_a_burst_harms_no_channel() {
    let calls = play(&burst()).world.calls.get();
    for call in (0..calls).step_by(97) {
        play(&Scenario { deaths: vec![(call, true), (call + 60, false)], ..burst() });
    }
}

#[rstest]
#[case::no_connection(Fault::NoConnection)]
#[case::silent(Fault::Hang { carried_out: true })]
fn a_channel_that_is_down_during_a_burst_harms_no_other_one(#[case] fault: Fault) {
    for place in CHANNELS {
        play(&Scenario { down: Some((place, fault)), ..burst() });
    }
}

/// The events of the openings come twice, and after those of the closings.
#[test]
fn a_burst_whose_events_come_twice_and_in_another_order_is_told_once() {
    for seed in 0..4 {
        let mut scenario = Scenario { seed, ..burst() };
        for (number, step) in scenario.steps.iter_mut().enumerate() {
            let seconds = u16::try_from(number).unwrap() * 7;
            (step.delay, step.again) = (60 - 5 * (seconds % 11), Some(30 * 60 + seconds));
        }
        play(&scenario);
    }
}

#[rstest]
#[case::throttled(StoreFault::Throttled)]
#[case::answer_lost(StoreFault::AnswerLost)]
#[case::overtaken(StoreFault::Overtaken)]
fn a_store_that_fails_in_a_burst_loses_nothing(#[case] fault: StoreFault) {
    for well in [0, 1, 2, 5, 9] {
        play(&Scenario { store: vec![(well, fault); 30], ..burst() });
    }
}

#[test]
fn a_table_that_is_lost_in_a_burst_hides_no_news() {
    for only in [None, Some(Place::Receiver)] {
        // Within the burst of openings, and before that of closings.
        for emptied_before in [1, 3, 5] {
            play(&Scenario { only, emptied_before: Some(emptied_before), ..burst() });
        }
    }
}

#[test]
fn whatever_happens_nothing_is_lost_and_nothing_made_twice() {
    let cases = std::env::var("INVARIANT_CASES").ok().and_then(|cases| cases.parse().ok());
    let config =
        Config { cases: cases.unwrap_or(CASES), failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    let mut runner = match cases {
        Some(_) => TestRunner::new(config),
        // The same ones in each run.
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let result = runner.run(&generate::scenario(), |scenario| {
        scenario.play(checks::check).map(drop).map_err(proptest::test_runner::TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
