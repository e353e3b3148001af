//! The position of a reading in its input, and the errors that refer to it.

use std::io::{self, Read};

use serde::de::IgnoredAny;

use super::buffer::{Buffer, Position};
use super::error::{InputError, InputLocation};
use super::value_end::{ValueEndError, skip_white_space, value_end};

/// The position of a reading. Offsets are counted from the end of the consumed text.
pub(super) struct Cursor<'r> {
    buffer: Buffer<'r>,
    pub(super) file: &'r str,
    /// Maximum size of a single value in bytes.
    pub(super) limit: usize,
    /// Number of records that were begun.
    pub(super) records: u64,
    /// Whether the text was made from the file, so that its lines and columns are not those of the file.
    is_converted: bool,
}

impl<'r> Cursor<'r> {
    pub(super) fn new(text: Box<dyn Read + 'r>, file: &'r str, limit: usize) -> Self {
        Self { buffer: Buffer::new(text), file, limit, records: 0, is_converted: false }
    }

    /// Continues with a text that was made from the whole file.
    pub(super) fn convert(&mut self, text: String) {
        self.buffer = Buffer::new(Box::new(io::Cursor::new(text)));
        self.is_converted = true;
    }

    /// Whether there is much more text, as far as is known.
    pub(super) fn is_long(&self) -> bool {
        self.buffer.is_long()
    }

    /// Takes the bytes that were read and not yet consumed, and their position.
    pub(super) fn take(&mut self) -> (Vec<u8>, Position) {
        (self.buffer.take(), self.buffer.position(0))
    }

    /// Reads up to `count` more bytes after those that were taken. Returns whether there were any.
    pub(super) fn read_ahead(&mut self, bytes: &mut Vec<u8>, count: usize) -> bool {
        self.buffer.read_ahead(bytes, count)
    }

    /// Gives back those of the taken bytes that were not used. They begin at `position`.
    pub(super) fn give_back(&mut self, bytes: Vec<u8>, position: Position) {
        self.buffer.give_back(bytes, position);
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

    /// The next byte that is not white space, and its offset.
    pub(super) fn next_byte(&mut self, offset: usize) -> Result<(usize, Option<u8>), InputError> {
        let end = skip_white_space(&mut self.buffer, offset, self.limit);
        let offset = end.map_err(|error| self.no_end(error))?;
        let byte = self.buffer.byte(offset).map_err(|error| self.unreadable(error))?;
        Ok((offset, byte))
    }

    /// The line at `offset`, or its beginning if it is long.
    pub(super) fn line(&mut self, offset: usize) -> Result<&str, InputError> {
        const LONGEST: usize = 1024;
        loop {
            let text = self.rest().get(offset..).unwrap_or_default();
            if text.contains('\n') || text.len() > LONGEST || !self.fill()? {
                break;
            }
        }
        Ok(self.rest().get(offset..).unwrap_or_default().lines().next().unwrap_or_default())
    }

    pub(super) fn fill(&mut self) -> Result<bool, InputError> {
        self.buffer.fill().map_err(|error| self.unreadable(error))
    }

    pub(super) fn value_end(&mut self, offset: usize) -> Result<usize, InputError> {
        value_end(&mut self.buffer, offset, self.limit).map_err(|error| self.no_end(error))
    }

    fn no_end(&self, error: ValueEndError) -> InputError {
        match error {
            ValueEndError::Read(error) => self.unreadable(error),
            ValueEndError::Truncated => self.truncated(),
            ValueEndError::TooLarge => self.too_large(),
        }
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &str {
        self.rest().get(from..to).unwrap_or_default()
    }

    /// Parses the value in the first `end` bytes.
    pub(super) fn parsed<T: serde::de::DeserializeOwned>(&self, end: usize) -> Result<T, InputError> {
        serde_json::from_str(self.slice(0, end)).map_err(|error| self.json(&error))
    }

    pub(super) fn record(&self) -> Option<u64> {
        (self.records > 0).then_some(self.records)
    }

    pub(super) fn location(&self) -> InputLocation {
        InputLocation::new(self.file, self.position(0), self.record())
    }

    /// The location of the record that is about to begin.
    pub(super) fn location_of_next(&self) -> InputLocation {
        self.location_at(self.position(0))
    }

    /// The location of the next record, which begins at `position` of the text.
    pub(super) fn location_at(&self, position: Position) -> InputLocation {
        let position = if self.is_converted { Position::START } else { position };
        InputLocation::new(self.file, position, Some(self.records + 1))
    }

    pub(super) fn unreadable(&self, problem: io::Error) -> InputError {
        if self.buffer.is_not_utf8() {
            let location = InputLocation::new(self.file, self.position(self.rest().len()), Some(self.records + 1));
            return InputError::NotUtf8 { location };
        }
        InputError::Read { file: self.file.to_owned(), problem }
    }

    pub(super) fn not_groups(&self, found: String) -> InputError {
        let location = InputLocation::new(self.file, self.position(0), None);
        InputError::NotGroups { location, found }
    }

    pub(super) fn too_large(&self) -> InputError {
        InputError::TooLarge { location: self.location(), limit: self.limit }
    }

    /// Error of an input that ends within the record after the last complete one.
    pub(super) fn truncated(&self) -> InputError {
        let end = self.buffer.rest().len();
        let location = InputLocation::new(self.file, self.position(end), Some(self.records + 1));
        InputError::Truncated { location }
    }

    pub(super) fn malformed(&self, problem: &str) -> InputError {
        self.malformed_at(0, problem)
    }

    fn malformed_at(&self, offset: usize, problem: &str) -> InputError {
        let location = InputLocation::new(self.file, self.position(offset), Some(self.records + 1));
        InputError::Json { location, problem: problem.to_owned() }
    }

    /// Error of an unexpected byte at `offset`, or of the end of the input there.
    pub(super) fn broken_at(&self, offset: usize, problem: &str) -> InputError {
        if offset >= self.buffer.rest().len() {
            return self.truncated();
        }
        // The parser finds an earlier mistake, such as a bracket that is closed by one of another kind.
        let object = self.slice(0, offset);
        if object.starts_with('{')
            && let Err(error) = serde_json::from_str::<IgnoredAny>(object)
            && error.is_syntax()
        {
            return self.json_of(&error, Some(self.records + 1));
        }
        self.malformed_at(offset, problem)
    }

    /// Error of the parser in the next value, which belongs to the record that was begun last.
    pub(super) fn json(&self, error: &serde_json::Error) -> InputError {
        self.json_of(error, self.record())
    }

    fn json_of(&self, error: &serde_json::Error, record: Option<u64>) -> InputError {
        let position = self.position(0).within(error.line(), error.column());
        let location = InputLocation::new(self.file, position, record);
        InputError::Json { location, problem: without_position(&error.to_string()) }
    }
}

/// A message of the parser without its position, which is counted from the beginning of the value.
pub(super) fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(problem, _)| problem).to_owned()
}
