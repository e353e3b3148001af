//! A model of what must hold, whatever people, AWS and time do, in random sequences of actions.
//!
//! `PROPTEST_CASES` sets the number of sequences: one for four cases, since a sequence is many requests.

mod action;
mod closing;
mod ledger;
mod quarantines;
mod reach;
mod restoring;
mod world;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use remediation::{RemediationError, Response};

use self::action::{Action, Disturbance, sequences};
use self::closing::Closing;
use self::ledger::{Ledger, STRATEGIES};
use self::quarantines::Quarantines;
use self::reach::contents;
use self::world::World;

type Checked = Result<(), TestCaseError>;
type Outcome = Option<Result<Response, RemediationError>>;

/// Ports that any policy of the model blocks.
const BLOCKED_BY_ANY: [i64; 3] = [22, 3389, 8080];
/// Cases of other properties for one sequence.
const SHARE: u32 = 4;
/// Minutes in which automatic mode must come to rest, and most closings that it starts meanwhile.
const MINUTES: usize = 60;
const MOST_CLOSINGS: usize = 30;

/// The world beside the model of it.
struct Model {
    world: World,
    ledger: Ledger,
    quarantines: Quarantines,
    /// Strategy of automatic mode.
    automatic: usize,
    /// Whether the latest closing succeeded.
    succeeded: bool,
}

impl Model {
    fn new(is_default_vpc: bool, key: usize, automatic: usize) -> Self {
        let world = World::new(is_default_vpc);
        world.set_key(key);
        let quarantines = Quarantines::new(&world.state().acl.acl.ingress);
        Self { world, ledger: Ledger::default(), quarantines, automatic, succeeded: false }
    }

    async fn step(&mut self, action: Action, disturbance: Disturbance) -> Checked {
        self.pass(SignedDuration::from_secs(1));
        let before = self.world.state();
        match action {
            Action::Close { strategy, ignore_hold, dry_run } => {
                disturbance.arrange(&self.world.aws);
                let is_disturbed = !matches!(disturbance, Disturbance::None);
                let strategy = STRATEGIES[strategy % STRATEGIES.len()];
                self.close(Closing { strategy, ignore_hold, dry_run, is_disturbed }).await?;
            }
            Action::Restore(restore) => self.restore(restore, disturbance).await?,
            Action::Quarantine { group, ports, dry_run } => self.quarantine(group, ports, dry_run, disturbance).await?,
            Action::Release { group, dry_run } => self.release(group, dry_run, disturbance).await?,
            Action::Pass(minutes) => self.pass(SignedDuration::from_mins(minutes)),
            Action::Automatic => self.automatic_mode().await?,
            Action::Exempt(is_exempt) => self.world.set_exempt(is_exempt),
            Action::Policy(index) => self.world.set_policy(index),
            Action::Key(index) => self.world.set_key(index),
            Action::Evaluate => self.world.evaluate(),
            Action::Overlook => self.world.is_changed = false,
            Action::Open(index) => self.world.open(index),
            Action::Narrow(index) => self.world.narrow(index),
            Action::Remove(index) => self.world.remove(index),
            Action::AddInnocent(index) => self.world.add_innocent(index),
            Action::Fill { but } => self.world.fill(but),
            Action::Empty => self.world.empty(),
        }
        self.ledger.decide(action);
        if is_of_the_owner(action) {
            self.ledger.owner(before.rules(), self.world.state().rules(), &BLOCKED_BY_ANY);
        }
        self.check()
    }

    fn pass(&mut self, time: SignedDuration) {
        self.world.pass(time);
        self.ledger.time_passed();
    }

    /// What holds at any time.
    fn check(&self) -> Checked {
        let state = self.world.state();
        let there = contents(state.rules());
        let lost: Vec<_> = self.ledger.innocent.difference(&there).collect();
        prop_assert!(lost.is_empty(), "{lost:?} lost: {there:?}");
        prop_assert_eq!(state.hold(), self.ledger.hold, "hold");
        self.quarantines.check(&state.acl.acl.ingress)
    }

    /// Automatic mode comes to rest within an hour, and starts few closings until then.
    async fn automatic_mode(&mut self) -> Checked {
        let mut closings = 0;
        for minute in 1..=MINUTES {
            self.pass(SignedDuration::from_mins(1));
            if minute % 15 == 0 {
                self.world.sweep().await;
            }
            if self.world.starts_closing() {
                let strategy = STRATEGIES[self.automatic];
                self.close(Closing { strategy, ignore_hold: false, dry_run: false, is_disturbed: false }).await?;
                // AWS Config itself stops after some failures.
                closings += usize::from(self.succeeded);
                self.check()?;
            }
        }
        prop_assert!(closings <= MOST_CLOSINGS, "{closings} closings");
        Ok(())
    }

    /// A day later nothing holds the group open any more, and automatic mode has closed it; the quarantines are released.
    async fn end(&mut self) -> Checked {
        self.step(Action::Exempt(false), Disturbance::None).await?;
        self.step(Action::Pass(24 * 60), Disturbance::None).await?;
        self.step(Action::Evaluate, Disturbance::None).await?;
        self.step(Action::Automatic, Disturbance::None).await?;
        let state = self.world.state();
        prop_assert!(!state.is_open(self.world.blocked()), "{:?}", contents(state.rules()));
        prop_assert_eq!(state.hold(), None);
        prop_assert!(!self.world.starts_closing());
        for group in 0..2 {
            self.step(Action::Release { group, dry_run: false }, Disturbance::None).await?;
        }
        Ok(())
    }
}

fn is_of_the_owner(action: Action) -> bool {
    matches!(
        action,
        Action::Open(_)
            | Action::Narrow(_)
            | Action::Remove(_)
            | Action::AddInnocent(_)
            | Action::Fill { .. }
            | Action::Empty
    )
}

#[test]
fn what_must_hold_holds() {
    let config = ProptestConfig::default();
    let config = ProptestConfig { cases: config.cases.div_ceil(SHARE), failure_persistence: None, ..config };
    let cases = (sequences(), any::<bool>(), 0..2_usize, 0..STRATEGIES.len());
    let outcome = TestRunner::new(config).run(&cases, |(sequence, is_default_vpc, key, automatic)| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new(is_default_vpc, key, automatic);
            for (action, disturbance) in sequence {
                model.step(action, disturbance).await?;
            }
            model.end().await
        })
    });
    // A sequence that fails becomes a test of its own, beside those of its subject.
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
