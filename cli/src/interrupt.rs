//! Ctrl-C: removes temporary files before the program ends.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, PersistError};

/// State that the handler of the signals shares with the rest of the program.
#[derive(Debug)]
struct State {
    /// Temporary files that exist.
    temporary: BTreeSet<PathBuf>,
    /// Is asked first, and returns true if the program goes on.
    defer: Option<fn() -> bool>,
}

static STATE: Mutex<State> = Mutex::new(State { temporary: BTreeSet::new(), defer: None });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts to listen for Ctrl-C (SIGINT) and SIGTERM. Without it, both leave the temporary files of the program.
#[cfg(unix)]
pub(crate) fn listen() -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let state = state();
            if state.defer.is_some_and(|defer| defer()) {
                continue;
            }
            // The lock is kept, so that no further file is created.
            for file in &state.temporary {
                let _ = fs::remove_file(file);
            }
            // Ends the program as if it had no handler, which is what a shell expects.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    Ok(())
}

/// Starts nothing: Ctrl-C ends the program at once.
#[cfg(not(unix))]
pub(crate) fn listen() -> io::Result<()> {
    Ok(())
}

/// From now on, a signal ends the program only if `defer` returns false.
#[cfg(feature = "aws")]
pub(crate) fn defer(defer: fn() -> bool) {
    state().defer = Some(defer);
}

/// A temporary file that a signal removes.
#[derive(Debug)]
pub(crate) struct Temporary {
    file: NamedTempFile,
    registered: Registered,
}

/// Entry in the list of temporary files.
#[derive(Debug)]
struct Registered(PathBuf);

impl Drop for Registered {
    fn drop(&mut self) {
        state().temporary.remove(&self.0);
    }
}

impl Temporary {
    /// Creates a file with `create`.
    pub(crate) fn new(create: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<Self> {
        // The lock keeps a signal from coming between the file and its entry.
        let mut state = state();
        let file = create()?;
        let path = std::path::absolute(file.path())?;
        state.temporary.insert(path.clone());
        drop(state);
        Ok(Self { file, registered: Registered(path) })
    }

    pub(crate) fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Moves the file to `path`, replacing what is there.
    pub(crate) fn persist(self, path: &Path) -> Result<File, PersistError> {
        let Self { file, registered } = self;
        let moved = file.persist(path);
        drop(registered);
        moved
    }

    /// Moves the file to `path`, unless something is there.
    #[cfg(feature = "aws")]
    pub(crate) fn persist_noclobber(self, path: &Path) -> Result<File, PersistError> {
        let Self { file, registered } = self;
        let moved = file.persist_noclobber(path);
        drop(registered);
        moved
    }
}
