//! Carries out one request before its deadline.

use std::time::Duration;

use jiff::Timestamp;
use judgement::{GraceDays, PolicySource};

use crate::close::Closing;
use crate::comparison::{self, Compared};
use crate::environment::Environment;
use crate::error::RemediationError;
use crate::inputs::{self, Reevaluated};
use crate::pace::ClosingsPerHour;
use crate::quarantine::Quarantining;
use crate::reevaluation::ReevaluationLimits;
use crate::release::Releasing;
use crate::request::{Compare, Reevaluate, Request};
use crate::response::Response;
use crate::restore::Restoring;
use crate::services::{ComparisonServices, InputServices, RemediationServices};
use crate::sweep::{self, Sweep};
use crate::task::Task;

/// Time reserved before the deadline for the report of the changes made and not made.
const MARGIN: Duration = Duration::from_secs(2);

/// Changes security groups and network ACLs. Created once per process, and used for every request.
#[derive(Debug)]
pub struct Remediation<S> {
    environment: Environment<S>,
}

impl<S: RemediationServices> Remediation<S> {
    /// A remediation with `services` and `policy`. `now` decides which exemptions have expired, and dates snapshots.
    pub fn new(services: S, policy: Box<dyn PolicySource>, now: fn() -> Timestamp) -> Self {
        Self { environment: Environment::new(services, policy, now) }
    }

    /// Lets closings ask AWS Config for evaluations, within `limits`.
    #[must_use]
    pub fn with_reevaluations(mut self, limits: ReevaluationLimits) -> Self {
        self.environment.reevaluations = Some(limits);
        self
    }

    /// Counts closings in the table of the account, and defers those that are more than `most` in an hour.
    #[must_use]
    pub fn with_closings_per_hour(mut self, most: ClosingsPerHour) -> Self {
        self.environment.closings_per_hour = Some(most);
        self
    }

    /// Has what is deferred noted as of automatic mode, so that it does not go on once that mode is switched off.
    #[must_use]
    pub fn in_automatic_mode(mut self) -> Self {
        self.environment.automatic_mode = true;
        self
    }

    /// Has sweeps write down since when groups are open, and what of them is to be closed after so many days.
    #[must_use]
    pub fn with_grace(mut self, days: GraceDays) -> Self {
        self.environment.grace_days = Some(days);
        self
    }

    /// Refuses restores for another rule than `name`, the only one that the stack remediates.
    #[must_use]
    pub fn with_own_rule(mut self, name: String) -> Self {
        self.environment.own_rule = Some(name);
        self
    }

    /// The services.
    pub fn services(&self) -> &S {
        self.environment.services()
    }

    /// The time by the clock of this remediation.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.environment.now)()
    }

    /// Carries out a request, and stops shortly before `deadline`.
    ///
    /// # Errors
    ///
    /// If the request is refused, if an obstacle prevents it, or if only part of it could be done.
    pub async fn run(&self, request: &Request, deadline: Timestamp) -> Result<Response, RemediationError> {
        request.check()?;
        let environment = &self.environment;
        // Boxed, because a future as large as all actions together slows the compiler down.
        match request {
            Request::Close(close) => Box::pin(self.within(deadline, Closing::new(environment, close))).await,
            Request::Restore(restore) => Box::pin(self.within(deadline, Restoring::new(environment, restore))).await,
            Request::Quarantine(request) => {
                Box::pin(self.within(deadline, Quarantining::new(environment, request))).await
            }
            Request::Release(request) => Box::pin(self.within(deadline, Releasing::new(environment, request))).await,
        }
    }

    /// Runs a task, and stops it in time to report its progress: a function that Lambda stops reports nothing.
    async fn within(&self, deadline: Timestamp, mut task: impl Task) -> Result<Response, RemediationError> {
        let remaining = deadline.duration_since((self.environment.now)()).unsigned_abs().saturating_sub(MARGIN);
        let result = tokio::time::timeout(remaining, task.run()).await;
        // Half of the margin is left for the report.
        let _ = tokio::time::timeout(MARGIN / 2, task.conclude()).await;
        result.unwrap_or_else(|_| Err(task.interrupted()))
    }
}

impl<S: InputServices> Remediation<S> {
    /// Looks for groups that automatic mode of the rule no longer closes, for changes of the inputs of the policy and for ends of
    /// exemptions, and has AWS Config evaluate the rule if one of them or an earlier closing asks for it. With days of grace, also
    /// for what is open and what is due, at the time `at` of the schedule.
    ///
    /// # Errors
    ///
    /// If the remediation exceptions of the rule cannot be read.
    pub async fn sweep(&self, rule_name: &str, at: Option<Timestamp>) -> Result<Sweep, RemediationError> {
        Box::pin(sweep::sweep(&self.environment, rule_name, at)).await
    }

    /// Has AWS Config evaluate the rule after a change of an input of the policy. This may wait for half a minute, and longer for
    /// a prefix list that is being changed.
    ///
    /// # Errors
    ///
    /// If the policy, the exemptions, a prefix list or the store cannot be read.
    pub async fn reevaluate(&self, request: &Reevaluate) -> Result<Reevaluated, RemediationError> {
        Ok(Box::pin(inputs::reevaluate(&self.environment, request)).await?)
    }
}

impl<S: ComparisonServices> Remediation<S> {
    /// Compares what EC2 has with the results of AWS Config. What differs is looked at once more, a quarter of an hour later; what
    /// differs then has AWS Config evaluate the rule, and automatic mode closes what is open.
    ///
    /// # Errors
    ///
    /// If the policy, the groups or the results cannot be read.
    pub async fn compare(&self, request: &Compare) -> Result<Compared, RemediationError> {
        Ok(Box::pin(comparison::compare(&self.environment, request)).await?)
    }
}
