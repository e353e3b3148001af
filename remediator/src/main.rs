//! The Lambda function `remediator`: see the library of this crate.

#![recursion_limit = "256"]

use aws_adapters::{Bucket, Config, Ec2, Ssm};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use remediator::Remediator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws_adapters::init_log();
    let sdk = aws_adapters::from_env()?;
    let bucket = Bucket::from_env(&sdk)?;
    let remediator = Remediator::new(Config::new(&sdk), Ec2::new(&sdk), Ssm::new(&sdk), bucket, Timestamp::now);
    run(service_fn(|event: LambdaEvent<_>| {
        let deadline = Timestamp::try_from(event.context.deadline()).unwrap_or(Timestamp::MAX);
        remediator.handle(event.payload, deadline)
    }))
    .await
}
