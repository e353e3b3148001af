//! A window on a text that may be larger than memory, with the line and column of every byte in it.

use std::io::{self, Read};

/// Number of bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// Line and column, both counted from 1; the column in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: u64,
    pub(super) column: u64,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };

    /// Position after `text`, which begins at this position.
    pub(super) fn after(self, text: &[u8]) -> Self {
        match memchr::memrchr(b'\n', text) {
            None => Self { column: self.column + length(text.len()), ..self },
            Some(last) => Self {
                line: self.line + length(memchr::memchr_iter(b'\n', text).count()),
                column: length(text.len() - last),
            },
        }
    }

    /// Position of `line` and `column` of a text that begins at this position.
    pub(super) fn within(self, line: usize, column: usize) -> Self {
        if line <= 1 {
            Self { column: self.column + length(column.saturating_sub(1)), ..self }
        } else {
            Self { line: self.line + length(line - 1), column: length(column) }
        }
    }

    /// `position` in a text that begins at this position.
    pub(super) fn then(self, position: Self) -> Self {
        if position.line <= 1 {
            Self { column: self.column + position.column.saturating_sub(1), ..self }
        } else {
            Self { line: self.line + position.line - 1, ..position }
        }
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The part of a text that was read and not yet consumed. Offsets are counted from its beginning.
pub(super) struct Buffer<'r> {
    reader: Source<'r>,
    /// Valid UTF-8, so that the parser need not check every string again.
    text: String,
    start: usize,
    /// First bytes of a character whose last bytes are not read yet.
    partial: Vec<u8>,
    end: End,
    position: Position,
}

/// The bytes of an input, some of which may have been read ahead.
struct Source<'r> {
    ahead: io::Cursor<Vec<u8>>,
    /// Why no more bytes could be read ahead.
    problem: Option<io::Error>,
    reader: Box<dyn Read + 'r>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.ahead.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        self.problem.take().map_or_else(|| self.reader.read(buffer), Err)
    }
}

