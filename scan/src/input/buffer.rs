//! A window on a text that is larger than memory, which knows the line and column of everything in it.

use std::io::{self, Read};

/// What is read at once.
const CHUNK: usize = 256 * 1024;

/// Line and column, both counted from 1; the column in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: u64,
    pub(super) column: u64,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };

    /// The position after `text`, which begins here.
    fn after(self, text: &[u8]) -> Self {
        match memchr::memrchr(b'\n', text) {
            None => Self { column: self.column + length(text.len()), ..self },
            Some(last) => Self {
                line: self.line + length(memchr::memchr_iter(b'\n', text).count()),
                column: length(text.len() - last),
            },
        }
    }

    /// The place at `line` and `column` of a text that begins here.
    pub(super) fn within(self, line: usize, column: usize) -> Self {
        if line <= 1 {
            Self { column: self.column + length(column.saturating_sub(1)), ..self }
        } else {
            Self { line: self.line + length(line - 1), column: length(column) }
        }
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The part of the text that has been read and not yet been consumed. Offsets are counted from its beginning.
pub(super) struct Buffer<'r> {
    reader: Box<dyn Read + 'r>,
    bytes: Vec<u8>,
    start: usize,
    at_end: bool,
    position: Position,
}

impl<'r> Buffer<'r> {
    pub(super) fn new(reader: Box<dyn Read + 'r>) -> Self {
        Self { reader, bytes: Vec::new(), start: 0, at_end: false, position: Position::START }
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Reads more, if there is more.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.at_end {
            return Ok(false);
        }
        self.bytes.drain(..self.start.min(self.bytes.len()));
        self.start = 0;
        let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        let read = (&mut self.reader).take(limit).read_to_end(&mut self.bytes)?;
        self.at_end = read == 0;
        Ok(read > 0)
    }

    /// The byte at `offset`, if the text is that long.
    pub(super) fn byte(&mut self, offset: usize) -> io::Result<Option<u8>> {
        loop {
            if let Some(byte) = self.rest().get(offset) {
                return Ok(Some(*byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Lets go of the first `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        let end = (self.start + count).min(self.bytes.len());
        self.position = self.position.after(self.bytes.get(self.start..end).unwrap_or_default());
        self.start = end;
    }

    /// Where the byte at `offset` is.
    pub(super) fn position(&self, offset: usize) -> Position {
        let rest = self.rest();
        self.position.after(rest.get(..offset).unwrap_or(rest))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn lines_and_columns_are_counted_across_what_was_consumed() {
        let mut buffer = Buffer::new(Box::new(Cursor::new("ab\ncd\n\nef")));
        assert_eq!(buffer.byte(8).unwrap(), Some(b'f'));
        assert_eq!(buffer.position(1), Position { line: 1, column: 2 });
        assert_eq!(buffer.position(4), Position { line: 2, column: 2 });
        buffer.consume(4);
        assert_eq!(buffer.rest(), b"d\n\nef");
        assert_eq!(buffer.position(0), Position { line: 2, column: 2 });
        assert_eq!(buffer.position(4), Position { line: 4, column: 2 });
        assert_eq!(buffer.byte(5).unwrap(), None);
    }

    #[test]
    fn a_place_within_a_piece_of_text_is_one_of_the_whole() {
        let start = Position { line: 7, column: 5 };
        assert_eq!(start.within(1, 3), Position { line: 7, column: 7 });
        assert_eq!(start.within(2, 3), Position { line: 8, column: 3 });
    }
}
