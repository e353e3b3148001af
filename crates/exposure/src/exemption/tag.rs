//! Exemption by a tag of the group.

use super::{Exemption, Expiry, GroupSelector};
use crate::group::SecurityGroup;

/// What a tag that may exempt a group says.
pub(super) enum Tag {
    /// It exempts the group.
    Exempts(Box<Exemption>),
    /// It begins with something like a date that is not a plain one: an exemption of unknown end is none.
    Malformed,
}

/// Returns what the tag `key` of a group says, if the group has that tag.
///
/// The value of the tag is the reason. It may start with the expiry: `2026-12-31 moving to a VPN`. A value that starts with
/// a digit, or looks as if it did, but not with a valid expiry, grants no exemption, so that neither a typing error nor a
/// trick makes an exemption permanent.
pub(super) fn exemption_by_tag(group: &SecurityGroup, key: &str) -> Option<Tag> {
    let value = group.tags.get(key)?.trim();
    let (first, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    let (expires, reason) = match Expiry::parse(first) {
        Some(expires) => (Some(expires), rest.trim()),
        None if looks_like_a_date(value) => return Some(Tag::Malformed),
        None => (None, value),
    };
    Some(Tag::Exempts(Box::new(Exemption {
        group: GroupSelector::Id(group.id.clone()),
        account_id: None,
        ports: None,
        expires,
        reason: if reason.is_empty() { format!("tag {key}") } else { format!("tag {key}: {reason}") },
        owner: None,
    })))
}

/// Returns true if a reader may take the beginning of `value` for a date: a digit of any script, perhaps behind characters
/// that are not seen; or, behind punctuation, four digits with a separator.
fn looks_like_a_date(value: &str) -> bool {
    let seen: String = value.chars().filter(|character| !is_invisible(*character)).collect();
    let seen = seen.trim_start();
    if seen.starts_with(char::is_numeric) {
        return true;
    }
    let mut characters = seen.trim_start_matches(|character: char| !character.is_alphanumeric()).chars();
    characters.by_ref().take(4).filter(|character| character.is_numeric()).count() == 4
        && characters.next().is_some_and(|separator| !separator.is_alphanumeric() && !separator.is_whitespace())
        && characters.next().is_some_and(char::is_numeric)
}

/// Returns true for characters without a glyph: controls, marks of direction, joiners, selectors, fillers.
///
/// Source: <https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point>
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}
