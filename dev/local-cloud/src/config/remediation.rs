//! The choice of resources to remediate: snapshots, attempts, exceptions, concurrency.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::State;
use super::exception::Exception;
use crate::clock;
use crate::settings::{AttemptsCounted, Settings};

/// Rule and resource.
pub(crate) type Key = (String, String);

/// A remediation configuration in the form of the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RemediationConfiguration {
    pub(crate) config_rule_name: String,
    pub(crate) target_type: String,
    pub(crate) target_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_version: Option<String>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, RemediationParameter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_type: Option<String>,
    #[serde(default)]
    pub(crate) automatic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_controls: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_automatic_attempts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_attempt_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arn: Option<String>,
}

/// The value of a parameter of the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RemediationParameter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) static_value: Option<StaticValue>,
}

/// Values that are the same for every resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StaticValue {
    #[serde(default)]
    pub(crate) values: Vec<String>,
}

impl RemediationConfiguration {
    fn attempts(&self) -> usize {
        self.maximum_automatic_attempts.unwrap_or(5)
    }

    fn window(&self) -> f64 {
        f64::from(self.retry_attempt_seconds.unwrap_or(60))
    }

    fn control(&self, name: &str, default: usize) -> usize {
        let controls = self.execution_controls.as_ref().and_then(|controls| controls.get("SsmControls"));
        let value = controls.and_then(|controls| controls.get(name)).and_then(Value::as_u64);
        value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default)
    }

    /// Returns how many of `total` resources may be remediated at the same time; at least one.
    fn concurrency(&self, total: usize) -> usize {
        total.saturating_mul(self.control("ConcurrentExecutionRatePercentage", 10)).div_ceil(100).max(1)
    }

    /// Returns true if this many failures among this many runs stop the batch.
    fn too_many_errors(&self, failed: usize, total: usize) -> bool {
        failed.saturating_mul(100) > total.saturating_mul(self.control("ErrorPercentage", 50))
    }
}

/// The state of a remediation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Queued,
    Running,
    Succeeded,
    Failed,
}

impl Progress {
    /// Returns the name that AWS uses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }

    /// Returns true if it is unfinished.
    pub(crate) fn active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// The last remediation of a resource for a rule.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) resource_type: String,
    pub(crate) automatic: bool,
    pub(crate) progress: Progress,
    /// Id of the automation execution; `None` until it is started.
    pub(crate) execution: Option<String>,
    /// Reason why it could not be started.
    pub(crate) error: Option<String>,
    pub(crate) invoked: Timestamp,
    pub(crate) updated: Timestamp,
}

/// The automatic runs of a rule since the last time that none was active.
#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    started: usize,
    failed: usize,
}

/// The state of all remediations.
#[derive(Debug, Default)]
pub(crate) struct Remediations {
    pub(crate) configurations: BTreeMap<String, RemediationConfiguration>,
    pub(crate) exceptions: BTreeMap<Key, Exception>,
    pub(crate) runs: BTreeMap<Key, Run>,
    /// Ends of the automatic attempts that count.
    attempts: BTreeMap<Key, Vec<Timestamp>>,
    batches: BTreeMap<String, Batch>,
    last_snapshot: BTreeSet<Key>,
}

impl Remediations {
    /// Returns the configuration of a rule.
    pub(crate) fn configuration(&self, rule: &str) -> Option<&RemediationConfiguration> {
        self.configurations.get(rule)
    }

    /// Removes the state of a rule that was deleted.
    pub(crate) fn forget_rule(&mut self, rule: &str) {
        self.exceptions.retain(|(name, _), _| name != rule);
        self.runs.retain(|(name, _), _| name != rule);
        self.attempts.retain(|(name, _), _| name != rule);
    }

    /// Returns true if a rule has an unfinished run.
    pub(crate) fn running(&self, rule: &str) -> bool {
        self.runs.iter().any(|((name, _), run)| name == rule && run.progress.active())
    }

    fn excepted(&self, key: &Key, now: Timestamp) -> bool {
        self.exceptions.get(key).is_some_and(|exception| exception.holds(now))
    }

    /// Records the end of a run. After the last of the attempts that are permitted within the window, an exception
    /// without an end excludes the resource from automatic remediation.
    pub(crate) fn finish(&mut self, key: &Key, error: Option<String>, now: Timestamp, counted: AttemptsCounted) {
        let Some(run) = self.runs.get_mut(key) else { return };
        let failed = error.is_some();
        run.progress = if failed { Progress::Failed } else { Progress::Succeeded };
        run.error = error.filter(|_| run.execution.is_none());
        run.updated = now;
        if !run.automatic {
            return;
        }
        let resource_type = run.resource_type.clone();
        if failed {
            let batch = self.batches.entry(key.0.clone()).or_default();
            batch.failed = batch.failed.saturating_add(1);
        } else if counted == AttemptsCounted::Failures {
            self.attempts.remove(key);
            return;
        }
        let Some(configuration) = self.configurations.get(&key.0) else { return };
        let attempts = self.attempts.entry(key.clone()).or_default();
        attempts.push(now);
        attempts.retain(|at| clock::after(*at, configuration.window()) >= now);
        if attempts.len() < configuration.attempts() {
            return;
        }
        let message = format!(
            "Automatic remediation was tried {} times within {} seconds. Delete this exception to try again.",
            attempts.len(),
            configuration.window()
        );
        self.attempts.remove(key);
        self.exceptions.insert(key.clone(), Exception { resource_type, message: Some(message), expires: None });
    }

