//! Where the reading of an input is, what stands there, and what to say if that is wrong.

use std::io::{self, Read};

use serde::de::IgnoredAny;

use super::buffer::{Buffer, Position};
use super::error::{InputError, Place};
use super::scanner::{NoEnd, skip_white_space, value_end};

/// Offsets are counted from what was consumed last.
pub(super) struct Cursor<'r> {
    buffer: Buffer<'r>,
    pub(super) file: &'r str,
    /// How large a single value may be.
    pub(super) limit: usize,
    /// How many records were begun.
    pub(super) records: u64,
    /// Whether the text is not that of the file, so that lines and columns say nothing.
    is_converted: bool,
}

impl<'r> Cursor<'r> {
    pub(super) fn new(text: Box<dyn Read + 'r>, file: &'r str, limit: usize) -> Self {
        Self { buffer: Buffer::new(text), file, limit, records: 0, is_converted: false }
    }

    /// Goes on with a text that was made out of that of the file, which has been read to its end.
    pub(super) fn convert(&mut self, text: String) {
        self.buffer = Buffer::new(Box::new(io::Cursor::new(text)));
        self.is_converted = true;
    }

    pub(super) fn rest(&self) -> &str {
        self.buffer.rest()
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        if self.is_converted { Position::START } else { self.buffer.position(offset) }
    }

    /// The offset of the next byte that is no white space, and that byte.
    pub(super) fn next_byte(&mut self, offset: usize) -> Result<(usize, Option<u8>), InputError> {
        let end = skip_white_space(&mut self.buffer, offset, self.limit);
        let offset = end.map_err(|error| self.no_end(error))?;
        let byte = self.buffer.byte(offset).map_err(|error| self.unreadable(error))?;
        Ok((offset, byte))
    }

    pub(super) fn fill(&mut self) -> Result<bool, InputError> {
        self.buffer.fill().map_err(|error| self.unreadable(error))
    }

    pub(super) fn value_end(&mut self, offset: usize) -> Result<usize, InputError> {
        value_end(&mut self.buffer, offset, self.limit).map_err(|error| self.no_end(error))
    }

    fn no_end(&self, error: NoEnd) -> InputError {
        match error {
            NoEnd::Read(error) => self.unreadable(error),
            NoEnd::Truncated => self.truncated(),
            NoEnd::TooLarge => self.too_large(),
        }
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &str {
        self.rest().get(from..to).unwrap_or_default()
    }

    /// The value in the first `end` bytes.
    pub(super) fn parsed<T: serde::de::DeserializeOwned>(&self, end: usize) -> Result<T, InputError> {
        serde_json::from_str(self.slice(0, end)).map_err(|error| self.json(&error))
    }

    pub(super) fn record(&self) -> Option<u64> {
        (self.records > 0).then_some(self.records)
    }

    pub(super) fn place(&self) -> Place {
        Place::new(self.file, self.position(0), self.record())
    }

    pub(super) fn unreadable(&self, problem: io::Error) -> InputError {
        if self.buffer.is_not_utf8() {
            return self.malformed_at(self.rest().len(), "it is not UTF-8");
        }
        InputError::Read { file: self.file.to_owned(), problem }
    }

    pub(super) fn not_groups(&self, found: String) -> InputError {
        let place = Place::new(self.file, self.position(0), None);
        InputError::NotGroups { place, found }
    }

    pub(super) fn too_large(&self) -> InputError {
        InputError::TooLarge { place: self.place(), limit: self.limit }
    }

    /// The input ends within the record after the last complete one.
    pub(super) fn truncated(&self) -> InputError {
        let end = self.buffer.rest().len();
        let place = Place::new(self.file, self.position(end), Some(self.records + 1));
        InputError::Truncated { place }
    }

    pub(super) fn malformed(&self, problem: &str) -> InputError {
        self.malformed_at(0, problem)
    }

    fn malformed_at(&self, offset: usize, problem: &str) -> InputError {
        let place = Place::new(self.file, self.position(offset), Some(self.records + 1));
        InputError::Json { place, problem: problem.to_owned() }
    }

    /// Something else than what has to stand at `offset`, or nothing.
    pub(super) fn broken_at(&self, offset: usize, problem: &str) -> InputError {
        if offset >= self.buffer.rest().len() {
            return self.truncated();
        }
        // A bracket that is closed by one of another kind, for example, goes unnoticed here for a while.
        let object = self.slice(0, offset);
        if object.starts_with('{')
            && let Err(error) = serde_json::from_str::<IgnoredAny>(object)
            && error.is_syntax()
        {
            return self.json_of(&error, Some(self.records + 1));
        }
        self.malformed_at(offset, problem)
    }

    /// What the parser says of what comes next, in the record that was begun last.
    pub(super) fn json(&self, error: &serde_json::Error) -> InputError {
        self.json_of(error, self.record())
    }

    fn json_of(&self, error: &serde_json::Error, record: Option<u64>) -> InputError {
        let position = self.position(0).within(error.line(), error.column());
        let place = Place::new(self.file, position, record);
        InputError::Json { place, problem: without_position(&error.to_string()) }
    }
}

/// The parser counts lines from where it began, so its own position would mislead.
pub(super) fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(problem, _)| problem).to_owned()
}