/// What follows the text that was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Perhaps more text.
    Open,
    /// The end of the input.
    Reached,
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl<'r> Buffer<'r> {
    pub(super) fn new(reader: Box<dyn Read + 'r>) -> Self {
        let reader = Source { ahead: io::Cursor::default(), problem: None, reader };
        let (text, partial) = (String::new(), Vec::new());
        Self { reader, text, start: 0, partial, end: End::Open, position: Position::START }
    }

    /// Whether there is much more text, as far as is known.
    pub(super) fn is_long(&self) -> bool {
        self.end == End::Open && self.rest().len() >= CHUNK / 2
    }

    /// Takes the bytes that were read and not yet consumed.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        bytes.drain(..std::mem::take(&mut self.start).min(bytes.len()));
        bytes.append(&mut self.partial);
        bytes
    }

    /// Reads up to `count` more bytes after those that were taken. Returns whether there were any.
    pub(super) fn read_ahead(&mut self, bytes: &mut Vec<u8>, count: usize) -> bool {
        let length = bytes.len();
        let most = u64::try_from(count).unwrap_or(u64::MAX);
        if let Err(problem) = (&mut self.reader).take(most).read_to_end(bytes) {
            self.reader.problem = Some(problem);
            return false;
        }
        bytes.len() > length
    }

    /// Gives back those of the taken bytes that were not used. They begin at `position`.
    pub(super) fn give_back(&mut self, mut bytes: Vec<u8>, position: Position) {
        let ahead = std::mem::take(&mut self.reader.ahead);
        let at = usize::try_from(ahead.position()).unwrap_or(usize::MAX);
        bytes.extend_from_slice(ahead.into_inner().get(at..).unwrap_or_default());
        self.reader.ahead = io::Cursor::new(bytes);
        self.position = position;
    }

    pub(super) fn rest(&self) -> &str {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// Whether reading stopped at bytes that are not UTF-8.
    pub(super) fn is_not_utf8(&self) -> bool {
        self.end == End::NotUtf8
    }

    /// Reads more text. Returns false at the end of the input.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        match self.end {
            End::Open => {}
            End::Reached => return Ok(false),
            End::NotUtf8 => return Err(io::ErrorKind::InvalidData.into()),
        }
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        bytes.drain(..self.start.min(bytes.len()));
        self.start = 0;
        bytes.append(&mut self.partial);
        // At least as much as the buffer holds, since all of it is checked again.
        let most = u64::try_from(bytes.len().max(CHUNK)).unwrap_or(u64::MAX);
        let read = (&mut self.reader).take(most).read_to_end(&mut bytes)?;
        self.text = match String::from_utf8(bytes) {
            Ok(text) => {
                if read == 0 {
                    self.end = End::Reached;
                }
                text
            }
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let is_partial = error.utf8_error().error_len().is_none() && read > 0;
                let mut bytes = error.into_bytes();
                let rest = bytes.split_off(valid);
                if is_partial {
                    self.partial = rest;
                } else {
                    self.end = End::NotUtf8;
                }
                String::from_utf8(bytes).unwrap_or_default()
            }
        };
        Ok(self.end != End::Reached)
    }

    /// The byte at `offset`; `None` if the text is shorter.
    pub(super) fn byte(&mut self, offset: usize) -> io::Result<Option<u8>> {
        loop {
            if let Some(byte) = self.rest().as_bytes().get(offset) {
                return Ok(Some(*byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Drops the first `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        let end = (self.start + count).min(self.text.len());
        self.position = self.position.after(self.text.as_bytes().get(self.start..end).unwrap_or_default());
        self.start = end;
    }

    /// Position of the byte at `offset`.
    pub(super) fn position(&self, offset: usize) -> Position {
        let rest = self.rest().as_bytes();
        self.position.after(rest.get(..offset).unwrap_or(rest))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn lines_and_columns_are_counted_across_consumed_text() {
        let mut buffer = Buffer::new(Box::new(Cursor::new("ab\ncd\n\nef")));
        assert_eq!(buffer.byte(8).unwrap(), Some(b'f'));
        assert_eq!(buffer.position(1), Position { line: 1, column: 2 });
        assert_eq!(buffer.position(4), Position { line: 2, column: 2 });
        buffer.consume(4);
        assert_eq!(buffer.rest(), "d\n\nef");
        assert_eq!(buffer.position(0), Position { line: 2, column: 2 });
        assert_eq!(buffer.position(4), Position { line: 4, column: 2 });
        assert_eq!(buffer.byte(5).unwrap(), None);
    }

    /// A reader that returns one byte at a time, like a slow pipe.
    struct Drops(Cursor<Vec<u8>>);

    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(buffer.get_mut(..length).unwrap_or_default())
        }
    }

    #[test]
    fn characters_lie_across_the_ends_of_pieces() {
        let text = format!("x{}", "\u{e9}\u{20ac}".repeat(CHUNK));
        let mut buffer = Buffer::new(Box::new(Drops(Cursor::new(text.clone().into_bytes()))));
        while buffer.fill().unwrap() {}
        assert_eq!(buffer.rest(), text);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error_after_the_text() {
        for bytes in [&b"abc\xff"[..], b"abc\xe2\x82"] {
            let mut buffer = Buffer::new(Box::new(bytes));
            assert_eq!(buffer.byte(2).unwrap(), Some(b'c'));
            buffer.byte(3).unwrap_err();
            assert!(buffer.is_not_utf8());
        }
    }

    #[test]
    fn a_place_within_a_piece_of_text_is_one_of_the_whole() {
        let start = Position { line: 7, column: 5 };
        assert_eq!(start.within(1, 3), Position { line: 7, column: 7 });
        assert_eq!(start.within(2, 3), Position { line: 8, column: 3 });
    }
}
