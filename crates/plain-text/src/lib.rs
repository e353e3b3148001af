#![doc = include_str!("../README.md")]

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Display, Write as _};

/// Longest error message that a function logs or returns, in characters. A parser's message may quote its whole input,
/// which can be megabytes, while Lambda returns at most 6 MB and a `CloudWatch` log event holds 256 KB.
const ERROR_MAX_CHARS: usize = 2000;

/// Whether a character steers the program that displays it: control characters, line breaks, marks that change the
/// direction of writing, and invisible characters.
#[must_use]
pub fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `text` with every [steering](is_steering) character escaped, such as `\u{1b}`.
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

/// At most `max` characters of `text`; the last of them is an ellipsis if any were cut.
#[must_use]
pub fn clip(text: &str, max: usize) -> Cow<'_, str> {
    if text.chars().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(max.saturating_sub(1)).chain(['…']).collect())
}

/// `text` on one line, cut to `max` characters; the last of them is an ellipsis if anything was cut. Steering characters
/// become spaces.
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    clip(text, max).chars().map(|char| if is_steering(char) { ' ' } else { char }).collect()
}

/// A number and its noun: `1 rule`, `2 rules`.
#[must_use]
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = plural_ending(number);
    format!("{number} {noun}{plural}")
}

/// Ending of a noun after a number that is written in another way than by [`counted`].
#[must_use]
pub fn plural_ending<N: Copy + PartialEq + From<u8>>(number: N) -> &'static str {
    if number == N::from(1) { "" } else { "s" }
}

/// An error and its causes, joined by colons: `nothing was changed: ec2:DescribeSecurityGroups on sg-1 failed`.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// What a function logs and returns of an error: the error and its causes, on one line of at most 2,000 characters.
#[must_use]
pub fn error_message(error: &dyn Error) -> String {
    one_line(&error_chain(error), ERROR_MAX_CHARS)
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

    #[derive(Debug, thiserror::Error)]
    #[error("nothing was changed")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the bucket\ndid not answer")]
    struct Inner;

    #[test]
    fn an_error_is_followed_by_its_causes() {
        assert_eq!(error_chain(&Outer(Inner)), "nothing was changed: the bucket\ndid not answer");
        assert_eq!(error_message(&Outer(Inner)), "nothing was changed: the bucket did not answer");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Quoting(String);

    #[rstest]
    #[case(0, "0 rules")]
    #[case(1, "1 rule")]
    #[case(2, "2 rules")]
    fn a_noun_agrees_with_its_number(#[case] number: usize, #[case] expected: &str) {
        assert_eq!(counted(number, "rule"), expected);
    }

    /// A parser quotes its input, which may be megabytes.
    #[test]
    fn an_error_message_is_of_bounded_length() {
        let long = error_message(&Quoting("é".repeat(6_000_000)));
        assert_eq!(long, "é".repeat(1999) + "…");
    }

    #[rstest]
    #[case("abcd", 4, "abcd")]
    #[case("abcde", 4, "abc…")]
    #[case("ääää", 3, "ää…")]
    #[case("", 0, "")]
    fn text_is_clipped_by_characters(#[case] text: &str, #[case] max: usize, #[case] clipped: &str) {
        assert_eq!(clip(text, max), clipped);
    }

    #[rstest]
    #[case::fits("four", 4, "four")]
    #[case::cut("fives", 4, "fiv…")]
    #[case::characters_not_bytes("网络组网络", 4, "网络组…")]
    fn a_line_ends_with_an_ellipsis_when_it_is_cut(#[case] text: &str, #[case] max: usize, #[case] line: &str) {
        assert_eq!(one_line(text, max), line);
    }
}
