//! What people, AWS and time do.

use aws_traits::fakes::FakeAws;
use proptest::prelude::*;

use crate::account::{AUTHORIZE, PUT, REVOKE};
use crate::network_acl::{CREATE, DELETE};

/// One action. An index counts around its list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    /// The owner opens ports to the world.
    Open(usize),
    /// The owner narrows a rule that is open to the world; it keeps its id.
    Narrow(usize),
    /// The owner removes a rule.
    Remove(usize),
    /// The owner adds a rule that no policy forbids.
    AddInnocent(usize),
    /// The owner fills the group, but for some rules.
    Fill {
        but: usize,
    },
    /// The owner removes what filled the group.
    Empty,
    Close {
        strategy: usize,
        ignore_hold: bool,
        dry_run: bool,
    },
    Restore(Restore),
    Quarantine {
        group: usize,
        ports: usize,
        dry_run: bool,
    },
    Release {
        group: usize,
        dry_run: bool,
    },
    /// The exemptions document names the group, or does not.
    Exempt(bool),
    /// The ports of the policy change.
    Policy(usize),
    /// The key of the stack changes.
    Key(usize),
    /// Minutes pass.
    Pass(i64),
    /// AWS Config evaluates the rule.
    Evaluate,
    /// AWS Config does not notice the latest change, as it does not notice that of a prefix list.
    Overlook,
    /// Automatic mode does as it likes for an hour.
    Automatic,
}

/// A restore that a person asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Restore {
    pub(super) hours: u32,
    pub(super) dry_run: bool,
    pub(super) misspelt: bool,
    /// The snapshot that it names, counted from the last one; `latest` if `None`.
    pub(super) snapshot: Option<usize>,
}

/// What goes wrong during an action.
#[derive(Debug, Clone, Copy)]
pub(super) enum Disturbance {
    None,
    /// The function is killed after a number of calls.
    Kill(usize),
    Fail {
        operation: &'static str,
        code: &'static str,
        times: usize,
    },
    LoseAnswer(&'static str),
}

impl Disturbance {
    pub(super) fn arrange(self, aws: &FakeAws) {
        match self {
            Self::None => {}
            Self::Kill(calls) => aws.cut_after(calls),
            Self::Fail { operation, code, times } => (0..times).for_each(|_| aws.fail(operation, code)),
            Self::LoseAnswer(operation) => aws.lose_answer(operation),
        }
    }
}

fn actions() -> impl Strategy<Value = Action> {
    let rarely = || prop::bool::weighted(0.15);
    let index = 0..100_usize;
    prop_oneof![
        6 => index.clone().prop_map(Action::Open),
        3 => index.clone().prop_map(Action::Narrow),
        3 => index.clone().prop_map(Action::Remove),
        2 => index.clone().prop_map(Action::AddInnocent),
        3 => (0..4_usize).prop_map(|but| Action::Fill { but }),
        1 => Just(Action::Empty),
        8 => (index.clone(), rarely(), rarely())
            .prop_map(|(strategy, ignore_hold, dry_run)| Action::Close { strategy, ignore_hold, dry_run }),
        5 => restores(),
        2 => (0..2_usize, index.clone(), rarely())
            .prop_map(|(group, ports, dry_run)| Action::Quarantine { group, ports, dry_run }),
        2 => (0..2_usize, rarely()).prop_map(|(group, dry_run)| Action::Release { group, dry_run }),
        2 => any::<bool>().prop_map(Action::Exempt),
        2 => index.clone().prop_map(Action::Policy),
        2 => index.prop_map(Action::Key),
        3 => prop::sample::select(vec![1, 20, 61, 23 * 60 + 50, 24 * 60]).prop_map(Action::Pass),
        1 => Just(Action::Evaluate),
        1 => Just(Action::Overlook),
        2 => Just(Action::Automatic),
    ]
}

fn disturbances() -> impl Strategy<Value = Disturbance> {
    let codes = ["RequestLimitExceeded", "IncorrectState", "UnauthorizedOperation", "InternalError"];
    let operations = prop::sample::select(vec![REVOKE, AUTHORIZE, CREATE, DELETE]);
    prop_oneof![
        12 => Just(Disturbance::None),
        3 => (1..40_usize).prop_map(Disturbance::Kill),
        3 => (operations.clone(), prop::sample::select(codes.to_vec()), 1..7_usize)
            .prop_map(|(operation, code, times)| Disturbance::Fail { operation, code, times }),
        1 => prop_oneof![operations, Just(PUT)].prop_map(Disturbance::LoseAnswer),
    ]
}

fn restores() -> impl Strategy<Value = Action> {
    let rarely = || prop::bool::weighted(0.15);
    let hours = prop::sample::select(vec![0, 1, 24]);
    (hours, rarely(), rarely(), prop::option::weighted(0.3, 0..5_usize)).prop_map(
        |(hours, dry_run, misspelt, snapshot)| Action::Restore(Restore { hours, dry_run, misspelt, snapshot }),
    )
}

/// What happens in a full group: it is closed and opened again, and there is room for one rule now and then.
fn actions_in_a_full_group() -> impl Strategy<Value = Action> {
    let index = 0..100_usize;
    prop_oneof![
        3 => index.clone().prop_map(Action::Open),
        3 => index.clone().prop_map(Action::Remove),
        4 => index.prop_map(|strategy| Action::Close { strategy, ignore_hold: true, dry_run: false }),
        2 => restores(),
    ]
}

pub(super) fn sequences() -> impl Strategy<Value = Vec<(Action, Disturbance)>> {
    let calm = || prop_oneof![9 => Just(Disturbance::None), 1 => disturbances()];
    let open = prop::collection::vec((0..100_usize).prop_map(|index| (Action::Open(index), Disturbance::None)), 1..4);
    let full = (0..2_usize).prop_map(|but| (Action::Fill { but }, Disturbance::None));
    let then = prop::collection::vec((prop_oneof![5 => actions_in_a_full_group(), 1 => actions()], calm()), 1..20);
    let in_a_full_group =
        (open, full, then).prop_map(|(open, full, then)| open.into_iter().chain([full]).chain(then).collect());
    prop_oneof![
        3 => prop::collection::vec((actions(), disturbances()), 1..30),
        1 => in_a_full_group,
    ]
}
