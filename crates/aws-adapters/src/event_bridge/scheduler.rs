//! EventBridge Scheduler.

use std::env;
use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::schedules::{Schedule, Schedules};
use aws_types::SdkConfig;
use serde::Serialize;

use crate::aws_service::{AwsService, Service, json, retries};
use crate::error::FromSdk;

pub(super) const OPERATION: &str = "scheduler:CreateSchedule";

static SERVICE: Service = Service {
    id: "Scheduler",
    signing_name: "scheduler",
    host: "scheduler",
    protocol: &json::REST_JSON,
    // It may be repeated: a schedule of this name is the same schedule. The sweep finds what is not scheduled.
    attempts: 2,
    attempt_timeout: Duration::from_secs(3),
    retries: retries::of_what_passes,
};

/// Retries of an invocation that the function did not take, for less time than until the next sweep.
const RETRY: RetryPolicy = RetryPolicy { maximum_retry_attempts: 5, maximum_event_age_in_seconds: 600 };

/// EventBridge Scheduler, for invocations of one function.
#[derive(Debug)]
pub struct Scheduler {
    service: AwsService,
    function_arn: String,
    role_arn: String,
}

impl Scheduler {
    /// The adapter for invocations of the function `function_name` in the account of the role `role_arn`, which Scheduler
    /// assumes for them. `None` if this is not the ARN of a role. The client is created on the first call.
    #[must_use]
    pub fn new(sdk: &SdkConfig, role_arn: &str, function_name: &str) -> Option<Self> {
        let [_, partition, "iam", "", account, _] = role_arn.splitn(6, ':').collect::<Vec<_>>()[..] else {
            return None;
        };
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let function_arn = format!("arn:{partition}:lambda:{region}:{account}:function:{function_name}");
        Some(Self { service: AwsService::new(&SERVICE, sdk), function_arn, role_arn: role_arn.to_owned() })
    }

    /// The adapter for invocations of this function, with the role in `SCHEDULE_ROLE`; `None` without this variable.
    #[must_use]
    pub fn from_env(sdk: &SdkConfig) -> Option<Self> {
        Self::new(sdk, &env::var("SCHEDULE_ROLE").ok()?, &env::var("AWS_LAMBDA_FUNCTION_NAME").ok()?)
    }
}

/// Source: <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'r> {
    schedule_expression: String,
    schedule_expression_timezone: &'static str,
    flexible_time_window: FlexibleTimeWindow,
    action_after_completion: &'static str,
    target: Target<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FlexibleTimeWindow {
    mode: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Target<'r> {
    arn: &'r str,
    role_arn: &'r str,
    input: &'r str,
    retry_policy: RetryPolicy,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RetryPolicy {
    maximum_retry_attempts: u32,
    maximum_event_age_in_seconds: u32,
}

impl Schedules for Scheduler {
    async fn schedule(&self, schedule: &Schedule) -> Result<(), AwsError> {
        let Schedule { name, at, payload } = schedule;
        let at = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let request = Request {
            schedule_expression: format!("at({at})"),
            schedule_expression_timezone: "UTC",
            flexible_time_window: FlexibleTimeWindow { mode: "OFF" },
            action_after_completion: "DELETE",
            target: Target { arn: &self.function_arn, role_arn: &self.role_arn, input: payload, retry_policy: RETRY },
        };
        let body = serde_json::to_string(&request).unwrap_or_default();
        match self.service.rest("/schedules/", name, body).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = AwsError::from_sdk(OPERATION, &format!("schedule {name}"), &error);
                if error.code() == Some("ConflictException") { Ok(()) } else { Err(error) }
            }
        }
    }
}
