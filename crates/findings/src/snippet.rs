//! Lines of a file that show what is wrong in it.

/// Lines of a template, in the order of the file. There may be gaps between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The lines.
    pub lines: Vec<SnippetLine>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnippetLine {
    /// Number, counted from 1.
    pub number: u64,
    /// Text, without the indentation that all lines of the snippet share.
    pub text: String,
    /// Whether the line is at fault, as opposed to its surroundings.
    pub is_marked: bool,
}

impl Snippet {
    /// The lines as one text, without their numbers.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    }
}
