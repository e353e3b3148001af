//! Captures the log of a test.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use serde_json::Value;

thread_local! {
    /// Lines of this thread, that is, of one test.
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct OfThisThread;

impl io::Write for OfThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts capturing the log of this test.
pub(crate) fn watch() {
    static BEGUN: Once = Once::new();
    // Global: a call site first reached by a thread without subscriber would be disabled for the others.
    BEGUN.call_once(|| {
        tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_writer(|| OfThisThread).init();
    });
    WRITTEN.with_borrow_mut(Vec::clear);
}

/// The lines that this test has logged.
pub(crate) fn lines() -> Vec<Value> {
    WRITTEN.with_borrow(|written| {
        written.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    })
}

pub(crate) fn messages(level: &str) -> Vec<String> {
    let lines = lines().into_iter().filter(|line| line["level"] == level);
    lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}
