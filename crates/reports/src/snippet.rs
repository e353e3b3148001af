//! Lines of a file, as the table and the page show them.

use findings::Snippet;
use plain_text::printable;
use serde::{Deserialize, Serialize};

/// A line of a file, or a gap where lines are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Number, aligned with those of the other lines; blank for a gap.
    pub(super) number: String,
    /// Text without control characters; an ellipsis for a gap.
    pub(super) text: String,
    /// Whether the line is at fault.
    pub(super) is_marked: bool,
}

/// The lines of a snippet and the gaps between them.
pub(super) fn lines(snippet: &Snippet) -> Vec<Line> {
    let digits = snippet.lines.last().map_or(0, |line| line.number.to_string().len());
    let mut shown = Vec::with_capacity(snippet.lines.len());
    let mut next = None;
    for line in &snippet.lines {
        if next.is_some_and(|next| next != line.number) {
            shown.push(Line { number: " ".repeat(digits), text: "…".to_owned(), is_marked: false });
        }
        next = Some(line.number + 1);
        // A tab has no width of its own, and would be made printable.
        let text = line.text.replace('\t', "    ");
        shown.push(Line {
            number: format!("{:>digits$}", line.number),
            text: printable(&text).into_owned(),
            is_marked: line.is_marked,
        });
    }
    shown
}

#[cfg(test)]
mod tests {
    use findings::SnippetLine;

    use super::*;

    #[test]
    fn numbers_are_aligned_and_gaps_are_shown() {
        let line = |number, text: &str| SnippetLine { number, text: text.into(), is_marked: number == 10 };
        let snippet = Snippet { lines: vec![line(8, "a:"), line(9, "\tb: \u{1b}c"), line(10, ""), line(12, "d")] };
        let shown: Vec<_> = lines(&snippet)
            .into_iter()
            .map(|line| format!("{}|{}|{}", line.number, line.text, line.is_marked))
            .collect();
        assert_eq!(shown, [" 8|a:|false", " 9|    b: \\u{1b}c|false", "10||true", "  |…|false", "12|d|false"]);
    }
}
