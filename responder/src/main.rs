//! Lambda function `responder`; see the library of this crate.

use std::time::SystemTime;

use aws_adapters::{AccountTable, LambdaServices, Sqs};
use jiff::Timestamp;
use judgement::ConfigRulePolicy;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use responder::{Incoming, Modes, Responder, Settings};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws_adapters::init_log();
    let sdk = aws_adapters::from_env()?;
    let services = LambdaServices::new(&sdk);
    let policy = ConfigRulePolicy::new(services.config.clone(), services.ssm.clone());
    let of_account = (AccountTable::from_env(&sdk)?, Sqs::new(&sdk));
    let responder = Responder::new(services, Box::new(policy), of_account, settings()?, Timestamp::now);
    run(service_fn(|event: LambdaEvent<Incoming>| {
        let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        // Boxed, because the compiler limits how deeply futures are nested.
        Box::pin(responder.handle(event.payload, Instant::now() + left))
    }))
    .await
}

fn settings() -> Result<Settings, Error> {
    let required = |name: &str| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let modes = Modes {
        cloudtrail: required("CLOUDTRAIL_MODE")?.parse()?,
        inspector: required("INSPECTOR_MODE")?.parse()?,
        security_hub: required("SECURITY_HUB_MODE")?.parse()?,
        sns: required("SNS_MODE")?.parse()?,
    };
    let (account, region, rule) = (required("ACCOUNT")?, required("AWS_REGION")?, required("CONFIG_RULE")?);
    let inspector_response = required("INSPECTOR_RESPONSE")?.parse()?;
    Ok(Settings { account, region, rule, modes, inspector_response })
}
