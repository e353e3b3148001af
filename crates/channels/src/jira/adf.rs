//! The Atlassian Document Format: a tree, so no text in it is markup.
//!
//! Source: <https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/>

use serde_json::{Value, json};

use super::page::{Block, Page};

/// The tree of a page.
pub(super) fn render(page: &Page) -> Value {
    let mut content: Vec<Value> = page.blocks.iter().filter_map(block).collect();
    if !page.mark.is_empty() {
        content.push(paragraph(&page.mark));
    }
    json!({"type": "doc", "version": 1, "content": content})
}

fn block(block: &Block) -> Option<Value> {
    Some(match block {
        Block::Line(line) => paragraph(line),
        Block::List(items) if items.is_empty() => return None,
        Block::List(items) => {
            let items: Vec<Value> =
                items.iter().map(|item| json!({"type": "listItem", "content": [paragraph(item)]})).collect();
            json!({"type": "bulletList", "content": items})
        }
        Block::Facts(facts) if facts.is_empty() => return None,
        Block::Facts(facts) => {
            let row = |label: &str, value: &str| {
                let cells = [
                    json!({"type": "tableHeader", "content": [paragraph(label)]}),
                    json!({"type": "tableCell", "content": [paragraph(value)]}),
                ];
                json!({"type": "tableRow", "content": cells})
            };
            let rows: Vec<Value> = facts.iter().map(|fact| row(fact.label, &fact.value)).collect();
            json!({"type": "table", "content": rows})
        }
        Block::Links(links) => {
            let mut content = Vec::new();
            for link in links {
                if !content.is_empty() {
                    content.push(text(" · "));
                }
                let marks = [json!({"type": "link", "attrs": {"href": link.url}})];
                content.push(json!({"type": "text", "text": link.label, "marks": marks}));
            }
            json!({"type": "paragraph", "content": content})
        }
        Block::Command(command) => json!({"type": "codeBlock", "content": [text(command)]}),
    })
}

/// A paragraph. A text must not be empty, so an empty one is a paragraph without text.
fn paragraph(line: &str) -> Value {
    let content: Vec<Value> = if line.is_empty() { Vec::new() } else { vec![text(line)] };
    json!({"type": "paragraph", "content": content})
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// Text of the last block of a tree, if that is a paragraph.
pub(super) fn last_line(tree: &Value) -> Option<String> {
    let blocks = tree.get("content")?.as_array()?;
    let is_empty = |block: &&Value| block.get("content").and_then(Value::as_array).is_none_or(Vec::is_empty);
    let last = blocks.iter().rfind(|block| !is_empty(block))?;
    let parts = last.get("content").filter(|_| last.get("type").is_some_and(|kind| kind == "paragraph"))?.as_array()?;
    Some(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<String>().trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rstest::rstest;

    use super::*;
    use crate::words::{Fact, Link};

    #[test]
    fn a_page_is_a_tree() {
        let mut page = Page { mark: "portcullis-0".to_owned(), ..Page::default() };
        page.line("{code} @ana [~ana]");
        page.list(["one".to_owned(), String::new()]);
        page.facts(vec![Fact { label: "State", value: "open".to_owned() }]);
        page.links(vec![Link { label: "Group", url: "https://example.com/".to_owned() }]);
        page.commands(vec!["portcullis close sg-0".to_owned()]);
        insta::assert_json_snapshot!(render(&page));
        assert_eq!(last_line(&render(&page)).unwrap(), "portcullis-0");
    }

    #[rstest]
    #[case::in_parts(json!({"content": [{"type": "paragraph", "content": [
        {"type": "text", "text": "a "}, {"type": "text", "text": "b"}]}]}), Some("a b"))]
    #[case::empty_paragraph_after_it(json!({"content": [paragraph("a"), paragraph("")]}), Some("a"))]
    #[case::in_a_list(json!({"content": [paragraph("a"), {"type": "bulletList", "content": [{"type": "listItem"}]}]}), None)]
    #[case::empty(json!({"content": []}), None)]
    #[case::no_tree(json!("a"), None)]
    fn the_last_line_is_that_of_the_last_paragraph(#[case] tree: Value, #[case] line: Option<&str>) {
        assert_eq!(last_line(&tree).as_deref(), line);
    }
}
