//! State that both services share: account and region, settings, the bridge, and the count of unfinished work.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::bridge::Bridge;
use crate::config;
use crate::settings::Settings;
use crate::ssm;

/// The account and the region of all resources.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    /// Account id, 12 digits.
    pub(crate) account: String,
    /// Region, such as `us-east-1`.
    pub(crate) region: String,
}

impl Location {
    /// Returns the ARN of a resource in this account and region.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// The local cloud: the state of both services, and the addresses of the other parts.
#[derive(Debug)]
pub(crate) struct Cloud {
    /// Account and region.
    pub(crate) location: Location,
    /// URL of the front door, for scripts of automation documents.
    pub(crate) endpoint: String,
    /// Python interpreter that runs those scripts.
    pub(crate) python: PathBuf,
    /// Connection to the Python part.
    pub(crate) bridge: Bridge,
    settings: RwLock<Settings>,
    config: Mutex<config::State>,
    ssm: Mutex<ssm::State>,
    /// Wakes the recorder.
    pub(crate) changed: Notify,
    /// Wakes the tasks that wait for the end of an invocation or for a higher limit.
    pub(crate) progress: Notify,
    busy: AtomicUsize,
    /// Number of tasks ever begun: shows whether one began between two checks of "idle".
    begun: AtomicU64,
    with_recorder: bool,
}

impl Cloud {
    /// Creates an empty cloud.
    pub(crate) fn new(
        location: Location,
        endpoint: String,
        python: PathBuf,
        bridge: Bridge,
        with_recorder: bool,
    ) -> Self {
        Self {
            location,
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

    /// Returns true if there is a configuration recorder from the start.
    pub(crate) fn start_with_recorder(&self) -> bool {
        self.with_recorder
    }

    /// Returns the current settings.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the settings.
    pub(crate) fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Locks the state of AWS Config. The guard must not be held across an await.
    pub(crate) fn config(&self) -> MutexGuard<'_, config::State> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the state of SSM. The guard must not be held across an await.
    pub(crate) fn ssm(&self) -> MutexGuard<'_, ssm::State> {
        self.ssm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a task as unfinished until the guard is dropped.
    pub(crate) fn begin(&self) -> Busy<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.busy.fetch_add(1, Ordering::SeqCst);
        Busy(self)
    }

    /// Excludes this many tasks from the count until the guard is dropped, because they wait for a human decision.
    pub(crate) fn rest(&self, pieces: usize) -> Resting<'_> {
        self.busy.fetch_sub(pieces, Ordering::SeqCst);
        Resting(self, pieces)
    }

    /// Returns the number of unfinished tasks and the number of tasks ever begun.
    pub(crate) fn work(&self) -> (usize, u64) {
        (self.busy.load(Ordering::SeqCst), self.begun.load(Ordering::SeqCst))
    }
}

/// An unfinished task.
#[derive(Debug)]
pub(crate) struct Busy<'a>(&'a Cloud);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
        self.0.progress.notify_waiters();
    }
}

/// Tasks that wait for a human decision.
#[derive(Debug)]
pub(crate) struct Resting<'a>(&'a Cloud, usize);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_add(self.1, Ordering::SeqCst);
        self.0.begun.fetch_add(1, Ordering::SeqCst);
    }
}
