//! The elements of a JSON array, written one by one.

use std::io::{self, Write};

use serde::Serialize;

/// Writes elements to a line of their own each, with commas between, and leaves the brackets to the caller.
#[derive(Debug, Default)]
pub(super) struct Elements {
    any: bool,
}

impl Elements {
    /// Writes one more.
    pub(super) fn push(&mut self, writer: &mut dyn Write, element: &impl Serialize) -> io::Result<()> {
        writer.write_all(if self.any { b",\n" } else { b"\n" })?;
        self.any = true;
        serde_json::to_writer(writer, element).map_err(io::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_separated_and_not_ended() {
        let mut elements = Elements::default();
        let mut text = Vec::new();
        for number in [1, 2, 3] {
            elements.push(&mut text, &number).unwrap();
        }
        assert_eq!(text, b"\n1,\n2,\n3");
    }
}
