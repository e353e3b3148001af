//! Elements of a JSON array, written one by one.

use std::io::{self, Write};

use serde::Serialize;

/// Writes elements, each on a line of its own and separated by commas. The caller writes the brackets.
#[derive(Debug, Default)]
pub(super) struct JsonArray {
    has_elements: bool,
}

impl JsonArray {
    /// Writes another element.
    pub(super) fn push(&mut self, writer: &mut dyn Write, element: &impl Serialize) -> io::Result<()> {
        writer.write_all(if self.has_elements { b",\n" } else { b"\n" })?;
        self.has_elements = true;
        serde_json::to_writer(writer, element).map_err(io::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_separated_and_not_ended() {
        let mut elements = JsonArray::default();
        let mut text = Vec::new();
        for number in [1, 2, 3] {
            elements.push(&mut text, &number).unwrap();
        }
        assert_eq!(text, b"\n1,\n2,\n3");
    }
}
