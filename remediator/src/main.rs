//! Lambda functions `remediator`, `restorer` and `quarantine`; see the library of this crate.

use aws_adapters::{Bucket, LambdaServices};
use jiff::Timestamp;
use judgement::ConfigRulePolicy;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use remediation::Remediation;
use remediator::Remediator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws_adapters::init_log();
    let sdk = aws_adapters::from_env()?;
    let services = LambdaServices::new(&sdk).with_store(Bucket::from_env(&sdk)?);
    let policy = ConfigRulePolicy::new(services.config.clone(), services.ssm.clone(), Timestamp::now);
    let remediator = Remediator::new(Remediation::new(services, Box::new(policy), Timestamp::now));
    run(service_fn(|event: LambdaEvent<_>| {
        let deadline = Timestamp::try_from(event.context.deadline()).unwrap_or(Timestamp::MAX);
        remediator.handle(event.payload, deadline)
    }))
    .await
}
