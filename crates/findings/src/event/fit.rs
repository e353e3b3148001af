//! Cuts texts and lists to a number of bytes of JSON.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

/// Number of bytes of `value` in compact JSON.
pub(super) fn json_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // The values here have text as keys, and counting does not fail. If it did, the value would not fit.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}

/// `text`, cut to at most `max` bytes as a JSON string, quotes not counted. An ellipsis stands for the rest.
pub(super) fn clipped(text: &str, max: usize) -> String {
    const ELLIPSIS: char = '…';
    let room = max.saturating_sub(ELLIPSIS.len_utf8());
    let (mut bytes, mut end) = (0, 0);
    for (at, character) in text.char_indices() {
        if bytes <= room {
            end = at;
        }
        bytes += encoded(character);
        if bytes > max {
            let mut cut: String = text.get(..end).unwrap_or_default().to_owned();
            cut.push(ELLIPSIS);
            return cut;
        }
    }
    text.to_owned()
}

pub(super) fn clipped_option(text: Option<&str>, max: usize) -> Option<String> {
    text.map(|text| clipped(text, max))
}

/// Bytes of a character in a JSON string, as `serde_json` writes it.
fn encoded(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

/// Keeps the first items that fit into `room` bytes, and takes their bytes from it.
pub(super) fn keep_first<T: Serialize>(items: &mut Vec<T>, room: &mut usize) {
    let fitting = items.iter().take_while(|item| take(room, json_bytes(item).saturating_add(",".len()))).count();
    items.truncate(fitting);
}

/// Keeps the entries, in the order of their keys, that fit into `room` bytes. One that is too long does not hide the next.
pub(super) fn keep_fitting(entries: &BTreeMap<String, String>, mut room: usize) -> BTreeMap<String, String> {
    let fits = |(key, value): &(&String, &String)| {
        take(&mut room, json_bytes(*key).saturating_add(json_bytes(*value)).saturating_add(":,".len()))
    };
    entries.iter().filter(fits).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Takes `bytes` from `room`; false if there are not as many.
pub(super) fn take(room: &mut usize, bytes: usize) -> bool {
    let left = room.checked_sub(bytes);
    *room = left.unwrap_or(*room);
    left.is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("short", 5, "short")]
    #[case("longer", 5, "lo…")]
    #[case("äöü", 6, "äöü")]
    #[case("äöüß", 6, "ä…")]
    #[case("\u{1}\u{1}", 12, "\u{1}\u{1}")]
    #[case("\u{1}\u{1}", 11, "\u{1}…")]
    #[case("\"\"\"", 5, "\"…")]
    fn a_text_is_cut_between_characters(#[case] text: &str, #[case] max: usize, #[case] expected: &str) {
        assert_eq!(clipped(text, max), expected);
    }

    proptest! {
        #[test]
        fn a_cut_text_has_at_most_so_many_bytes(text in any::<String>(), max in 3_usize..40) {
            let cut = clipped(&text, max);
            prop_assert!(json_bytes(&cut) <= max + 2, "{cut:?}");
            prop_assert!(cut == text || json_bytes(&text) > max + 2);
            prop_assert!(text.starts_with(cut.trim_end_matches('…')));
        }
    }

    #[test]
    fn a_long_entry_does_not_hide_the_next() {
        let entries: BTreeMap<String, String> =
            [("a", "1".repeat(100)), ("owner", "shop".into())].map(|(key, value)| (key.into(), value)).into();
        assert_eq!(keep_fitting(&entries, 15).into_keys().collect::<Vec<_>>(), ["owner"]);
        assert!(keep_fitting(&entries, 14).is_empty());
    }
}
