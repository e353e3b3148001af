//! A scenario: what happens to groups, and what goes wrong meanwhile. And how it is played.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use findings::finding::{Finding, FindingKey};
use findings::intake::{Intake, read};
use reporter::{Job, pending_jobs};
use routing::Document;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::sleep;

use crate::clock::{self, now};
use crate::events::{Said, event};
use crate::fault::{Fault, Place, StoreFault};
use crate::functions;
use crate::logs::Log;
use crate::world::World;

/// Time in which all that can be told is told, once there are no more faults.
const BOUND: Duration = Duration::from_hours(12);
const CHECK: Duration = Duration::from_mins(5);
/// Length of a window.
pub(crate) const BURST_MINUTES: u32 = 10;

/// What happens to a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Minutes since the step before.
    pub(crate) wait: u16,
    pub(crate) group: usize,
    pub(crate) said: Said,
    /// Seconds until the event is in the queue: later ones may overtake it.
    pub(crate) delay: u16,
    /// Seconds until it is there once more.
    pub(crate) again: Option<u16>,
}

impl Step {
    /// A step a quarter of an hour after the one before, whose event comes at once.
    pub(crate) fn new(group: usize, said: Said) -> Self {
        Self { wait: 15, group, said, delay: 0, again: None }
    }
}

/// A scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    /// The only channel; all of them if there is none.
    pub(crate) only: Option<Place>,
    /// So many messages of their own within a window, and more in one about many; as many as there may be, without it.
    pub(crate) burst: Option<u32>,
    pub(crate) steps: Vec<Step>,
    /// The store is emptied before the step with this number, once all is told; then the newest events come again.
    pub(crate) emptied_before: Option<usize>,
    /// So many calls of a service are well, and then one is not.
    pub(crate) services: Vec<(Place, usize, Fault)>,
    /// A service that fails from the beginning to the end, and how.
    pub(crate) down: Option<(Place, Fault)>,
    pub(crate) store: Vec<(usize, StoreFault)>,
    pub(crate) queues: Vec<(usize, bool)>,
    pub(crate) deaths: Vec<(usize, bool)>,
}

/// What became of it.
pub(crate) struct Outcome {
    pub(crate) scenario: Scenario,
    pub(crate) world: Rc<World>,
    /// The findings as they must be, by the events in their order.
    pub(crate) expected: BTreeMap<FindingKey, Finding>,
    pub(crate) was_emptied: bool,
    pub(crate) log: Log,
}

/// The routing document, in which everyone hears of everything, or only one channel.
fn document(only: Option<Place>, burst: Option<u32>) -> Document {
    let mut document: Value = serde_json::from_str(include_str!("routing.json")).unwrap();
    if let Some(place) = only {
        let name = place.channel();
        let channel = document["channels"][name].take();
        document["channels"] = json!({ name: channel });
        document["defaultChannels"] = json!([name]);
    }
    document["burst"] = json!({"findings": burst.unwrap_or(1_000), "minutes": BURST_MINUTES});
    document.to_string().parse().unwrap()
}

impl Scenario {
    /// How many things go wrong that may have a place told once more: programs that end, and calls that fail or whose outcome
    /// is not known.
    pub(crate) fn disturbances(&self, place: Place) -> usize {
        let is_it = |other: &Place| *other == place || *other == Place::Secrets;
        let services = self.services.iter().filter(|(other, _, _)| is_it(other)).count();
        let down = self.down.filter(|(other, _)| is_it(other)).map_or(0, |_| usize::MAX / 2);
        down + services + self.store.len() + self.queues.len() + self.deaths.len()
    }

    fn set_faults(&self, world: &World) {
        let faults = &world.faults;
        *faults.down.borrow_mut() = self.down;
        for (place, well, fault) in &self.services {
            let mut services = faults.services.borrow_mut();
            let calls = services.entry(*place).or_default();
            calls.extend(std::iter::repeat_n(None, *well).chain([Some(*fault)]));
        }
        for (well, fault) in &self.store {
            faults.store.borrow_mut().extend(std::iter::repeat_n(None, *well).chain([Some(*fault)]));
        }
        for (well, is_carried_out) in &self.queues {
            faults.queues.borrow_mut().extend(std::iter::repeat_n(None, *well).chain([Some(*is_carried_out)]));
        }
        faults.deaths.borrow_mut().extend(self.deaths.iter().copied());
    }

