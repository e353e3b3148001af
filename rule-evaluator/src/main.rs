//! Lambda function `rule-evaluator`; see the library of this crate.

use aws_adapters::{ClosingTable, LambdaServices};
use jiff::Timestamp;
use judgement::GraceDays;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rule_evaluator::Evaluator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws_adapters::init_log();
    let sdk = aws_adapters::from_env()?;
    let grace_days = std::env::var("GRACE_DAYS").ok().map(|days| GraceDays::read(&days)).transpose()?.flatten();
    // Only with days of grace is there a table to read.
    let table = match grace_days {
        Some(_) => ClosingTable::from_env(&sdk)?,
        None => ClosingTable::new(&sdk, String::new()),
    };
    let evaluator = Evaluator::new(LambdaServices::new(&sdk).with_state(table), Timestamp::now);
    let evaluator = match grace_days {
        Some(days) => evaluator.with_grace(days),
        None => evaluator,
    };
    run(service_fn(|event: LambdaEvent<_>| evaluator.handle(event.payload))).await
}
