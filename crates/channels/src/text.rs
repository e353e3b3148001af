//! Texts within the limits of a channel.

use std::fmt::Write as _;

/// `text` with each character written by `escape`, in at most `max` units of `measure`. What is too long is cut before a
/// character whose escape does not fit, and ends with an ellipsis.
pub(crate) fn fit(text: &str, max: usize, measure: fn(&str) -> usize, escape: fn(char, &mut String)) -> String {
    const ELLIPSIS: &str = "…";
    let mut fitted = String::new();
    // The longest part after which an ellipsis fits.
    let mut kept = 0;
    let mut used = 0;
    let mut one = String::new();
    for char in text.chars() {
        one.clear();
        escape(char, &mut one);
        used += measure(&one);
        if used > max {
            fitted.truncate(kept);
            if measure(ELLIPSIS) <= max {
                fitted.push_str(ELLIPSIS);
            }
            return fitted;
        }
        fitted.push_str(&one);
        if used + measure(ELLIPSIS) <= max {
            kept = fitted.len();
        }
    }
    fitted
}

/// Length in UTF-16 code units: no service that counts characters counts more.
pub(crate) fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Length in bytes.
pub(crate) fn bytes(text: &str) -> usize {
    text.len()
}

/// Writes a character as it is, but for two braces, which begin an expression in a card of Teams.
///
/// Source: <https://learn.microsoft.com/en-us/adaptive-cards/authoring-cards/text-features>
pub(crate) fn card(char: char, text: &mut String) {
    text.push_str(match char {
        '{' => "{ ",
        _ => return text.push(char),
    });
}

/// Writes the characters that are control characters in Slack as entities.
///
/// Source: <https://docs.slack.dev/messaging/formatting-message-text#escaping>
pub(crate) fn slack(char: char, text: &mut String) {
    match char {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        '>' => text.push_str("&gt;"),
        _ => text.push(char),
    }
}

/// Text of others for a chat whose format is not known, as behind Amazon Q: characters that mean something in a format
/// become others that look alike. An e-mail address stays as it is.
pub(crate) fn lookalikes(text: &str) -> String {
    let mut before = ' ';
    let mut alike = String::with_capacity(text.len());
    for char in text.chars() {
        alike.push(match char {
            '<' => '‹',
            '>' => '›',
            '&' => '＆',
            '*' => '∗',
            '~' => '∼',
            '`' => '\'',
            '[' => '(',
            ']' => ')',
            '@' if !before.is_alphanumeric() => '＠',
            _ => char,
        });
        before = char;
    }
    alike
}

/// Text on one line of printable ASCII, in at most `max` characters.
pub(crate) fn ascii(text: &str, max: usize) -> String {
    let shown = text.chars().map(|char| if matches!(char, ' '..='~') { char } else { '?' });
    let all: String = shown.collect();
    if all.len() <= max { all } else { all.chars().take(max.saturating_sub(3)).chain("...".chars()).collect() }
}

/// Text for a query of a URL.
pub(crate) fn query(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fits("a<b", 6, "a&lt;b")]
    #[case::no_entity_is_cut("a<b", 5, "a…")]
    #[case::emoji("👩👩👩", 5, "👩👩…")]
    #[case::no_half_emoji("👩👩👩", 4, "👩…")]
    #[case::nothing_fits("abc", 0, "")]
    #[case::one("abc", 1, "…")]
    #[case::mention("<!channel>", 99, "&lt;!channel&gt;")]
    fn a_text_is_cut_between_characters(#[case] text: &str, #[case] max: usize, #[case] expected: &str) {
        let fitted = fit(text, max, utf16, slack);
        assert_eq!(fitted, expected);
        assert!(utf16(&fitted) <= max);
    }

    #[rstest]
    #[case("<!channel> <@U1> @here jane@example.com", "‹!channel› ‹＠U1› ＠here jane@example.com")]
    #[case("[x](https://example.com) *a* `b` &lt;", "(x)(https://example.com) ∗a∗ 'b' ＆lt;")]
    fn lookalikes_mean_nothing(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(lookalikes(text), expected);
    }

    #[test]
    fn a_subject_is_short_and_ascii() {
        assert_eq!(ascii("web é\n👩", 100), "web ???");
        assert_eq!(ascii(&"x".repeat(101), 100), format!("{}...", "x".repeat(97)));
    }

    #[test]
    fn a_query_has_no_special_characters() {
        assert_eq!(query("o'neil+x@example.com&y"), "o%27neil%2Bx%40example.com%26y");
    }
}
