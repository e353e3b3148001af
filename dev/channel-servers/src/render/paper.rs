//! Lines of a bounded width, without control characters.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a line.
pub(super) const WIDTH: usize = 80;
/// Columns of a label.
const LABEL: usize = 16;

/// Text of at most [`WIDTH`] columns. Characters that would steer a terminal are escaped.
#[derive(Debug, Default)]
pub(super) struct Paper {
    text: String,
}

impl Paper {
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// The title of a part, over the whole width.
    pub(super) fn title(&mut self, title: &str) {
        self.blank();
        let title = plain_text::one_line(title, 60);
        let rule = "━".repeat(WIDTH.saturating_sub(title.width()).saturating_sub(4));
        self.push(&format!("━━ {title} {rule}"));
    }

    /// Paragraphs, each behind `indent`. The first has `mark` before it, and the others are as far from the margin.
    pub(super) fn lines(&mut self, indent: &str, mark: &str, text: &str) {
        let width = WIDTH.saturating_sub(indent.width()).saturating_sub(mark.width());
        let mut before = mark.to_owned();
        for line in text.split('\n') {
            for part in wrapped(&plain_text::printable(line.trim_end_matches('\r')), width) {
                self.push(format!("{indent}{before}{part}").trim_end());
                before = " ".repeat(mark.width());
            }
        }
    }

    /// A label, and its value beside it.
    pub(super) fn pair(&mut self, indent: &str, label: &str, value: &str) {
        let label = plain_text::one_line(label, LABEL);
        let fill = " ".repeat(LABEL.saturating_sub(label.width()).saturating_add(1));
        self.lines(indent, &format!("{label}{fill}"), value);
    }

    /// An empty line, unless there is one.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// Parts of a text of at most `width` columns, broken between words where possible. There is at least one.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    for word in text.split(' ') {
        let space = usize::from(!part.is_empty());
        if part.width() + space + word.width() <= width {
            part.extend((space > 0).then_some(' '));
            part.push_str(word);
            continue;
        }
        if !part.is_empty() {
            parts.push(std::mem::take(&mut part));
        }
        for character in word.chars() {
            if part.width() + character.width().unwrap_or(0) > width {
                parts.push(std::mem::take(&mut part));
            }
            part.push(character);
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", &[""])]
    #[case("one two three", &["one two", "three"])]
    #[case("one abcdefghijklm two", &["one", "abcdefgh", "ijklm", "two"])]
    #[case("🔒🔒🔒🔒🔒", &["🔒🔒🔒🔒", "🔒"])]
    fn text_is_broken_between_words_where_possible(#[case] text: &str, #[case] parts: &[&str]) {
        assert_eq!(wrapped(text, 8), parts);
    }

    #[test]
    fn no_line_is_too_wide_and_none_steers_the_terminal() {
        let hostile = "\u{1b}[31mred\u{7}\u{202e}gpj \r\u{9b}2J\u{0} 👩👩👩 ".repeat(40);
        let mut paper = Paper::default();
        paper.title(&hostile);
        paper.lines("│ ", "↳ ", &hostile);
        paper.pair("  ", &hostile, &hostile);
        let text = paper.into_text();
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
        assert!(!text.chars().any(|character| character != '\n' && plain_text::is_steering(character)), "{text:?}");
    }
}
