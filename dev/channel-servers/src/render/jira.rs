//! Tickets of Jira.

use channels::fakes::jira::{Issue, Jira};
use serde_json::Value;

use super::paper::Paper;
use super::time;

pub(super) fn render(jira: &Jira, paper: &mut Paper) {
    for issue in jira.issues.iter().filter(|issue| !issue.deleted) {
        ticket(issue, paper);
    }
}

fn ticket(issue: &Issue, paper: &mut Paper) {
    paper.title(&format!("Jira · {}", issue.key));
    paper.lines("", "", &issue.summary);
    paper.blank();
    let links: Vec<&str> = issue.links.iter().map(String::as_str).collect();
    let resolution = issue.resolution.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let facts = [
        ("Status", format!("{}{resolution}", issue.status)),
        ("Priority", issue.priority.clone().unwrap_or_default()),
        ("Assignee", issue.assignee.clone().unwrap_or_else(|| "Unassigned".to_owned())),
        ("Labels", issue.labels.join(" ")),
        ("Links", links.join(" ")),
    ];
    for (label, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        paper.pair("", label, value);
    }
    paper.blank();
    text("│ ", &issue.description, paper);
    for comment in &issue.comments {
        paper.lines("  ", "↳ ", &time(comment.created));
        text("    ", &comment.body, paper);
    }
}

/// A description or a comment: a tree, or wiki markup as it is.
fn text(indent: &str, value: &Value, paper: &mut Paper) {
    if let Some(markup) = value.as_str() {
        paper.lines(indent, "", markup);
    }
    for block in content(value) {
        match kind(block) {
            "bulletList" => {
                for item in content(block) {
                    paper.lines(indent, "• ", &inline(item));
                }
            }
            "table" => {
                for row in content(block) {
                    let mut cells = content(row).iter().map(inline);
                    let (label, value) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
                    paper.pair(indent, &label, &value);
                }
            }
            "codeBlock" => paper.lines(indent, "  ", &inline(block)),
            _ => paper.lines(indent, "", &inline(block)),
        }
    }
}

fn kind(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn content(node: &Value) -> &[Value] {
    node.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// All text below a node.
fn inline(node: &Value) -> String {
    let own = node.get("text").and_then(Value::as_str).unwrap_or_default();
    content(node).iter().map(inline).fold(own.to_owned(), |text, part| text + &part)
}
