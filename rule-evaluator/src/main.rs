//! Lambda function `rule-evaluator`; see the library of this crate.

use aws_adapters::LambdaServices;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rule_evaluator::Evaluator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws_adapters::init_log();
    let sdk = aws_adapters::from_env()?;
    let evaluator = Evaluator::new(LambdaServices::new(&sdk), Timestamp::now);
    run(service_fn(|event: LambdaEvent<_>| evaluator.handle(event.payload))).await
}