    /// Returns true if a run needs a human decision to continue: its execution waits for one, or all those ahead of it
    /// in the queue do.
    fn rests(&self, (rule, _): &Key, run: &Run, waiting: &BTreeSet<String>) -> bool {
        let waits = |run: &Run| run.execution.as_ref().is_some_and(|execution| waiting.contains(execution));
        match run.progress {
            Progress::Running => waits(run),
            Progress::Queued => {
                let mut before = self
                    .runs
                    .iter()
                    .filter(|((of, _), other)| of == rule && other.progress == Progress::Running)
                    .map(|(_, other)| waits(other))
                    .peekable();
                before.peek().is_some() && before.all(|waits| waits)
            }
            Progress::Succeeded | Progress::Failed => false,
        }
    }

    /// Returns true if no remediation runs, waits or is about to start, except for those that wait for a human decision
    /// (`waiting`).
    pub(crate) fn idle(&self, state: &State, now: Timestamp, settings: &Settings, waiting: &BTreeSet<String>) -> bool {
        let rests = |key: &Key| self.runs.get(key).is_some_and(|run| self.rests(key, run, waiting));
        let snapshot = if settings.remediation_snapshot_stale { &self.last_snapshot } else { &state.snapshot() };
        self.runs.iter().all(|(key, run)| !run.progress.active() || rests(key))
            && !snapshot.iter().any(|key| {
                !self.excepted(key, now)
                    && !rests(key)
                    && self.configuration(&key.0).is_some_and(|configuration| configuration.automatic)
            })
    }
}

impl State {
    /// Returns the non-compliant resources of rules with automatic remediation.
    fn snapshot(&self) -> BTreeSet<Key> {
        let automatic = |rule: &str, kind: &str| {
            self.remediation.configuration(rule).is_some_and(|configuration| {
                configuration.automatic && configuration.resource_type.as_deref().is_none_or(|wanted| wanted == kind)
            })
        };
        self.results
            .iter()
            .filter(|(key, result)| result.compliance == "NON_COMPLIANT" && automatic(&key.0, &result.resource_type))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Takes a new snapshot, marks the runs that start now as in progress, and returns their keys.
    pub(crate) fn start_automatic(&mut self, now: Timestamp, settings: &Settings) -> Vec<Key> {
        let current = self.snapshot();
        let previous = std::mem::replace(&mut self.remediation.last_snapshot, current.clone());
        let snapshot = if settings.remediation_snapshot_stale { previous } else { current };
        let rules: Vec<String> = self.remediation.configurations.keys().cloned().collect();
        rules.iter().flat_map(|rule| self.start_of_rule(rule, &snapshot, now, settings)).collect()
    }

    /// Starts runs that wait for the concurrency limit, without a new snapshot.
    pub(crate) fn start_queued(&mut self, now: Timestamp, settings: &Settings) -> Vec<Key> {
        let queued: BTreeSet<Key> = self
            .remediation
            .runs
            .iter()
            .filter(|(_, run)| run.automatic && run.progress == Progress::Queued)
            .map(|(key, _)| key.clone())
            .collect();
        let rules: BTreeSet<String> = queued.iter().map(|(rule, _)| rule.clone()).collect();
        rules.iter().flat_map(|rule| self.start_of_rule(rule, &queued, now, settings)).collect()
    }

    fn start_of_rule(&mut self, rule: &str, snapshot: &BTreeSet<Key>, now: Timestamp, settings: &Settings) -> Vec<Key> {
        let Some(configuration) = self.remediation.configuration(rule).filter(|c| c.automatic).cloned() else {
            // If automatic remediation was turned off meanwhile, running remediations continue, and waiting ones do not
            // start.
            self.remediation
                .runs
                .retain(|(name, _), run| !(name == rule && run.automatic && run.progress == Progress::Queued));
            return Vec::new();
        };
        let due: Vec<Key> =
            snapshot.iter().filter(|key| key.0 == rule && self.due(key, now, settings)).cloned().collect();
        let in_progress = |board: &Remediations| {
            board.runs.iter().filter(|(key, run)| key.0 == rule && run.progress == Progress::Running).count()
        };
        let running = in_progress(&self.remediation);
        let batch = self.remediation.batches.entry(rule.to_owned()).or_default();
        if running == 0 {
            *batch = Batch::default();
        }
        let total = due.len().saturating_add(running).max(batch.started);
        let halted = running > 0 && configuration.too_many_errors(batch.failed, total);
        let free = if halted { 0 } else { configuration.concurrency(total).saturating_sub(running) };
        let mut started = Vec::new();
        for key in due {
            let resource_type = self.results.get(&key).map_or_else(String::new, |result| result.resource_type.clone());
            let start = started.len() < free;
            let progress = if start { Progress::Running } else { Progress::Queued };
            let run = Run {
                resource_type,
                automatic: true,
                progress,
                execution: None,
                error: None,
                invoked: now,
                updated: now,
            };
            self.remediation.runs.insert(key.clone(), run);
            if start {
                started.push(key);
            }
        }
        let batch = self.remediation.batches.entry(rule.to_owned()).or_default();
        batch.started = batch.started.saturating_add(started.len());
        started
    }

    /// Returns true if a resource of the snapshot is to be remediated.
    fn due(&self, key: &Key, now: Timestamp, settings: &Settings) -> bool {
        !self.remediation.excepted(key, now)
            && self.remediation.runs.get(key).is_none_or(|run| run.progress != Progress::Running)
            && (settings.remediate_while_evaluation_pending || !self.evaluation_pending(&key.0, &key.1))
    }
}

#[cfg(test)]
#[path = "remediation_tests.rs"]
mod tests;
