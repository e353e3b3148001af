//! What is wrong with a document, and what is merely suspicious.

use std::cell::RefCell;
use std::fmt;

use plain_text::{clip, printable};
use serde::Serialize;

use crate::secret::looks_secret;

/// Most problems that are kept of a document.
const PROBLEMS_MAX: usize = 100;
/// Most characters of a value that a message quotes.
const QUOTED_MAX: usize = 60;

/// A place in a document and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path of the value, such as `routes[2].match.ports`; lists count from 0. Empty for the whole document.
    pub place: String,
    /// The mistake and the remedy. Never contains a secret.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() { f.write_str(&self.text) } else { write!(f, "`{}`: {}", self.place, self.text) }
    }
}

/// Error from reading a routing document. A single mistake invalidates the whole document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DocumentError {
    problems: Vec<Problem>,
}

impl DocumentError {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    pub(crate) fn of_document(text: impl Into<String>) -> Self {
        Self::new(vec![Problem { place: String::new(), text: text.into() }])
    }

    /// Returns the mistakes in the order of the document, at most 100 of them.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// The first mistake, and how many follow.
impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("routing document is malformed")?;
        if let Some(first) = self.problems.first() {
            write!(f, ": {first}")?;
        }
        match self.problems.len().saturating_sub(1) {
            0 => Ok(()),
            1 => f.write_str(" (and one more mistake)"),
            more => write!(f, " (and {more} more mistakes)"),
        }
    }
}

/// Collects problems while a document is read.
#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Problem>>);

impl Sink {
    pub(crate) fn problem(&self, place: &str, text: impl Into<String>) {
        let mut problems = self.0.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem { place: place.to_owned(), text: text.into() });
        }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A value of the document in backticks, for a message: on one line, short, and hidden if it looks like a secret.
pub(crate) fn quoted(text: &str) -> String {
    if looks_secret(text) {
        return "the value".to_owned();
    }
    format!("`{}`", printable(&clip(text, QUOTED_MAX)))
}
