//! The functions, as Lambda runs them: two of each at once, each in a process that goes on until it ends at a call or runs out
//! of time.

use std::rc::Rc;
use std::time::Duration;

use aws_events::sqs::{BatchResponse, SqsEvent};
use reporter::{
    Announcer, ChannelOutlets, DocumentUnavailable, Documents, Jobs, Notifier, NotifyHandler, Recorder, Sweeper,
};
use routing::Document;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep, timeout};

use crate::aws::Aws;
use crate::clock::now;
use crate::queue::Queue;
use crate::services::Network;
use crate::world::{JOBS, Process, Sqs, Table, World};

/// Time-outs of the functions, as in the template.
const RECORD_LIMIT: Duration = Duration::from_secs(30);
const NOTIFY_LIMIT: Duration = Duration::from_mins(1);
const SWEEP_LIMIT: Duration = Duration::from_mins(5);

/// The routing document, which is always there.
#[derive(Debug)]
struct Routing(Rc<Document>);

impl Documents for Routing {
    async fn document(&self) -> Result<Option<Rc<Document>>, DocumentUnavailable> {
        Ok(Some(Rc::clone(&self.0)))
    }
}

/// Starts all functions.
pub(crate) fn start(world: &Rc<World>) -> Vec<JoinHandle<()>> {
    let two = |_| {
        let (one, other) = (Rc::clone(world), Rc::clone(world));
        [spawn_local(record(one)), spawn_local(notify(other))]
    };
    let mut tasks: Vec<_> = (0..2).flat_map(two).collect();
    tasks.push(spawn_local(sweep(Rc::clone(world))));
    tasks
}

/// Runs a function for a batch. Returns false if its process has ended: the batch comes back when the queue shows it again.
async fn invoke(
    process: &Process,
    queue: &Queue,
    limit: Duration,
    batch: &SqsEvent,
    run: impl Future<Output = BatchResponse>,
) -> bool {
    tokio::select! {
        biased;
        () = process.dead.notified() => false,
        answer = timeout(limit, run) => {
            if let Ok(answer) = &answer {
                queue.answer(batch, answer);
            }
            answer.is_ok()
        }
    }
}

async fn record(world: Rc<World>) {
    loop {
        let process = Process::new(&world);
        let jobs = Jobs::new(Sqs(Rc::clone(&process)), JOBS.to_owned());
        let announcer = Announcer::new(Routing(Rc::clone(&world.document)), jobs, now);
        let (table, aws, sqs) = (Table(Rc::clone(&process)), Aws(Rc::clone(&process)), Sqs(Rc::clone(&process)));
        let recorder = Recorder::new(table, aws, sqs, None, Some(announcer));
        loop {
            let batch = world.events.receive().await;
            let run = recorder.handle(batch.clone(), Instant::now() + RECORD_LIMIT);
            if !invoke(&process, &world.events, RECORD_LIMIT, &batch, run).await {
                break;
            }
        }
    }
}

async fn notify(world: Rc<World>) {
    loop {
        let process = Process::new(&world);
        let aws = || Aws(Rc::clone(&process));
        let outlets = ChannelOutlets::new(Network(Rc::clone(&process)), aws(), aws(), aws());
        let jobs = Jobs::new(Sqs(Rc::clone(&process)), JOBS.to_owned());
        let notifier = Notifier::new(Table(Rc::clone(&process)), outlets, jobs, now);
        let routing = Routing(Rc::clone(&world.document));
        let handler = NotifyHandler::new(notifier, routing, Sqs(Rc::clone(&process)), now);
        loop {
            let batch = world.jobs.receive().await;
            let run = handler.handle(batch.clone(), Instant::now() + NOTIFY_LIMIT);
            if !invoke(&process, &world.jobs, NOTIFY_LIMIT, &batch, run).await {
                break;
            }
        }
    }
}

/// Each hour, the sweep.
async fn sweep(world: Rc<World>) {
    loop {
        sleep(Duration::from_hours(1)).await;
        let process = Process::new(&world);
        let jobs = Jobs::new(Sqs(Rc::clone(&process)), JOBS.to_owned());
        let sweeper = Sweeper::new(Table(Rc::clone(&process)), Routing(Rc::clone(&world.document)), jobs, now);
        tokio::select! {
            biased;
            () = process.dead.notified() => {}
            // One that fails is left to the next one.
            _ = timeout(SWEEP_LIMIT, sweeper.sweep(Instant::now() + SWEEP_LIMIT)) => {}
        }
    }
}
