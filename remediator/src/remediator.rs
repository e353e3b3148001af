//! One invocation: from payload to outcome, within the time there is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_traits::config::{ConfigRules, RemediationExceptions};
use aws_traits::ec2::{ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use aws_traits::network_acl::NetworkAcls;
use aws_traits::s3::Objects;
use aws_traits::ssm::Parameters;
use jiff::Timestamp;
use plain_text::error_message;
use serde_json::Value;
use tracing::{error, info};

use crate::close::Closing;
use crate::error::RemediatorError;
use crate::judge::Judge;
use crate::quarantine::{Intent, Quarantining};
use crate::request::Request;
use crate::response::{Response, Status};
use crate::restore::Restoring;

const SERVICE: &str = "remediator";

/// What is kept back of the time until the deadline, to say what was done and what was not.
const MARGIN: Duration = Duration::from_secs(2);

/// Changes security groups. Made once per process, used for every invocation.
#[derive(Debug)]
pub struct Remediator<C, E, P, S> {
    pub(crate) config: C,
    pub(crate) ec2: E,
    pub(crate) bucket: S,
    pub(crate) judge: Judge<C, E, P>,
    pub(crate) now: fn() -> Timestamp,
    cold: AtomicBool,
}

/// Something that can be cut off at any await, since it can be done again, and that can say what it has come to.
pub(crate) trait Task {
    /// Does it.
    async fn run(&mut self) -> Result<Response, RemediatorError>;

    /// What has come of it, when there is no time to finish.
    fn interrupted(&mut self) -> RemediatorError;
}

/// What to say of a task that was cut off. Of a call that was made nobody knows what became of it.
pub(crate) fn out_of_time(begun: bool) -> (Status, &'static str) {
    if begun {
        (Status::Partial, "out of time before the function's deadline: run this again to finish")
    } else {
        (Status::Failed, "out of time before the function's deadline: nothing was changed; run this again")
    }
}

impl<C, E, P, S> Remediator<C, E, P, S>
where
    C: ConfigRules + RemediationExceptions + Clone,
    E: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + NetworkAcls + Clone,
    P: Parameters,
    S: Objects,
{
    /// A remediator on these services. `now` decides which exemptions have expired, and how long settings stay cached.
    pub fn new(config: C, ec2: E, parameters: P, bucket: S, now: fn() -> Timestamp) -> Self {
        let judge = Judge::new(config.clone(), ec2.clone(), parameters, now);
        Self { config, ec2, bucket, judge, now, cold: AtomicBool::new(true) }
    }

    /// EC2, as the remediator sees it.
    pub fn ec2(&self) -> &E {
        &self.ec2
    }

    /// Handles one invocation, which must be over by `deadline`.
    ///
    /// # Errors
    ///
    /// When the request is refused, when it is not known what to do, or when it could not all be done.
    pub async fn handle(&self, payload: Value, deadline: Timestamp) -> Result<Response, RemediatorError> {
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        let request = Request::from_payload(payload).map_err(RemediatorError::from).inspect_err(|problem| {
            error!(service = SERVICE, cold_start, error = error_message(problem), "request refused");
        })?;
        let subject = request.subject();
        // Boxed: a future of the size of all actions together is more than the compiler wants to lay out.
        let result = match &request {
            Request::Close(close) => Box::pin(self.within(deadline, Closing::new(self, close))).await,
            Request::Restore(restore) => Box::pin(self.within(deadline, Restoring::new(self, restore))).await,
            Request::Quarantine(request) => {
                Box::pin(self.within(deadline, Quarantining::new(self, Intent::Quarantine, request))).await
            }
            Request::Release(request) => {
                Box::pin(self.within(deadline, Quarantining::new(self, Intent::Release, request))).await
            }
        };
        // Not a span: its fields would not be at the top of the line, where log queries look for them.
        macro_rules! log {
            ($level:ident, $outcome:literal, $($fields:tt)*) => {
                $level!(
                    service = SERVICE,
                    cold_start,
                    action = subject.action,
                    security_group.id = subject.security_group_id,
                    config_rule.name = subject.config_rule_name,
                    automation_execution.id = subject.execution_id,
                    dry_run = subject.dry_run,
                    $($fields)*,
                    "{} {}",
                    subject.action,
                    $outcome
                )
            };
        }
        match &result {
            Ok(response) => log!(info, "done", status = %response.status, evidence = evidence(response)),
            Err(RemediatorError::Incomplete(response)) => {
                log!(error, "failed", status = %response.status, evidence = evidence(response), error = response.message);
            }
            Err(problem) => log!(error, "failed", error = error_message(problem)),
        }
        result
    }

    /// Runs a task, and stops it in time to say what has come of it: a function that Lambda stops says nothing.
    async fn within(&self, deadline: Timestamp, mut task: impl Task) -> Result<Response, RemediatorError> {
        let left = deadline.duration_since((self.now)()).unsigned_abs().saturating_sub(MARGIN);
        match tokio::time::timeout(left, task.run()).await {
            Ok(result) => result,
            Err(_) => Err(task.interrupted()),
        }
    }
}

fn evidence(response: &Response) -> String {
    serde_json::to_string(response).unwrap_or_default()
}
