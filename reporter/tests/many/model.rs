//! Any life of many findings: whatever happens, everybody is told in the end, and nobody is flooded.

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;
use reporter::SweepError;

use crate::life::Death;
use crate::support::*;

const GROUPS: usize = 10;

#[derive(Debug, Clone, Copy)]
enum Step {
    Open(usize),
    Close(usize),
    Work(i64),
    Mood(Mood),
    /// The program ends so many calls from now.
    Die(usize, bool),
    /// All messages of the queue are lost.
    Lose,
    Sweep,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..GROUPS).prop_map(Step::Open),
        4 => (0..GROUPS).prop_map(Step::Close),
        3 => (1_i64..1_500).prop_map(Step::Work),
        1 => select(vec![Mood::Well, Mood::Down, Mood::Silent]).prop_map(Step::Mood),
        1 => (0_usize..40, any::<bool>()).prop_map(|(calls, after)| Step::Die(calls, after)),
        1 => Just(Step::Lose),
        1 => Just(Step::Sweep),
    ]
}

/// Owners and a channel that updates, or one that does not.
fn tags(number: usize) -> Vec<(&'static str, &'static str)> {
    match number % 3 {
        0 => vec![],
        1 => vec![("owner", "#web")],
        _ => vec![("hook", "1")],
    }
}

async fn live(steps: Vec<Step>) {
    let world = World::new();
    let mut known = [false; GROUPS];
    for step in steps {
        match step {
            Step::Open(number) => {
                known[number] = true;
                world.open(number, &tags(number)).await;
            }
            Step::Close(number) if known[number] => world.close(number).await,
            Step::Close(_) => {}
            Step::Work(seconds) => world.work_for(SignedDuration::from_secs(seconds)).await,
            Step::Mood(mood) => world.mood.set(mood),
            Step::Die(calls, after) => {
                world.life.death.set(Some(Death { at_call: world.life.calls.get() + calls, after }));
            }
            Step::Lose => world.queue.borrow_mut().clear(),
            Step::Sweep => {
                world.sweep(far()).await;
            }
        }
    }
    world.life.death.set(None);
    world.mood.set(Mood::Well);
    for _ in 0..4 {
        let swept = world.sweep(far()).await.unwrap();
        assert!(matches!(swept, Ok(_) | Err(SweepError::Complaint(_))), "{swept:?}");
        world.work_for(SignedDuration::from_hours(1)).await;
    }
    assert!(world.sweep(far()).await.unwrap().is_ok(), "there is nothing to complain of any more");
    world.assert_paced();
    world.assert_told((0..GROUPS).filter(|number| known[*number])).await;
}

#[test]
fn everybody_is_told_in_the_end() {
    let cases = ProptestConfig::default().cases.div_ceil(50);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    });
    let property = runner.run(&prop::collection::vec(any_step(), 0..60), |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(live(steps));
        Ok(())
    });
    property.unwrap();
}
