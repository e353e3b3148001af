//! Lambda functions of the stack for findings; see the library of this crate.

use std::env;
use std::time::{Duration, SystemTime};

use aws_adapters::{FindingTable, Sqs, Ssm};
use aws_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reporter::{Duty, Metrics, Recorder};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws_adapters::init_log();
    let sdk = aws_adapters::from_env()?;
    let metrics = Metrics::new(env::var("METRICS_OF_RULE").ok());
    match env::var("DUTY").unwrap_or_default().parse()? {
        Duty::Record => {
            let rule = env::var("CONFIG_RULE").ok();
            let recorder = Recorder::new(FindingTable::from_env(&sdk)?, Ssm::new(&sdk), Sqs::new(&sdk), rule);
            let recorder = recorder.with_metrics(metrics);
            run(service_fn(|event: LambdaEvent<SqsEvent>| {
                let deadline = instant(event.context.deadline());
                let answer = recorder.handle(event.payload, deadline);
                async { Ok::<_, Error>(answer.await) }
            }))
            .await
        }
    }
}

/// The time as one of the clock that timers use.
fn instant(time: SystemTime) -> Instant {
    let left = time.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
    Instant::now() + left
}
