//! Lambda functions `remediator`, `restorer` and `quarantine`; see the library of this crate.

use std::num::ParseIntError;

use aws_adapters::{Bucket, ClosingTable, LambdaServices};
use jiff::{SignedDuration, Timestamp};
use judgement::{ConfigRulePolicy, GraceDays};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use remediation::{ClosingsPerHour, Payload, ReevaluationLimits, Remediation};
use remediator::Remediator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws_adapters::init_log();
    let sdk = aws_adapters::from_env()?;
    // Only the remediator counts closings, and has a table for it.
    let closings_per_hour = number("CLOSINGS_PER_HOUR")?.map(ClosingsPerHour::from);
    let table = match closings_per_hour {
        Some(_) => ClosingTable::from_env(&sdk)?,
        None => ClosingTable::new(&sdk, String::new()),
    };
    let mut services = LambdaServices::new(&sdk).with_store(Bucket::from_env(&sdk)?).with_state(table);
    services.events = services.events.with_schedules(&sdk);
    let policy = ConfigRulePolicy::new(services.config.clone(), services.ssm.clone());
    let mut remediation = Remediation::new(services, Box::new(policy), Timestamp::now).with_reevaluations(limits()?);
    if let Ok(rule) = std::env::var("CONFIG_RULE") {
        remediation = remediation.with_own_rule(rule);
    }
    if let Some(most) = closings_per_hour {
        remediation = remediation.with_closings_per_hour(most);
    }
    if std::env::var("AUTOMATIC").is_ok_and(|automatic| automatic == "True") {
        remediation = remediation.in_automatic_mode();
    }
    if let Some(days) = GraceDays::read(&std::env::var("GRACE_DAYS").unwrap_or_else(|_| "0".to_owned()))? {
        remediation = remediation.with_grace(days);
    }
    let remediator = Remediator::new(remediation);
    run(service_fn(|event: LambdaEvent<Payload>| {
        let deadline = Timestamp::try_from(event.context.deadline()).unwrap_or(Timestamp::MAX);
        remediator.answer(event.payload, deadline)
    }))
    .await
}

/// A number in the environment, if it is set.
fn number(name: &str) -> Result<Option<u32>, ParseIntError> {
    std::env::var(name).ok().map(|text| text.parse()).transpose()
}

/// Limits of evaluations on demand, from the environment that the stack sets.
fn limits() -> Result<ReevaluationLimits, Error> {
    let default = ReevaluationLimits::default();
    let minutes = number("REEVALUATION_MINUTES")?;
    let per_day = number("REEVALUATIONS_PER_DAY")?.map(usize::try_from).transpose()?;
    Ok(ReevaluationLimits {
        interval: minutes.map_or(default.interval, |minutes| SignedDuration::from_mins(minutes.into())),
        per_day: per_day.unwrap_or(default.per_day),
    })
}
