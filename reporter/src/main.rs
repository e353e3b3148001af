//! Lambda functions of the stack for findings; see the library of this crate.

use std::env;
use std::time::{Duration, SystemTime};

use aws_adapters::{
    AccountTable, Bucket, Config, EventBridge, FindingTable, HttpClient, SdkConfig, SecretStore, SecurityHubClient,
    Sqs, Ssm, Surroundings, Topics,
};
use futures::{FutureExt as _, TryFutureExt as _};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use plain_text::error_message;
use reporter::{
    AccountSweep, Announcer, ChannelOutlets, ContextFinder, DocumentLocation, DocumentSource, Duty, FollowUp, Jobs,
    Metrics, Notifier, NotifyHandler, Origin, Recorder, ReportWriter, RoutingDocument, Schedule, Sweeper,
};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws_adapters::init_log();
    let sdk = aws_adapters::from_env()?;
    let metrics = Metrics::new(variable("METRICS_OF_RULE"));
    // Boxed here and below, because the compiler limits how deeply futures are nested.
    match env::var("DUTY").unwrap_or_default().parse()? {
        Duty::Record => Box::pin(record(&sdk, metrics)).await,
        Duty::Notify => Box::pin(notify(&sdk, metrics)).await,
        Duty::Sweep => Box::pin(sweep(&sdk, metrics)).await,
        Duty::AccountSweep => Box::pin(account_sweep(&sdk)).await,
        Duty::Context => Box::pin(context(&sdk)).await,
        Duty::FollowUp => Box::pin(follow_up(&sdk)).await,
        Duty::Report => Box::pin(report(&sdk)).await,
    }
}

async fn record(sdk: &SdkConfig, metrics: Metrics) -> Result<(), Error> {
    let sqs = Sqs::new(sdk);
    // Without a queue there is nobody to tell.
    let announcer = match variable("NOTIFY_QUEUE") {
        Some(queue) => {
            let documents = documents(sdk, &queue)?;
            let wait = required("CONTEXT_WAIT_SECONDS")?.parse().map(SignedDuration::from_secs);
            let wait = wait.map_err(|_| "CONTEXT_WAIT_SECONDS is not a number of seconds")?;
            Some(Announcer::new(documents, Jobs::new(&sqs, queue), Timestamp::now).waiting_for_context(wait))
        }
        None => None,
    };
    let (table, rule) = (FindingTable::from_env(sdk)?, variable("CONFIG_RULE"));
    let recorder = Recorder::new(table, Ssm::new(sdk), &sqs, rule, announcer).with_metrics(metrics);
    serve(|event, deadline| recorder.handle(event, deadline).map(Ok)).await
}

async fn notify(sdk: &SdkConfig, metrics: Metrics) -> Result<(), Error> {
    let (queue, sqs) = (notify_queue()?, Sqs::new(sdk));
    let (http, secrets) = (HttpClient::new(sdk)?, SecretStore::new(sdk));
    let outlets = ChannelOutlets::new(http, secrets, Topics::new(sdk), SecurityHubClient::new(sdk));
    let documents = documents(sdk, &queue)?;
    let notifier = Notifier::new(FindingTable::from_env(sdk)?, outlets, Jobs::new(&sqs, queue), Timestamp::now)
        .with_metrics(metrics);
    let handler = NotifyHandler::new(notifier, documents, &sqs, Timestamp::now);
    serve(|event, deadline| handler.handle(event, deadline).map(Ok)).await
}

async fn sweep(sdk: &SdkConfig, metrics: Metrics) -> Result<(), Error> {
    let queue = notify_queue()?;
    let documents = documents(sdk, &queue)?;
    let jobs = Jobs::new(Sqs::new(sdk), queue);
    let sweeper = Sweeper::new(FindingTable::from_env(sdk)?, documents, jobs, Timestamp::now).with_metrics(metrics);
    serve(|_: IgnoredAny, deadline| sweeper.sweep(deadline).map_err(failure)).await
}

/// The rule of the stack.
fn origin() -> Result<Origin, Error> {
    Ok(Origin { account: required("ACCOUNT")?, region: required("AWS_REGION")?, rule: required("CONFIG_RULE")? })
}

async fn context(sdk: &SdkConfig) -> Result<(), Error> {
    let services = (Surroundings::new(sdk), EventBridge::from_env(sdk), AccountTable::from_env(sdk)?, Sqs::new(sdk));
    let finder = ContextFinder::new(services, origin()?, required("OWNER_TAG")?, Timestamp::now);
    serve(|event, deadline| finder.handle(event, deadline).map(Ok)).await
}

