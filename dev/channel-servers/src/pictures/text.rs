//! Texts in several styles, broken into lines that fit.

use super::style::{Style, is_measured, milli_width};

/// A part of a text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) style: Style,
}

pub(super) fn run(text: impl Into<String>, style: Style) -> Run {
    Run { text: text.into(), style }
}

/// Lines of at most `width` pixels, broken between words where possible, and where the text is. There is at least one.
pub(super) fn lines(runs: &[Run], width: usize) -> Vec<Vec<Run>> {
    let mut lines = Lines { done: Vec::new(), line: Vec::new(), used: 0, max: width * 1_000 };
    for Run { text, style } in runs {
        for (at, paragraph) in text.split('\n').enumerate() {
            if at > 0 {
                lines.end();
            }
            for word in plain_text::printable(paragraph.trim_end_matches('\r')).split_inclusive(' ') {
                lines.word(word, *style);
            }
        }
    }
    lines.end();
    lines.done
}

struct Lines {
    done: Vec<Vec<Run>>,
    line: Vec<Run>,
    used: usize,
    max: usize,
}

impl Lines {
    /// A word with the space after it, which need not fit.
    fn word(&mut self, word: &str, style: Style) {
        if self.fits(word.trim_end_matches(' '), style) {
            return self.push(word, style);
        }
        if !self.line.is_empty() {
            self.end();
        }
        if self.fits(word.trim_end_matches(' '), style) {
            return self.push(word, style);
        }
        // A name that is longer than a line is broken after one of its parts where possible.
        for part in word.split_inclusive(['/', ':', '?', '&', '=']) {
            if !self.line.is_empty() && !self.fits(part.trim_end_matches(' '), style) {
                self.end();
            }
            for character in part.chars().map(|character| character.to_string()) {
                if !self.line.is_empty() && !self.fits(character.trim_end_matches(' '), style) {
                    self.end();
                }
                self.push(&character, style);
            }
        }
    }

    fn fits(&self, text: &str, style: Style) -> bool {
        self.used + milli_width(text, style) <= self.max
    }

    fn push(&mut self, text: &str, style: Style) {
        self.used += milli_width(text, style);
        match self.line.last_mut().filter(|last| last.style == style) {
            Some(last) => last.text.push_str(text),
            None => self.line.push(run(text, style)),
        }
    }

    /// Ends the line, without the spaces at its end.
    fn end(&mut self) {
        while let Some(last) = self.line.last_mut() {
            last.text.truncate(last.text.trim_end_matches(' ').len());
            if !last.text.is_empty() {
                break;
            }
            self.line.pop();
        }
        self.done.push(std::mem::take(&mut self.line));
        self.used = 0;
    }
}

/// Width of a line in pixels, and whether it has to be fitted into it.
pub(super) fn extent(line: &[Run]) -> (usize, bool) {
    let width = line.iter().map(|run| milli_width(&run.text, run.style)).sum::<usize>().div_ceil(1_000);
    (width, line.iter().any(|run| !run.text.chars().all(is_measured)))
}

/// Text as XML. A character that XML does not have is replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain_text::printable(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::style::{BOLD, CODE, TEXT, TITLE, width};
    use super::*;

    #[rstest]
    #[case::words("one two three", &["one two", "three"])]
    #[case::parts("arn:aws:sts::123", &["arn:aws:", "sts::123"])]
    #[case::characters("wwwwwwww", &["wwwww", "www"])]
    #[case::paragraphs("a\r\n\nb", &["a", "", "b"])]
    #[case::empty("", &[""])]
    fn lines_end_between_words_or_parts_where_possible(#[case] text: &str, #[case] expected: &[&str]) {
        let joined = |line: &Vec<Run>| line.iter().map(|run| run.text.as_str()).collect::<String>();
        let lines: Vec<String> = lines(&[run(text, TEXT)], 60).iter().map(joined).collect();
        assert_eq!(lines, expected);
    }

    #[rstest]
    #[case("a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c&apos;")]
    #[case("\u{0}\u{fffe}\n", "\\u{0}\u{fffd}\\n")]
    fn text_is_escaped(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(escaped(text), expected);
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_letter_is_lost(
            texts in prop::collection::vec(prop_oneof![any::<String>(), "[ -~]{0,80}", "[a-z]{0,9}( [a-z:/]{0,90}){0,9}"], 1..4),
            max in 40..700_usize,
        ) {
            let styles = [TEXT, BOLD, CODE, TITLE];
            let runs: Vec<Run> = texts.iter().zip(styles).map(|(text, style)| run(text.as_str(), style)).collect();
            let lines = lines(&runs, max);
            for line in &lines {
                prop_assert!(extent(line).0 <= max, "{line:?}");
            }
            let letters = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
            let shown: String = lines.iter().flatten().map(|run| letters(&run.text)).collect();
            let paragraphs = texts.iter().flat_map(|text| text.split('\n'));
            let told: String =
                paragraphs.map(|text| letters(&plain_text::printable(text.trim_end_matches('\r')))).collect();
            prop_assert_eq!(shown, told);
        }
    }

    #[test]
    fn a_bold_text_is_wider_and_a_larger_one_too() {
        let text = "sg-0ab (web) is open to the internet: critical";
        assert!(width(text, TEXT) < width(text, BOLD) && width(text, BOLD) < width(text, TITLE));
        assert_eq!(width("iiii", CODE), width("WWWW", CODE));
    }
}
