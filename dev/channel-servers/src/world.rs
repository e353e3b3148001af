//! Services, faults, calls and the time, behind one mutex.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use channels::Response;
use channels::fakes::Call;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::fault::{Faults, Kind, limited};
use crate::service::{Name, Services};

/// Newest calls that are remembered.
const CALLS_MAX: usize = 10_000;

/// All that the servers share. The lock is never held across an await.
#[derive(Debug, Clone, Default)]
pub struct World {
    inner: Arc<Mutex<Inner>>,
    hung: Arc<Notify>,
}

/// What the servers share.
#[derive(Debug, Default)]
pub struct Inner {
    /// The services.
    pub services: Services,
    /// The faults that are set.
    pub faults: Faults,
    /// The time.
    pub clock: Clock,
    /// The calls, the oldest first.
    pub calls: Vec<Received>,
}

/// A call that arrived.
#[derive(Debug, Clone, Serialize)]
pub struct Received {
    /// When it arrived.
    pub at: Timestamp,
    /// The service.
    pub service: Name,
    /// The operation, or an empty text.
    pub operation: &'static str,
    /// What became of it instead of an answer.
    pub fault: Option<Kind>,
}

/// What becomes of a call.
#[derive(Debug)]
pub enum Outcome {
    /// There is an answer.
    Answer(Response),
    /// There is no answer, and the connection stays.
    Hang,
    /// The connection ends.
    Close,
}

impl World {
    /// All that the servers share.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a call gets no answer, so that a test need not wait for a time limit.
    pub async fn hung(&self) {
        self.hung.notified().await;
    }

    /// Carries a call out, unless a fault prevents it.
    #[must_use]
    pub fn receive(&self, name: Name, call: &Call) -> Outcome {
        let outcome = self.lock().receive(name, call);
        if matches!(outcome, Outcome::Hang) {
            self.hung.notify_one();
        }
        outcome
    }
}

impl Inner {
    /// All as it was at the start, but for the services that are down: see the control interface.
    pub(crate) fn reset(&mut self, clock: Clock) {
        *self = Self { clock, ..Self::default() };
    }

    fn receive(&mut self, name: Name, call: &Call) -> Outcome {
        let now = self.clock.now();
        let service = self.services.get(name);
        let operation = service.operation(call);
        let fault = self.faults.of(name, operation);
        if self.calls.len() == CALLS_MAX {
            self.calls.remove(0);
        }
        self.calls.push(Received { at: now, service: name, operation, fault: fault.clone() });
        match fault {
            None => Outcome::Answer(service.serve(call, now)),
            Some(Kind::RateLimit { retry_after, as_date }) => {
                Outcome::Answer(limited(service, retry_after, as_date, now))
            }
            Some(Kind::Status { code, carried_out }) => {
                if carried_out {
                    service.serve(call, now);
                }
                Outcome::Answer(Response { status: code, headers: Vec::new(), body: Vec::new() })
            }
            Some(Kind::HangBefore) => Outcome::Hang,
            Some(Kind::HangAfter) => {
                service.serve(call, now);
                Outcome::Hang
            }
            Some(Kind::CloseBefore | Kind::Down) => Outcome::Close,
            Some(Kind::CloseAfter) => {
                service.serve(call, now);
                Outcome::Close
            }
        }
    }
}