    /// Plays it to its end, and has `check` look at the world at two times: when all that is not down was told, with the place
    /// that is down, and when all was told.
    pub(crate) fn play(
        &self,
        check: impl Fn(&Outcome, Option<Place>, &[Finding]) -> Result<(), String>,
    ) -> Result<Outcome, String> {
        let log = Log::default();
        let guard = log.capture();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let local = LocalSet::new();
        let result = runtime.block_on(local.run_until(self.run(log.clone(), check)));
        drop((local, guard));
        result.map_err(|error| {
            let mut text = error;
            write!(text, "\n{}", log.text()).unwrap();
            text
        })
    }

    async fn run(
        &self,
        log: Log,
        check: impl Fn(&Outcome, Option<Place>, &[Finding]) -> Result<(), String>,
    ) -> Result<Outcome, String> {
        clock::begin();
        let world = Rc::new(World::new(document(self.only, self.burst), self.seed));
        self.set_faults(&world);
        let functions = functions::start(&world);
        let mut outcome = Outcome {
            scenario: self.clone(),
            world: Rc::clone(&world),
            expected: BTreeMap::new(),
            was_emptied: false,
            log,
        };
        let mut newest: BTreeMap<usize, String> = BTreeMap::new();
        for (number, step) in self.steps.iter().enumerate() {
            sleep(Duration::from_mins(step.wait.into())).await;
            if self.emptied_before == Some(number) {
                self.settle(&outcome, None, &functions).await?;
                world.store.take();
                outcome.was_emptied = true;
                for body in newest.values() {
                    world.events.add(body.clone(), Duration::ZERO);
                }
                sleep(Duration::from_mins(1)).await;
                self.settle(&outcome, None, &functions).await?;
            }
            let body = event(step.group, step.said, now()).to_string();
            outcome.learn(&body);
            world.events.add(body.clone(), Duration::from_secs(step.delay.into()));
            if let Some(again) = step.again {
                world.events.add(body.clone(), Duration::from_secs(again.into()));
            }
            newest.insert(step.group, body);
        }
        world.faults.clear();
        if let Some((down, _)) = self.down {
            let findings = self.settle(&outcome, Some(down), &functions).await?;
            check(&outcome, Some(down), &findings)?;
        }
        *world.faults.down.borrow_mut() = None;
        let findings = self.settle(&outcome, None, &functions).await?;
        check(&outcome, None, &findings)?;
        Ok(outcome)
    }

    /// Waits until all is told but what a service that is down is to be told. Returns the findings as they are then.
    async fn settle(
        &self,
        outcome: &Outcome,
        down: Option<Place>,
        functions: &[JoinHandle<()>],
    ) -> Result<Vec<Finding>, String> {
        let world = &outcome.world;
        let begun = clock::elapsed();
        loop {
            sleep(CHECK).await;
            if functions.iter().any(JoinHandle::is_finished) {
                return Err("a function has panicked".to_owned());
            }
            let is_quiet = world.events.is_empty() && (down.is_some() || world.jobs.is_empty());
            let findings = world.findings().await;
            let down = down.map(Place::channel);
            let pending: Vec<_> =
                findings.iter().flat_map(|finding| pending_jobs(&world.document, finding, now())).collect();
            let is_left = |channel: &str| Some(channel) != down;
            let left: Vec<_> = pending.iter().filter(|job| is_left(channel_of(&job.job))).collect();
            if is_quiet && left.is_empty() {
                return Ok(findings);
            }
            if clock::elapsed() > begun + BOUND {
                return Err(format!("not told within {BOUND:?}: {left:?}"));
            }
        }
    }
}

fn channel_of(job: &Job) -> &str {
    match job {
        Job::Finding { channel, .. } | Job::Burst { channel, .. } | Job::Digest { channel, .. } => channel,
    }
}

impl Outcome {
    fn learn(&mut self, body: &str) {
        let Ok(Intake::Observed(statement)) = read(body.as_bytes()) else { panic!("not an observation: {body}") };
        let finding = self.expected.entry(statement.key.clone());
        finding.or_insert_with(|| Finding::new(statement.key.clone())).apply(&statement.observation);
    }
}
