//! AWS Config: the recorder, rules, evaluations and remediation.

mod compliance;
mod delivery;
mod diff;
mod evaluation;
mod event;
mod exception;
mod item;
mod recorder;
mod recorder_api;
mod recording;
mod remediation;
mod remediation_api;
mod remediation_run;
mod rule;
mod rule_api;
mod schedule;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

pub(crate) use delivery::invocation_ended;
pub(crate) use recorder_api::default_recorder;
pub(crate) use recording::run as run_recorder;
pub(crate) use remediation_run::run as run_remediation;
pub(crate) use schedule::{redeliver, run as run_schedules, schedule_now};

use crate::cloud::Cloud;
use crate::wire::{AwsError, Caller, Reply, limit, text, texts};

/// The state of AWS Config.
#[derive(Debug, Default)]
pub(crate) struct State {
    recorder: Option<recorder::Recorder>,
    /// True if the recorder is the one that the local cloud creates, which needs no delivery channel.
    default_recorder: bool,
    channel: Option<Value>,
    history: recorder::History,
    scan: PendingScan,
    rules: BTreeMap<String, rule::Rule>,
    tokens: HashMap<String, evaluation::Token>,
    /// Newest evaluations, by rule and resource.
    results: BTreeMap<(String, String), evaluation::Evaluated>,
    invocations: BTreeMap<u64, delivery::Invocation>,
    queue: VecDeque<u64>,
    last_invocation: u64,
    remediation: remediation::Remediations,
}

/// The groups that the recorder has to check.
#[derive(Debug, Default)]
struct PendingScan {
    all: bool,
    groups: BTreeSet<String>,
}

impl State {
    /// Creates a state with a recorder.
    pub(crate) fn with_recorder(recorder: recorder::Recorder) -> Self {
        let scan = PendingScan { all: true, groups: BTreeSet::new() };
        Self { recorder: Some(recorder), default_recorder: true, scan, ..Self::default() }
    }

    /// Continues the numbers of invocations of another state, so that the end of one of its invocations is not taken
    /// for the end of one of this state.
    pub(crate) fn numbered_after(mut self, other: &Self) -> Self {
        self.last_invocation = other.last_invocation;
        self
    }

    fn scan_everything(&mut self) {
        self.scan.all = true;
    }

    /// Marks groups as changed by EC2; all groups if `groups` is empty.
    pub(crate) fn groups_changed(&mut self, groups: Vec<String>) {
        if groups.is_empty() {
            self.scan.all = true;
        }
        self.scan.groups.extend(groups);
    }

    /// Returns true if nothing waits to be recorded, evaluated or remediated, except for automations that wait for a
    /// human decision.
    pub(crate) fn idle(&self, settings: &crate::settings::Settings, waiting: &BTreeSet<String>) -> bool {
        !self.scan.all
            && self.scan.groups.is_empty()
            && self.invocations.is_empty()
            && self.remediation.idle(self, crate::clock::now(), settings, waiting)
    }

    /// Returns the id of a rule, for resource ARNs in IAM.
    pub(crate) fn rule_id(&self, name: &str) -> Option<String> {
        self.rules.get(name).map(|rule| rule.id.clone())
    }
}

/// Serves an operation of AWS Config.
pub(crate) async fn handle(cloud: &Arc<Cloud>, operation: &str, data: Value, caller: &Caller) -> Reply {
    match operation {
        "PutConfigurationRecorder" => recorder_api::put_recorder(cloud, &data),
        "DescribeConfigurationRecorders" => recorder_api::describe_recorders(cloud, &data),
        "DescribeConfigurationRecorderStatus" => recorder_api::describe_status(cloud, &data),
        "StartConfigurationRecorder" => recorder_api::set_recording(cloud, &data, true),
        "StopConfigurationRecorder" => recorder_api::set_recording(cloud, &data, false),
        "DeleteConfigurationRecorder" => recorder_api::delete_recorder(cloud, &data),
        "PutDeliveryChannel" => recorder_api::put_channel(cloud, &data),
        "DescribeDeliveryChannels" => Ok(recorder_api::describe_channels(cloud)),
        "DeleteDeliveryChannel" => recorder_api::delete_channel(cloud),
        "GetResourceConfigHistory" => recorder_api::history(cloud, data),
        "BatchGetResourceConfig" => recorder_api::batch(cloud, &data),
        "ListDiscoveredResources" => recorder_api::discovered(cloud, &data),
        "PutConfigRule" => rule_api::put(cloud, data).await,
        "DescribeConfigRules" => rule_api::describe(cloud, &data),
        "DeleteConfigRule" => rule_api::delete(cloud, &data),
        "StartConfigRulesEvaluation" => rule_api::start_evaluation(cloud, &data),
        "DescribeConfigRuleEvaluationStatus" => rule_api::evaluation_status(cloud, &data),
        "PutEvaluations" => evaluation::put(cloud, data),
        "DescribeComplianceByConfigRule" => compliance::by_rule(cloud, &data),
        "GetComplianceDetailsByConfigRule" => compliance::details_by_rule(cloud, &data),
        "DescribeComplianceByResource" => compliance::by_resource(cloud, &data),
        "GetComplianceDetailsByResource" => compliance::details_by_resource(cloud, &data),
        "GetComplianceSummaryByConfigRule" => Ok(compliance::summary(cloud)),
        "PutRemediationConfigurations" => remediation_api::put(cloud, data, caller).await,
        "DescribeRemediationConfigurations" => Ok(remediation_api::describe(cloud, &data)),
        "DeleteRemediationConfiguration" => remediation_api::delete(cloud, &data),
        "StartRemediationExecution" => remediation_api::start(cloud, data, caller).await,
        "DescribeRemediationExecutionStatus" => remediation_api::status(cloud, &data),
        "PutRemediationExceptions" => exception::put(cloud, data),
        "DescribeRemediationExceptions" => exception::describe(cloud, &data),
        "DeleteRemediationExceptions" => exception::delete(cloud, &data),
        other => Err(AwsError::new(
            "UnknownOperationException",
            format!("The local cloud does not serve config:{other}. See docs/local-cloud.md for what it serves."),
        )),
    }
}
