//! Patterns with `*`, which stands for any text.

use serde::{Serialize, Serializer};

/// A text in which `*` stands for any text, also none. Case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns true if the pattern stands for the whole text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(first) else { return false };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return text.ends_with(part);
            }
            let Some((_, after)) = text.split_once(part) else { return false };
            text = after;
        }
        true
    }

    /// Returns true if every text that `other` stands for is one that this pattern stands for. No literal part of a pattern
    /// has a `*`, so each `*` of `other` falls to one of this pattern.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web", "web", true)]
    #[case("web", "web-1", false)]
    #[case("*", "", true)]
    #[case("web-*", "web-1", true)]
    #[case("web-*", "web", false)]
    #[case("*-web-*", "eu-web-1", true)]
    #[case("*-web", "eu-web-web", true)]
    #[case("a*a", "a", false)]
    #[case("a*a", "aa", true)]
    #[case("a**b*", "aXbY", true)]
    #[case("*é*", "café!", true)]
    #[case("Web*", "web", false)]
    fn a_star_is_any_text(#[case] pattern: &str, #[case] text: &str, #[case] matches: bool) {
        assert_eq!(Pattern::new(pattern).matches(text), matches);
    }

    #[rstest]
    #[case("*", "web-*", true)]
    #[case("web-*", "web-1-*", true)]
    #[case("web-*", "*", false)]
    #[case("*web*", "*", false)]
    #[case("*b*", "a*b", true)]
    fn a_pattern_covers_narrower_ones(#[case] wide: &str, #[case] narrow: &str, #[case] covers: bool) {
        assert_eq!(Pattern::new(wide).covers(&Pattern::new(narrow)), covers);
    }
}
