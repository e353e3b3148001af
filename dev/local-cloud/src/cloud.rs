//! What the two services share: identity, settings, the bridge, and the count of unfinished work.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::bridge::Bridge;
use crate::config;
use crate::settings::Settings;
use crate::ssm;

/// Account and region of everything.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Twelve digits.
    pub(crate) account: String,
    /// Such as `us-east-1`.
    pub(crate) region: String,
}

impl Place {
    /// The ARN of a resource of a service here.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// The local cloud: state of both services, and how to reach the rest.
#[derive(Debug)]
pub(crate) struct Cloud {
    /// Account and region.
    pub(crate) place: Place,
    /// The front door, for scripts of automation documents.
    pub(crate) endpoint: String,
    /// The Python that runs those scripts.
    pub(crate) python: PathBuf,
    /// The way into AWS.
    pub(crate) bridge: Bridge,
    settings: RwLock<Settings>,
    config: Mutex<config::State>,
    ssm: Mutex<ssm::State>,
    /// Wakes the recorder.
    pub(crate) changed: Notify,
    /// Wakes whoever waits for an invocation to end or a limit to rise.
    pub(crate) progress: Notify,
    busy: AtomicUsize,
    /// Grows with every piece of work begun: tells two looks at "idle" apart.
    begun: AtomicU64,
    with_recorder: bool,
}

impl Cloud {
    /// An empty cloud.
    pub(crate) fn new(place: Place, endpoint: String, python: PathBuf, bridge: Bridge, with_recorder: bool) -> Self {
        Self {
            place,
            endpoint,
            python,
            bridge,
            settings: RwLock::default(),
            config: Mutex::default(),
            ssm: Mutex::default(),
            changed: Notify::new(),
            progress: Notify::new(),
            busy: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            with_recorder,
        }
    }

    /// Whether there is a recorder from the start.
    pub(crate) fn start_with_recorder(&self) -> bool {
        self.with_recorder
    }

    /// The settings as they are now.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other settings in place.
    pub(crate) fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// AWS Config's state. Never held across an await.
    pub(crate) fn config(&self) -> MutexGuard<'_, config::State> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SSM's state. Never held across an await.
    pub(crate) fn ssm(&self) -> MutexGuard<'_, ssm::State> {
        self.ssm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a piece of work until the guard is dropped.
    pub(crate) fn begin(&self) -> Busy<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.busy.fetch_add(1, Ordering::SeqCst);
        Busy(self)
    }

    /// Leaves so many pieces of work uncounted until the guard is dropped: they wait for a human.
    pub(crate) fn rest(&self, pieces: usize) -> Resting<'_> {
        self.busy.fetch_sub(pieces, Ordering::SeqCst);
        Resting(self, pieces)
    }

    /// Pieces of work under way, and how many were ever begun.
    pub(crate) fn work(&self) -> (usize, u64) {
        (self.busy.load(Ordering::SeqCst), self.begun.load(Ordering::SeqCst))
    }
}

/// A piece of work under way.
#[derive(Debug)]
pub(crate) struct Busy<'a>(&'a Cloud);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
        self.0.progress.notify_waiters();
    }
}

/// Pieces of work that wait for a human.
#[derive(Debug)]
pub(crate) struct Resting<'a>(&'a Cloud, usize);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_add(self.1, Ordering::SeqCst);
        self.0.begun.fetch_add(1, Ordering::SeqCst);
    }
}
