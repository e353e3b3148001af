//! A ticket of Jira Cloud while the finding is open, and its comment after the end.

use channels::fakes::jira::{Issue, Jira};
use serde_json::Value;

use super::paper::{Column, Paper};
use super::style::{BLUE, BOLD, GREEN, GREY, INK, LABEL, LINK, NOTE, TEXT, TITLE, severity_colour};
use super::text::{Run, run};
use super::{list, text, time};

/// Width of the column with the fields.
const SIDE: usize = 232;

/// The first ticket of a Jira, and the same one of this Jira later.
#[must_use]
pub fn jira(open: &Jira, ended: &Jira) -> String {
    let mut paper = Paper::new("A ticket in Jira, and its comment after the end");
    if let Some(issue) = open.issues.first() {
        heading(&mut paper, issue);
        let (top, whole) = (paper.y, Paper::column());
        let side = Column { x: whole.x + whole.width - SIDE, width: SIDE };
        paper.plain(side, "Details", BOLD);
        paper.space(4);
        details(&mut paper, side, open, issue);
        let end = std::mem::replace(&mut paper.y, top);
        let main = Column { width: whole.width - SIDE - 24, ..whole };
        paper.plain(main, "Description", BOLD);
        paper.space(4);
        document(&mut paper, main, &issue.description);
        paper.below(end);
    }
    if let Some(issue) = ended.issues.first() {
        paper.later("AFTER THE END");
        heading(&mut paper, issue);
        paper.plain(Paper::column(), "Comments", BOLD);
        paper.space(6);
        for comment in &issue.comments {
            let top = paper.y;
            paper.avatar(Paper::column().x, top, 28);
            let column = Paper::column().right_of(40);
            paper.text(column, &[run("Portcullis  ", BOLD), run(time(comment.created), NOTE)]);
            document(&mut paper, column, &comment.body);
        }
    }
    paper.into_svg()
}

fn heading(paper: &mut Paper, issue: &Issue) {
    paper.plain(Paper::column(), &issue.key, LABEL.coloured(BLUE));
    paper.space(2);
    paper.plain(Paper::column(), &issue.summary, TITLE);
    paper.space(4);
    let colour = if issue.is_closed() { GREEN } else { GREY };
    paper.pill(Paper::column().x, paper.y, &issue.status.to_uppercase(), colour);
    paper.space(32);
}

fn details(paper: &mut Paper, column: Column, jira: &Jira, issue: &Issue) {
    let id = issue.assignee.as_deref();
    let user = jira.settings.users.iter().find(|user| Some(user.id.as_str()) == id);
    let assignee = user.map_or("Unassigned", |user| user.email.as_str());
    let priority = issue.priority.as_deref().unwrap_or("None");
    let fields = [
        ("Assignee", vec![run(assignee, TEXT)]),
        ("Priority", vec![run(priority, BOLD.coloured(severity_colour(priority)))]),
        ("Labels", vec![run(issue.labels.join("\n"), NOTE.coloured(INK))]),
    ];
    for (label, value) in fields {
        paper.plain(column, label, NOTE);
        paper.text(column, &value);
        paper.space(8);
    }
}

/// A text of Jira Cloud: a tree.
fn document(paper: &mut Paper, column: Column, tree: &Value) {
    for block in list(tree, "/content") {
        match text(block, "/type") {
            "table" => {
                let rows: Vec<(String, Vec<Run>)> = list(block, "/content").iter().map(row).collect();
                paper.fields(column, 118, &rows, LABEL);
            }
            "bulletList" => {
                for item in list(block, "/content") {
                    paper.plain(column.right_of(6), "•", TEXT);
                    paper.y -= TEXT.line();
                    paper.text(column.right_of(20), &inline(item));
                }
            }
            "codeBlock" => paper.code(column, &inline(block).into_iter().map(|run| run.text).collect::<String>()),
            _ => paper.text(column, &inline(block)),
        }
        paper.space(5);
    }
}

fn row(row: &Value) -> (String, Vec<Run>) {
    let mut cells = list(row, "/content").iter().map(inline);
    let label = cells.next().unwrap_or_default().into_iter().map(|run| run.text).collect();
    (label, cells.next().unwrap_or_default())
}

/// All text below a node, links in colour.
fn inline(node: &Value) -> Vec<Run> {
    let style = if list(node, "/marks").iter().any(|mark| text(mark, "/type") == "link") { LINK } else { TEXT };
    let own = node.get("text").and_then(Value::as_str).map(|text| run(text, style));
    own.into_iter().chain(list(node, "/content").iter().flat_map(inline)).collect()
}
