//! Services, policy and clock that all actions share.

use aws_traits::Services;
use jiff::{SignedDuration, Timestamp};
use judgement::{CachedPrefixLists, GraceDays, PolicySource};

use crate::pace::ClosingsPerHour;
use crate::reevaluation::ReevaluationLimits;
use crate::services::RemediationServices;

/// Services, policy and clock.
#[derive(Debug)]
pub(crate) struct Environment<S> {
    services: S,
    /// Source of the policy.
    pub(crate) policy: Box<dyn PolicySource>,
    /// Not cached: a closing needs the current entries.
    pub(crate) prefix_lists: CachedPrefixLists,
    pub(crate) now: fn() -> Timestamp,
    /// Limits of evaluations on demand; `None` for no such evaluations.
    pub(crate) reevaluations: Option<ReevaluationLimits>,
    /// Most groups that are closed in an hour; `None` if this program does not count closings.
    pub(crate) closings_per_hour: Option<ClosingsPerHour>,
    /// Whether AWS Config starts closings by itself.
    pub(crate) automatic_mode: bool,
    /// Days for which automatic mode leaves open what it closes; `None` for none.
    pub(crate) grace_days: Option<GraceDays>,
    /// The only rule that the stack remediates. A restore for another one is refused.
    pub(crate) own_rule: Option<String>,
}

impl<S: RemediationServices> Environment<S> {
    pub(crate) fn new(services: S, policy: Box<dyn PolicySource>, now: fn() -> Timestamp) -> Self {
        Self {
            services,
            policy,
            prefix_lists: CachedPrefixLists::new(SignedDuration::ZERO),
            now,
            reevaluations: None,
            closings_per_hour: None,
            automatic_mode: false,
            grace_days: None,
            own_rule: None,
        }
    }

    pub(crate) fn services(&self) -> &S {
        &self.services
    }

    pub(crate) fn config(&self) -> &<S as Services>::Config {
        self.services.config()
    }

    pub(crate) fn ec2(&self) -> &<S as Services>::Ec2 {
        self.services.ec2()
    }

    pub(crate) fn state(&self) -> &<S as Services>::State {
        self.services.state()
    }

    pub(crate) fn store(&self) -> &<S as Services>::Store {
        self.services.store()
    }
}
