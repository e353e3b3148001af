//! One request, within the time there is.

use std::time::Duration;

use jiff::Timestamp;
use judgement::PolicySource;

use crate::close::Closing;
use crate::environment::Environment;
use crate::error::RemediationError;
use crate::quarantine::Quarantining;
use crate::release::Releasing;
use crate::request::Request;
use crate::response::Response;
use crate::restore::Restoring;
use crate::services::RemediationServices;
use crate::task::Task;

/// Time kept back before the deadline, to report what was done and what was not.
const MARGIN: Duration = Duration::from_secs(2);

/// Changes security groups and network ACLs. Made once per process, used for every request.
#[derive(Debug)]
pub struct Remediation<S> {
    environment: Environment<S>,
}

impl<S: RemediationServices> Remediation<S> {
    /// A remediation on these services, by this policy. `now` decides which exemptions have expired, and dates snapshots.
    pub fn new(services: S, policy: Box<dyn PolicySource>, now: fn() -> Timestamp) -> Self {
        Self { environment: Environment::new(services, policy, now) }
    }

    /// Carries out a request, which must be over by `deadline`.
    ///
    /// # Errors
    ///
    /// When the request is refused, when something is in its way, or when it could not all be done.
    pub async fn run(&self, request: &Request, deadline: Timestamp) -> Result<Response, RemediationError> {
        request.check()?;
        let environment = &self.environment;
        // Boxed: a future of the size of all actions together is more than the compiler wants to lay out.
        match request {
            Request::Close(close) => Box::pin(self.within(deadline, Closing::new(environment, close))).await,
            Request::Restore(restore) => Box::pin(self.within(deadline, Restoring::new(environment, restore))).await,
            Request::Quarantine(request) => {
                Box::pin(self.within(deadline, Quarantining::new(environment, request))).await
            }
            Request::Release(request) => Box::pin(self.within(deadline, Releasing::new(environment, request))).await,
        }
    }

    /// Runs a task, and stops it in time to report how far it came: a function that Lambda stops reports nothing.
    async fn within(&self, deadline: Timestamp, mut task: impl Task) -> Result<Response, RemediationError> {
        let left = deadline.duration_since((self.environment.now)()).unsigned_abs().saturating_sub(MARGIN);
        match tokio::time::timeout(left, task.run()).await {
            Ok(result) => result,
            Err(_) => Err(task.interrupted()),
        }
    }
}