async fn account_sweep(sdk: &SdkConfig) -> Result<(), Error> {
    let (config, events, table) = (Config::new(sdk), EventBridge::from_env(sdk), AccountTable::from_env(sdk)?);
    let sweep = AccountSweep::new(config, events, table, origin()?).with_grace(grace_days()?);
    serve(|schedule: Schedule, deadline| sweep.run(due(&schedule), deadline).map(Ok)).await
}

async fn follow_up(sdk: &SdkConfig) -> Result<(), Error> {
    let (ssm, table, document) = (Ssm::new(sdk), AccountTable::from_env(sdk)?, required("CLOSE_DOCUMENT")?);
    let automatic_mode = required("AUTOMATIC")? == "True";
    let follow_up = FollowUp::new(ssm, table, document, origin()?);
    let follow_up = follow_up.in_automatic_mode(automatic_mode).with_grace(grace_days()?);
    serve(async |schedule: Schedule, deadline| {
        match follow_up.run(due(&schedule), deadline).await {
            // An error rings the alarm. The next run tries again.
            Ok(done) if done.failed > 0 => Err(Error::from(format!("{} closings were not started", done.failed))),
            done => done.map_err(failure),
        }
    })
    .await
}

/// Days of grace of the stack; 0 for none.
fn grace_days() -> Result<u16, Error> {
    Ok(required("GRACE_DAYS")?.parse().map_err(|_| "GRACE_DAYS is not a number of days")?)
}

/// The time of a schedule, and no earlier one than now: Lambda repeats a schedule that failed.
fn due(schedule: &Schedule) -> Timestamp {
    schedule.time.map_or_else(Timestamp::now, |time| time.max(Timestamp::now()))
}

async fn report(sdk: &SdkConfig) -> Result<(), Error> {
    let bucket = Bucket::new(sdk, required("REPORT_BUCKET")?, required("ACCOUNT")?);
    let prefix = variable("REPORT_PREFIX").unwrap_or_default();
    let (table, rule) = (FindingTable::from_env(sdk)?, required("CONFIG_RULE")?);
    let writer = ReportWriter::new(table, bucket, prefix, rule, Timestamp::now);
    serve(|schedule: Schedule, deadline| writer.run(schedule.time, deadline).map_err(failure)).await
}

fn notify_queue() -> Result<String, Error> {
    Ok(variable("NOTIFY_QUEUE").ok_or("NOTIFY_QUEUE is not set: name the ARN of the queue of notifications")?)
}

/// The routing document that `ROUTING_DOCUMENT` names. A bucket has to be of the account of the queue with the ARN `queue`: the
/// document of another account that took a name over is not read.
fn documents(sdk: &SdkConfig, queue: &str) -> Result<RoutingDocument<Ssm, Bucket>, Error> {
    let source = match variable("ROUTING_DOCUMENT").map(|text| text.parse()).transpose()? {
        None => DocumentSource::Nowhere,
        Some(DocumentLocation::Parameter(name)) => DocumentSource::Parameter(Ssm::new(sdk), name),
        Some(DocumentLocation::Object { bucket, key }) => {
            let account = queue.split(':').nth(4).unwrap_or_default().to_owned();
            DocumentSource::Object(Bucket::new(sdk, bucket, account), key)
        }
    };
    Ok(RoutingDocument::new(source, Timestamp::now))
}

/// A variable that is set to a text.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

/// A variable without which the function cannot work.
fn required(name: &str) -> Result<String, String> {
    variable(name).ok_or_else(|| format!("{name} is not set: the stack of Portcullis sets it"))
}

/// Answers events, each before a deadline, until Lambda ends the process.
async fn serve<E, A, F>(answer: impl Fn(E, Instant) -> F) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Error>>,
{
    run(service_fn(|event: LambdaEvent<E>| {
        let deadline = instant(event.context.deadline());
        Box::pin(answer(event.payload, deadline))
    }))
    .await
}

/// An error as Lambda shows it: with its causes.
fn failure(error: impl std::error::Error + 'static) -> Error {
    Error::from(error_message(&error))
}

/// The time as one of the clock that timers use.
fn instant(time: SystemTime) -> Instant {
    let left = time.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
    Instant::now() + left
}
