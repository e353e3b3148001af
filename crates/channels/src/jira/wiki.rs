//! Wiki markup, for Jira Data Center.
//!
//! Source: <https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all>

use std::fmt::Write as _;

use super::page::{Block, Page};

/// The markup of a page.
pub(super) fn render(page: &Page) -> String {
    let mut text = String::new();
    for block in &page.blocks {
        render_block(block, &mut text);
        text.push('\n');
    }
    text.push_str(&page.mark);
    text.truncate(text.trim_end().len());
    text
}

// Writing to a string does not fail.
fn render_block(block: &Block, text: &mut String) {
    match block {
        Block::Line(line) => {
            let _ = writeln!(text, "{}", escaped(line));
        }
        Block::List(items) => {
            for item in items {
                let _ = writeln!(text, "* {}", escaped(item));
            }
        }
        Block::Facts(facts) => {
            for fact in facts {
                // A row with an empty cell is no row of a table.
                let value = if fact.value.is_empty() { " ".to_owned() } else { escaped(&fact.value) };
                let _ = writeln!(text, "||{}|{value}|", escaped(fact.label));
            }
        }
        Block::Links(links) => {
            let links: Vec<String> = links.iter().map(|link| format!("[{}|{}]", link.label, link.url)).collect();
            let _ = writeln!(text, "{}", links.join(" · "));
        }
        Block::Command(command) => {
            let _ = writeln!(text, "{{noformat}}\n{}\n{{noformat}}", command.replace('{', "("));
        }
    }
}

/// Text without markup. What begins markup is written as the number of the character, which Jira displays as the character
/// and never takes for markup: a backslash does not escape another backslash in every place.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        // `h1.`, `bq.`, `#` and `-` are markup at the beginning of a line, a word in the middle of one is none.
        let begins = at == 0;
        let is_markup = match character {
            '\\' | '{' | '}' | '[' | ']' | '|' | '!' | '*' | '_' | '^' | '~' | '+' | '?' | '@' | '&' | '<' | '>'
            | '#' | '(' | ')' => true,
            // Between two letters it is none.
            '-' => begins || !before.is_alphanumeric() || !next_is_alphanumeric(line, at),
            // `:)`, `;)`, `(x)`, `(/)` are pictures, and a scheme with `:` is a link.
            ':' | ';' => !next_is(line, at, |next| next == ' ' || next.is_ascii_digit()),
            _ => false,
        };
        if is_markup || (begins && is_block(line)) {
            let _ = write!(text, "&#{};", u32::from(character));
        } else {
            text.push(character);
        }
        before = character;
    }
    text
}

/// `h1.` to `h6.` and `bq.` begin a heading and a quotation.
fn is_block(line: &str) -> bool {
    let Some((head, _)) = line.split_once('.') else { return false };
    head == "bq" || matches!(head.as_bytes(), [b'h', b'0'..=b'9'])
}

fn next_is(line: &str, at: usize, is: impl Fn(char) -> bool) -> bool {
    line.get(at..).and_then(|rest| rest.chars().nth(1)).is_some_and(is)
}

fn next_is_alphanumeric(line: &str, at: usize) -> bool {
    next_is(line, at, char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rstest::rstest;

    use super::*;
    use crate::words::{Fact, Link};

    /// The text that Jira displays for the numbers of characters.
    fn displayed(text: &str) -> String {
        let mut parts = text.split("&#");
        let mut shown = parts.next().unwrap().to_owned();
        for part in parts {
            let (number, rest) = part.split_once(';').unwrap();
            shown.push(char::from_u32(number.parse().unwrap()).unwrap());
            shown.push_str(rest);
        }
        shown
    }

    #[rstest]
    #[case::mention("[~ana] @ana")]
    #[case::image("!https://example.com/a.png!")]
    #[case::block("{code}x{code}")]
    #[case::heading("h1. title")]
    #[case::quotation("bq. said")]
    #[case::list("# one")]
    #[case::dash("- one -two- --")]
    #[case::rule("----")]
    #[case::picture(":) ;) (x) (/)")]
    #[case::escapes("\\{code} \\\\[~ana]")]
    #[case::entity("&#91;~ana&#93; &lt;")]
    #[case::cell("a|b||c")]
    fn markup_of_others_is_text(#[case] hostile: &str) {
        let text = escaped(hostile);
        assert_eq!(displayed(&text), hostile);
        let plain: String = text.replace("&#", "");
        assert!(
            !plain.contains(['\\', '{', '}', '[', ']', '|', '!', '*', '_', '~', '+', '@', '&', '#', '(', ')']),
            "{text}"
        );
        assert!(!plain.starts_with(['-', 'h', 'b']) && !plain.contains("://") && !plain.contains(" -"), "{text}");
    }

    #[rstest]
    #[case("sg-0aaa is open on tcp/22: high")]
    #[case("2026-12-01 09:00 UTC")]
    #[case("eu-west-1")]
    fn ordinary_text_stays_readable(#[case] text: &str) {
        assert_eq!(escaped(text), text);
    }

    #[test]
    fn a_page_is_markup() {
        let mut page = Page { mark: "portcullis-0 (revision 1, open)".to_owned(), ..Page::default() };
        page.line("a *b*");
        page.list(["one".to_owned()]);
        page.facts(vec![
            Fact { label: "State", value: "open".to_owned() },
            Fact { label: "Owner", value: String::new() },
        ]);
        page.links(vec![Link { label: "Group", url: "https://example.com/#a".to_owned() }]);
        page.commands(vec!["portcullis close sg-0".to_owned()]);
        let expected = "a &#42;b&#42;\n\n* one\n\n||State|open|\n||Owner| |\n\n[Group|https://example.com/#a]\n\n\
            {noformat}\nportcullis close sg-0\n{noformat}\n\nportcullis-0 (revision 1, open)";
        assert_eq!(render(&page), expected);
    }
}
