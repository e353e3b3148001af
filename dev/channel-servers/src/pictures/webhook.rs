//! A request to a webhook: its headers, and its document, shortened.

use channels::Request;
use serde_json::Value;

use super::document::Node;
use super::paper::{Column, Paper};
use super::style::{BLUE, CODE, GREEN, GREY, LABEL, NOTE, Style, width};
use super::text::{Run, run};

/// Members of members that are objects themselves are left out.
const DEPTH: usize = 2;
/// Width of a level.
const INDENT: usize = 16;

/// A request, as the receiver gets it.
#[must_use]
pub fn webhook(request: &Request) -> String {
    let mut paper = Paper::new("A request to a webhook");
    let column = Paper::column();
    let method = run(format!("{} ", request.method.as_str()), Style { is_bold: true, ..CODE });
    paper.text(column, &[method, run(request.url.expose(), CODE)]);
    paper.space(4);
    let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), vec![run(value.expose(), CODE)]));
    let name = Style { is_mono: true, size: CODE.size, ..LABEL };
    paper.fields(column, width("webhook-signature", name) + 20, &headers.collect::<Vec<_>>(), name);
    paper.space(8);
    paper.rule(column);
    paper.space(10);
    let document: Node = serde_json::from_slice(&request.body).unwrap_or_default();
    value(&mut paper, column, &[], &document, 0, "");
    paper.space(8);
    paper.plain(column, "Shortened at each …", NOTE);
    paper.into_svg()
}

/// A value behind its key, with what stands after it.
fn value(paper: &mut Paper, column: Column, key: &[Run], node: &Node, depth: usize, after: &str) {
    match node {
        Node::Object(_) if depth >= DEPTH => paper.text(column, &joined(key, cut("{ … }"), after)),
        Node::Object(members) => object(paper, column, key, members, depth, after),
        Node::Array(elements) => array(paper, column, key, elements, after),
        Node::Scalar(value) => paper.text(column, &joined(key, scalar(value), after)),
    }
}

/// A list, of which the first element is shown.
fn array(paper: &mut Paper, column: Column, key: &[Run], elements: &[Node], after: &str) {
    let Some((first, others)) = elements.split_first() else {
        return paper.text(column, &joined(key, run("[]", CODE), after));
    };
    if let (Node::Scalar(value), []) = (first, others) {
        let opened = joined(key, run("[", CODE), "");
        let closed = [scalar(value), run(format!("]{after}"), CODE)];
        return paper.text(column, &opened.into_iter().chain(closed).collect::<Vec<_>>());
    }
    paper.text(column, &joined(key, run("[", CODE), ""));
    let inner = column.right_of(INDENT);
    // At any depth, so that its members are seen.
    value(paper, inner, &[], first, DEPTH.saturating_sub(1), if others.is_empty() { "" } else { "," });
    if !others.is_empty() {
        paper.text(inner, &[cut("…")]);
    }
    paper.plain(column, &format!("]{after}"), CODE);
}

/// An object without its members that say nothing.
fn object(paper: &mut Paper, column: Column, key: &[Run], members: &[(String, Node)], depth: usize, after: &str) {
    paper.text(column, &joined(key, run("{", CODE), ""));
    let (told, silent): (Vec<_>, Vec<_>) = members.iter().partition(|(_, node)| !node.says_nothing());
    for (at, (name, node)) in told.iter().enumerate() {
        let name = [run(Value::from(name.as_str()).to_string(), CODE.coloured(BLUE)), run(": ", CODE)];
        let after = if at + 1 < told.len() || !silent.is_empty() { "," } else { "" };
        value(paper, column.right_of(INDENT), &name, node, depth + 1, after);
    }
    if !silent.is_empty() {
        paper.text(column.right_of(INDENT), &[cut("…")]);
    }
    paper.plain(column, &format!("}}{after}"), CODE);
}

fn scalar(value: &Value) -> Run {
    run(value.to_string(), if value.is_string() { CODE.coloured(GREEN) } else { CODE })
}

fn cut(mark: &str) -> Run {
    run(mark, CODE.coloured(GREY))
}

fn joined(key: &[Run], value: Run, after: &str) -> Vec<Run> {
    key.iter().cloned().chain([value, run(after, CODE)]).collect()
}
