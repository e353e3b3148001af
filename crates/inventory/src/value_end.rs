//! Finds the end of a JSON value without parsing it. Whether the value is well-formed is left to the parser.

use std::io;

use super::buffer::Buffer;

/// The end of a value was not found.
#[derive(Debug)]
pub(super) enum ValueEndError {
    /// The text could not be read.
    Read(io::Error),
    /// The text ends before the value does.
    Truncated,
    /// The value is larger than the limit.
    TooLarge,
}

impl From<io::Error> for ValueEndError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Offset after the white space that begins at `offset`.
pub(super) fn skip_white_space(
    buffer: &mut Buffer<'_>,
    mut offset: usize,
    limit: usize,
) -> Result<usize, ValueEndError> {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = buffer.byte(offset)? {
        offset += 1;
        if offset > limit {
            return Err(ValueEndError::TooLarge);
        }
    }
    Ok(offset)
}

#[derive(Default)]
struct State {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl State {
    /// Number of `bytes` that belong to the value, if it ends among them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            if self.escaped {
                self.escaped = false;
            } else if self.in_string {
                match byte {
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return Some(index + 1);
                        }
                    }
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Some(index + 1);
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    }
}

/// Offset after the value that begins at `offset`.
pub(super) fn value_end(buffer: &mut Buffer<'_>, offset: usize, limit: usize) -> Result<usize, ValueEndError> {
    if !matches!(buffer.byte(offset)?, Some(b'"' | b'{' | b'[')) {
        return scalar_end(buffer, offset, limit);
    }
    let mut state = State::default();
    let mut scanned = offset;
    loop {
        let bytes = buffer.rest().as_bytes().get(scanned..).unwrap_or_default();
        let end = state.end(bytes);
        scanned += end.unwrap_or(bytes.len());
        if scanned > limit {
            return Err(ValueEndError::TooLarge);
        }
        if end.is_some() {
            return Ok(scanned);
        }
        if !buffer.fill()? {
            return Err(ValueEndError::Truncated);
        }
    }
}

fn scalar_end(buffer: &mut Buffer<'_>, offset: usize, limit: usize) -> Result<usize, ValueEndError> {
    let mut end = offset;
    while let Some(byte) = buffer.byte(end)? {
        if matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r') {
            return Ok(end);
        }
        end += 1;
        if end > limit {
            return Err(ValueEndError::TooLarge);
        }
    }
    if end == offset { Err(ValueEndError::Truncated) } else { Ok(end) }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rstest::rstest;

    use super::*;

    fn end(text: &'static str) -> Option<usize> {
        value_end(&mut Buffer::new(Box::new(Cursor::new(text))), 0, 1000).ok()
    }

    #[rstest]
    #[case("{} ", Some(2))]
    #[case(r#"{"a":"}"}x"#, Some(9))]
    #[case(r#"{"a":"\"}"},"#, Some(11))]
    #[case(r#""a\\",1"#, Some(5))]
    #[case("[[1,[2]],3],", Some(11))]
    #[case("-1.5e3,", Some(6))]
    #[case("null", Some(4))]
    #[case("{\"a\":[1}", None)]
    #[case("[1,2", None)]
    #[case("\"a", None)]
    #[case("", None)]
    fn a_value_ends_where_it_is_closed(#[case] text: &'static str, #[case] expected: Option<usize>) {
        assert_eq!(end(text), expected);
    }

    #[test]
    fn a_value_of_more_than_the_limit_is_too_large() {
        let mut buffer = Buffer::new(Box::new(io::repeat(b'[')));
        assert!(matches!(value_end(&mut buffer, 0, 1000), Err(ValueEndError::TooLarge)));
    }
}
