//! Text of others, of a bounded length.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// Text of at most `MAX` bytes on one line. What is too long is cut, and ends with an ellipsis; control characters and the
/// like become spaces. So no text makes a finding too large for its store, or steers the program that displays it.
///
/// ```
/// use findings::finding::Text;
///
/// assert_eq!(Text::<8>::from("bastion\nhosts").as_str(), "basti…");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> From<&str> for Text<MAX> {
    fn from(text: &str) -> Self {
        const ELLIPSIS: char = '…';
        let clean = |char| if plain_text::is_steering(char) { ' ' } else { char };
        if text.len() <= MAX {
            return Self(text.chars().map(clean).collect());
        }
        let room = MAX.saturating_sub(ELLIPSIS.len_utf8());
        let mut kept = String::with_capacity(MAX);
        for char in text.chars().map(clean) {
            if kept.len() + char.len_utf8() > room {
                break;
            }
            kept.push(char);
        }
        kept.push(ELLIPSIS);
        Self(kept)
    }
}

impl<const MAX: usize> From<String> for Text<MAX> {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex<'b>(bytes: impl Iterator<Item = &'b u8>) -> String {
    bytes.fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::short("web", "web")]
    #[case::exact("12345678", "12345678")]
    #[case::long("123456789", "12345…")]
    #[case::wide("ééééé", "éé…")]
    #[case::control("a\u{1b}[0m", "a [0m")]
    #[case::direction("a\u{202e}b", "a b")]
    fn text_is_bounded_and_clean(#[case] text: &str, #[case] expected: &str) {
        let bounded = Text::<8>::from(text);
        assert_eq!(bounded.as_str(), expected);
        assert!(bounded.as_str().len() <= 8);
        assert_eq!(Text::<8>::from(bounded.as_str()), bounded);
    }
}
