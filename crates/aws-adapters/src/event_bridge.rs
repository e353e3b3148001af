//! Amazon EventBridge.

mod scheduler;
mod wire;

use std::env;
use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::events::{Event, EventBus, Events, RejectedEvent};
use aws_traits::schedules::{Schedule, Schedules};
use aws_types::SdkConfig;

use crate::aws_service::{AwsService, Service, json, retries};
use crate::error::FromSdk;

pub use self::scheduler::Scheduler;

const OPERATION: &str = "events:PutEvents";

static SERVICE: Service = Service {
    id: "EventBridge",
    signing_name: "events",
    host: "events",
    protocol: &json::AWS_JSON_1_1,
    // An evaluation and a closing wait for the answer, and neither depends on it: one retry, and two seconds in all.
    attempts: 2,
    attempt_timeout: Duration::from_secs(1),
    retries: retries::of_what_passes,
};

/// An event bus.
#[derive(Debug)]
pub struct EventBridge {
    service: AwsService,
    bus: Option<EventBus>,
    /// Only a function that asks for it has schedules.
    scheduler: Option<Scheduler>,
}

impl EventBridge {
    /// The adapter for the bus `name`, a name or an ARN; with an empty name, events are switched off. The client is created
    /// when the first event is put, so that a function that puts none does not pay for it.
    #[must_use]
    pub fn new(sdk: &SdkConfig, name: &str) -> Self {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let bus = (!name.is_empty()).then(|| EventBus { name: name.to_owned(), region });
        Self { service: AwsService::new(&SERVICE, sdk), bus, scheduler: None }
    }

    /// The adapter for the bus in `EVENT_BUS`. Without this variable, events are switched off.
    #[must_use]
    pub fn from_env(sdk: &SdkConfig) -> Self {
        Self::new(sdk, &env::var("EVENT_BUS").unwrap_or_default())
    }

    /// Adds schedules for this function, with the role in `SCHEDULE_ROLE`. Without this variable, there are none.
    #[must_use]
    pub fn with_schedules(self, sdk: &SdkConfig) -> Self {
        Self { scheduler: Scheduler::from_env(sdk), ..self }
    }
}

impl Events for EventBridge {
    fn bus(&self) -> Option<&EventBus> {
        self.bus.as_ref()
    }

    async fn put_events(&self, events: &[Event]) -> Result<Vec<RejectedEvent>, AwsError> {
        let Some(bus) = &self.bus else { return Ok(Vec::new()) };
        let subject = format!("event bus {}", bus.name);
        let request = wire::request(&bus.name, events);
        let answer = self.service.json("AWSEvents.PutEvents", request).await;
        let answer = answer.map_err(|error| AwsError::from_sdk(OPERATION, &subject, &error))?;
        let results = wire::results(&answer).map_err(|problem| AwsError::malformed(OPERATION, &subject, &problem))?;
        if results.len() != events.len() {
            let problem = format!("{} results for {} events", results.len(), events.len());
            return Err(AwsError::malformed(OPERATION, &subject, &problem));
        }
        let rejected = results.into_iter().enumerate().filter_map(|(index, result)| {
            let (code, message) = (result.error_code?, result.error_message.unwrap_or_default());
            Some(RejectedEvent { index, error: AwsError::new(OPERATION, &subject, Some(&code), &message) })
        });
        Ok(rejected.collect())
    }
}

impl Schedules for EventBridge {
    async fn schedule(&self, schedule: &Schedule) -> Result<(), AwsError> {
        match &self.scheduler {
            Some(scheduler) => scheduler.schedule(schedule).await,
            None => Err(AwsError::new(
                scheduler::OPERATION,
                &format!("schedule {}", schedule.name),
                None,
                "there is no role for it: SCHEDULE_ROLE is not set",
            )),
        }
    }
}
