//! Structured log of a Lambda function.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write};

use plain_text::is_steering;
use tracing_subscriber::filter::LevelFilter;

/// Starts the log on standard output: one JSON object per line, from the level in `AWS_LAMBDA_LOG_LEVEL` up, or `INFO` if it
/// is not set. Lambda sets this variable to the application log level of the function.
pub fn init_log() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_max_level(level);
    log.with_writer(|| Escaping(io::stdout())).init();
}

/// Writer that escapes characters that JSON allows unescaped but that can break a line or reverse the direction of text on a
/// screen.
///
/// Outside of strings, JSON is pure ASCII, so every such character is inside a string.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    /// Expects whole lines, which is how the log writes them.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match str::from_utf8(line) {
            Ok(text) if text.chars().any(needs_escape) => self.0.write_all(escaped(text).as_bytes())?,
            _ => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn needs_escape(character: char) -> bool {
    !character.is_ascii() && is_steering(character)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if needs_escape(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_line_is_one_line_and_the_same_json() {
        let reason = "a\u{85}b\u{2028}c\u{2029}d\u{202e}e 网络 \"q\"";
        let line = format!("{}\n", serde_json::json!({ "reason": reason }));
        let mut written = Vec::new();
        Escaping(&mut written).write_all(line.as_bytes()).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert!(written.contains(r"a\u0085b\u2028c\u2029d\u202ee 网络"), "{written}");
        assert!(!written.trim_end_matches('\n').chars().any(is_steering));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap()["reason"], reason);
    }
}
