//! Ctrl-C during a closing or a restore: it finishes the group that it is at, and then reports what it has done.

use std::io::{self, BufRead};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::interrupt;

#[derive(Debug)]
struct State {
    /// Whether a signal asked to stop.
    is_requested: bool,
    /// Waits for a line of standard input.
    waiting: Option<Sender<io::Result<Line>>>,
}

static STATE: Mutex<State> = Mutex::new(State { is_requested: false, waiting: None });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, the first signal only asks to stop: see [`is_requested`]. The second one ends the program.
pub(crate) fn defer() {
    interrupt::defer(|| {
        let mut state = state();
        if state.is_requested {
            return false;
        }
        state.is_requested = true;
        match state.waiting.take() {
            // The receiver is gone if the line arrived at the same moment.
            Some(waiting) => drop(waiting.send(Ok(Line::Interrupted))),
            None => eprintln!("interrupted: finishing this group; Ctrl-C again ends at once"),
        }
        true
    });
}

/// Returns true if a signal asked to stop.
pub(crate) fn is_requested() -> bool {
    state().is_requested
}

/// What standard input answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Text(String),
    /// The end of the input.
    End,
    /// A signal asked to stop, before or instead of a line.
    Interrupted,
}

/// Reads a line of standard input, until a signal asks to stop.
pub(crate) fn read_line() -> io::Result<Line> {
    let (sender, receiver) = mpsc::channel();
    {
        let mut state = state();
        if state.is_requested {
            return Ok(Line::Interrupted);
        }
        state.waiting = Some(sender.clone());
    }
    // A read cannot be interrupted. After a signal, its thread ends with the program.
    thread::spawn(move || {
        let mut text = Vec::new();
        // What is not UTF-8 is no answer, and no reason to end.
        let read = io::stdin().lock().read_until(b'\n', &mut text);
        let line = |bytes| if bytes == 0 { Line::End } else { Line::Text(String::from_utf8_lossy(&text).into_owned()) };
        let _ = sender.send(read.map(line));
    });
    let line = receiver.recv().unwrap_or(Ok(Line::End));
    state().waiting = None;
    line
}
