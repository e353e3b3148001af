//! Numbers for a reader.

use plain_text::plural_ending;

/// A number with separators and its noun.
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), plural_ending(number))
}

pub(super) fn number(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

/// A number with separators: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1_000, "1,000")]
    #[case(1_234_567, "1,234,567")]
    fn thousands_are_apart(#[case] number: u64, #[case] text: &str) {
        assert_eq!(grouped(number), text);
    }
}
