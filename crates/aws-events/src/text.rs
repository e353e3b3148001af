//! What others have written, where somebody reads it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character steers what shows it: control characters, line breaks, what turns the direction of writing, and what
/// cannot be seen at all.
#[must_use]
pub fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Text that cannot steer a terminal: the characters that [steer](is_steering) are spelled out.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_steering) {
        return Cow::Borrowed(text);
    }
    let mut printable = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_steering(character) {
            // Writing to a string does not fail.
            let _ = write!(printable, "{}", character.escape_default());
        } else {
            printable.push(character);
        }
    }
    Cow::Owned(printable)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("web", "web")]
    #[case::wide("网络组", "网络组")]
    #[case::ansi("\u{1b}[31mred", "\\u{1b}[31mred")]
    #[case::c1("\u{9b}31m", "\\u{9b}31m")]
    #[case::newline("a\nb\tc", "a\\nb\\tc")]
    #[case::direction("a\u{202e}b", "a\\u{202e}b")]
    #[case::line_separator("a\u{2028}b", "a\\u{2028}b")]
    fn nothing_steers_the_terminal(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(printable(text), shown);
    }
}
