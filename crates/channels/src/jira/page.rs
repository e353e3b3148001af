//! A text for a ticket or a comment, before it is markup.

use crate::words::{Fact, Link};

/// Longest paragraph, item and value, in characters.
const LINE_MAX: usize = 4_000;

/// A text: paragraphs, lists, facts, links, and the mark by which it is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) blocks: Vec<Block>,
    /// The last line. It is never cut.
    pub(super) mark: String,
}

/// A part of a text. No line contains a line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A paragraph.
    Line(String),
    /// A list, an item each.
    List(Vec<String>),
    /// Labels and values.
    Facts(Vec<Fact>),
    /// Links, all in one paragraph.
    Links(Vec<Link>),
    /// A command.
    Command(String),
}

impl Block {
    /// Number of parts that can be left out one by one.
    fn parts(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Facts(facts) => facts.len(),
            Self::Line(_) | Self::Links(_) | Self::Command(_) => 0,
        }
    }

    fn drop_last(&mut self) {
        match self {
            Self::List(items) => drop(items.pop()),
            Self::Facts(facts) => drop(facts.pop()),
            Self::Line(_) | Self::Links(_) | Self::Command(_) => {}
        }
    }
}

impl Page {
    pub(super) fn line(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Line(one_line(&text.into())));
    }

    pub(super) fn list(&mut self, items: impl IntoIterator<Item = String>) {
        let items: Vec<String> = items.into_iter().map(|item| one_line(&item)).collect();
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    pub(super) fn facts(&mut self, facts: Vec<Fact>) {
        let facts = facts.into_iter().map(|fact| Fact { value: one_line(&fact.value), ..fact });
        self.blocks.push(Block::Facts(facts.collect()));
    }

    pub(super) fn links(&mut self, links: Vec<Link>) {
        if !links.is_empty() {
            self.blocks.push(Block::Links(links));
        }
    }

    pub(super) fn commands(&mut self, commands: Vec<String>) {
        self.blocks.extend(commands.into_iter().map(Block::Command));
    }

    /// Leaves out the last part of the block with the most of them, or the last block. Returns false if there is none.
    fn drop_part(&mut self) -> bool {
        let longest = self.blocks.iter_mut().max_by_key(|block| block.parts()).filter(|block| block.parts() > 0);
        match longest {
            Some(block) => block.drop_last(),
            None => return self.blocks.pop().is_some(),
        }
        true
    }

    /// The text in markup, without as many of its last items and facts as it takes to be no longer than `max`.
    pub(super) fn fitting<T>(&self, max: usize, render: impl Fn(&Self) -> T, length: impl Fn(&T) -> usize) -> T {
        let mut page = self.clone();
        let mut left_out = 0_u32;
        loop {
            let mut shown = page.clone();
            if left_out > 0 {
                shown.line(format!(
                    "{} left out: the text would be too long for Jira.",
                    plain_text::counted(left_out, "line")
                ));
            }
            let text = render(&shown);
            if length(&text) <= max {
                return text;
            }
            // Each round leaves a part out, and without parts the text is its mark.
            if !page.drop_part() {
                return text;
            }
            left_out = left_out.saturating_add(1);
        }
    }
}

fn one_line(text: &str) -> String {
    plain_text::one_line(text, LINE_MAX).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths at which parts are left out, down to one at which nothing fits.
    #[test]
    fn a_page_that_is_too_long_loses_its_last_parts_and_keeps_its_mark() {
        let mut page = Page { mark: "mark".to_owned(), ..Page::default() };
        page.line("title");
        page.list((0..50).map(|number| format!("item {number}")));
        let render = |page: &Page| super::super::wiki::render(page);
        let whole = page.fitting(10_000, render, String::len);
        assert!(whole.contains("item 49") && !whole.contains("left out"));
        for max in (100..whole.len()).step_by(7) {
            let text = page.fitting(max, render, String::len);
            assert!(text.len() <= max && text.ends_with("mark") && text.contains("left out"), "{max}: {text}");
            assert!(!text.contains("item 49"));
        }
        assert!(page.fitting(0, render, String::len).ends_with("mark"));
    }
}
