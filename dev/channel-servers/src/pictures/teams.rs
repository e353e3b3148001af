//! A card of Teams.

use serde_json::Value;

use super::paper::{Frame, Paper};
use super::style::{BOLD, CODE, GREEN, INK, LINE, LINK, NOTE, ORANGE, RED, Style, TEXT, TITLE, WHITE};
use super::text::{Run, run};
use super::{list, text};

/// A message with a card, as the workflow posts it.
#[must_use]
pub fn teams(message: &Value) -> String {
    let mut paper = Paper::new("A card in Microsoft Teams");
    let card = message.pointer("/attachments/0/content").unwrap_or(&Value::Null);
    let top = paper.y;
    paper.stranger(Paper::column().x, top, 32);
    let column = Paper::column().right_of(44);
    paper.text(column, &[run("Workflows  ", BOLD), run("posted a card", NOTE)]);
    paper.space(6);
    let mark = paper.mark();
    let inner = column.within(16);
    paper.space(14);
    for element in list(card, "/body") {
        match text(element, "/type") {
            "TextBlock" if text(element, "/fontType") == "Monospace" => {
                paper.space(6);
                paper.plain(inner, &text(element, "/text").replace("\n\n", "\n"), CODE);
            }
            "TextBlock" => paper.text(inner, &mentions(text(element, "/text"))),
            _ => paper.text(inner, &list(element, "/inlines").iter().map(inline).collect::<Vec<_>>()),
        }
        paper.space(4);
    }
    paper.space(8);
    paper.buttons(inner, list(card, "/actions").iter().map(|action| text(action, "/title")));
    paper.space(14);
    paper.frame(column, mark, Frame { fill: WHITE, border: LINE, radius: 6 });
    paper.into_svg()
}

fn inline(inline: &Value) -> Run {
    let style = if text(inline, "/size") == "Large" { TITLE } else { TEXT };
    let colour = match text(inline, "/color") {
        "Attention" => RED,
        "Warning" => ORANGE,
        "Good" => GREEN,
        _ => INK,
    };
    run(text(inline, "/text"), Style { is_bold: text(inline, "/weight") == "Bolder", ..style.coloured(colour) })
}

/// `<at>name</at>, <at>name</at>`.
fn mentions(words: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    for part in words.split("<at>") {
        match part.split_once("</at>") {
            Some((name, after)) => runs.extend([run(name, LINK), run(after, TEXT)]),
            None => runs.push(run(part, TEXT)),
        }
    }
    runs
}
