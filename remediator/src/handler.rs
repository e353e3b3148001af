//! Handles one invocation: from payload to response, with a line in the log.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use plain_text::error_message;
use remediation::{
    Compare, Compared, Payload, Reevaluate, Reevaluated, Remediation, RemediationError, Request, RequestError,
    Response, Sweep, SweepRequest,
};
use serde::Serialize;
use tracing::{error, info};

use crate::SERVICE;
use crate::error::InvocationError;
use crate::report::report;
use crate::services::RemediatorServices;

/// Logs the result of what a schedule or an event of the stack asked for.
macro_rules! log_duty {
    ($action:literal, $cold_start:expr, $request:expr, $result:expr, $found:ident => { $($fields:tt)* }) => {
        let rule_name = $request.config_rule_name.as_str();
        match &$result {
            Ok($found) => info!(
                service = SERVICE,
                cold_start = $cold_start,
                action = $action,
                config_rule.name = rule_name,
                $($fields)*,
                "{} done",
                $action
            ),
            Err(problem) => error!(
                service = SERVICE,
                cold_start = $cold_start,
                action = $action,
                config_rule.name = rule_name,
                error = error_message(problem),
                "{} failed",
                $action
            ),
        }
    };
}

/// Answers invocations. Created once per process, and used for every invocation.
#[derive(Debug)]
pub struct Remediator<S> {
    remediation: Remediation<S>,
    cold: AtomicBool,
}

impl<S: RemediatorServices> Remediator<S> {
    /// A handler that carries out requests by `remediation`.
    pub fn new(remediation: Remediation<S>) -> Self {
        Self { remediation, cold: AtomicBool::new(true) }
    }

    /// Answers one invocation: a request, the sweep or the comparison that a schedule of the stack asks for, or an event about an
    /// input of the policy.
    ///
    /// # Errors
    ///
    /// As [`Remediator::handle`]; if a sweep could not read the remediation exceptions; or if a change could not be followed.
    pub async fn answer(&self, payload: Payload, deadline: Timestamp) -> Result<Answer, InvocationError> {
        if let Some(request) = payload.sweep() {
            return self.sweep(request).await.map(Answer::Sweep);
        }
        if let Some(request) = payload.comparison() {
            return self.compare(request).await.map(Answer::Comparison);
        }
        match payload.reevaluation() {
            Some(request) => self.reevaluate(request).await.map(Answer::Reevaluation),
            None => self.handle(payload, deadline).await.map(|response| Answer::Change(Box::new(response))),
        }
    }

    async fn reevaluate(&self, request: Result<Reevaluate, RequestError>) -> Result<Reevaluated, InvocationError> {
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        let request = request.inspect_err(|problem| refused(problem, cold_start))?;
        let result = self.remediation.reevaluate(&request).await;
        log_duty!("reevaluate", cold_start, request, result, found => {
            evaluated = found.evaluated,
            next = found.next.map(tracing::field::display),
            ignored = found.ignored
        });
        Ok(result?)
    }

    async fn compare(&self, request: Result<Compare, RequestError>) -> Result<Compared, InvocationError> {
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        let request = request.inspect_err(|problem| refused(problem, cold_start))?;
        let result = self.remediation.compare(&request).await;
        log_duty!("compare", cold_start, request, result, found => {
            security_groups.differ = found.differ.len(),
            security_groups.closing = found.closing.len(),
            evaluated = found.evaluated,
            again = found.again.map(tracing::field::display)
        });
        Ok(result?)
    }

    async fn sweep(&self, request: Result<SweepRequest, RequestError>) -> Result<Sweep, InvocationError> {
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        let request = request.inspect_err(|problem| refused(problem, cold_start))?;
        let result = self.remediation.sweep(&request.config_rule_name, request.at).await;
        log_duty!("sweep", cold_start, request, result, found => {
            security_groups.parked = found.parked.len(),
            security_groups.unjudged = found.unjudged.len(),
            security_groups.open = found.grace.as_ref().map(|grace| grace.open),
            security_groups.due = found.grace.as_ref().map(|grace| grace.due),
            evaluated = found.evaluated
        });
        Ok(result?)
    }

    /// Handles one request, stops shortly before `deadline`, and puts an event about the outcome.
    ///
    /// # Errors
    ///
    /// If the request is refused, if an obstacle prevents it, or if only part of it could be done.
    pub async fn handle(&self, payload: impl Into<Payload>, deadline: Timestamp) -> Result<Response, InvocationError> {
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        let request = Request::from_payload(payload).inspect_err(|problem| refused(problem, cold_start))?;
        let subject = request.subject();
        let result = self.remediation.run(&request, deadline).await;
        // Not a span: log queries need the fields at the top level of the line.
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
            Err(RemediationError::Incomplete(response)) => {
                log!(error, "failed", status = %response.status, evidence = evidence(response), error = response.message);
            }
            Err(problem) => log!(error, "failed", error = error_message(problem)),
        }
        let services = self.remediation.services();
        let times = (self.remediation.now(), deadline);
        // Boxed, because the compiler limits how deeply futures are nested.
        Box::pin(report(services.events(), services.store(), &subject, &result, times)).await;
        Ok(result?)
    }
}

/// Answer to an invocation.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a request.
    Change(Box<Response>),
    /// To a sweep.
    Sweep(Sweep),
    /// To a comparison with AWS Config.
    Comparison(Compared),
    /// To an event about an input of the policy.
    Reevaluation(Reevaluated),
}

fn refused(problem: &RequestError, cold_start: bool) {
    error!(service = SERVICE, cold_start, error = error_message(problem), "request refused");
}

fn evidence(response: &Response) -> String {
    serde_json::to_string(response).unwrap_or_default()
}
