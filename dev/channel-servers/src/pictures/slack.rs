//! A message of Slack when a finding is told for the first time, and the same message with its thread after the end.

use channels::fakes::slack::{Conversation, Version};
use serde_json::Value;

use super::paper::{Column, Paper};
use super::style::{BOLD, LINE, LINK, NOTE, Style, TEXT, TITLE};
use super::text::{Run, run};
use super::{clock, list, text};
use crate::render::slack::shown;

/// Column of the labels of a section.
const LABEL: usize = 170;
/// Blocks of the message that are shown after the end: the title, and two sections.
const BLOCKS_AT_THE_END: usize = 3;

/// The first message of a conversation, as it was posted and as it is now.
#[must_use]
pub fn slack(conversation: &Conversation) -> String {
    let mut paper = Paper::new("A message in Slack, and its thread after the end");
    if let Some(message) = conversation.top().next() {
        if let Some(posted) = message.versions.first() {
            version(&mut paper, Paper::column(), posted, usize::MAX, 36);
        }
        if let Some(now) = message.now().filter(|_| message.versions.len() > 1) {
            paper.later("AFTER THE END");
            version(&mut paper, Paper::column(), now, BLOCKS_AT_THE_END, 36);
            let thread = Paper::column().right_of(48);
            paper.space(4);
            paper.plain(thread, "Thread", Style { size: 13, is_bold: true, ..LINK });
            paper.space(4);
            let mark = paper.mark();
            for reply in conversation.thread(&message.ts) {
                let Some(told) = reply.now() else { continue };
                version(&mut paper, thread.right_of(16), told, usize::MAX, 26);
            }
            paper.bar(thread.x, mark, LINE);
        }
    }
    paper.into_svg()
}

/// A message with who posted it. `limit` is the number of blocks that are shown.
fn version(paper: &mut Paper, column: Column, version: &Version, limit: usize, avatar: usize) {
    let top = paper.y;
    paper.avatar(column.x, top, avatar);
    let column = column.right_of(avatar + 12);
    let edited = if limit == usize::MAX { "" } else { "  (edited)" };
    paper.text(column, &[run("Portcullis  ", BOLD), run(format!("APP  {}{edited}", clock(version.at)), NOTE)]);
    paper.space(2);
    let blocks = list(&version.blocks, "");
    for block in blocks.iter().take(limit) {
        self::block(paper, column, block);
    }
    if blocks.len() > limit {
        paper.plain(column, "… and the other facts, as above", NOTE);
    }
    paper.below(top + avatar);
}

fn block(paper: &mut Paper, column: Column, block: &Value) {
    let words = text(block, "/text/text");
    match text(block, "/type") {
        "header" => paper.plain(column, &shown(part(block, "text")), TITLE),
        "context" => {
            for element in list(block, "/elements") {
                paper.plain(column, &shown(element), NOTE);
            }
        }
        _ if words.starts_with("```") => {
            paper.space(4);
            paper.code(column, &shown(part(block, "text")));
        }
        _ if text(block, "/text/type") == "mrkdwn" => paper.text(column, &linked(words)),
        _ if block.get("text").is_some() => paper.plain(column, &shown(part(block, "text")), TEXT),
        _ => {}
    }
    let pair = |pair: &[Value]| {
        let mut texts = pair.iter().map(shown);
        let (label, value) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
        (label, vec![run(value, TEXT)])
    };
    let fields: Vec<(String, Vec<Run>)> = list(block, "/fields").chunks(2).map(pair).collect();
    paper.fields(column, LABEL, &fields, BOLD);
    paper.space(3);
}

fn part<'b>(block: &'b Value, name: &str) -> &'b Value {
    block.get(name).unwrap_or(&Value::Null)
}

/// A formatted text: links and mentions in colour.
fn linked(words: &str) -> Vec<Run> {
    let plain = |text: &str, style| run(shown(&serde_json::json!({"type": "mrkdwn", "text": text})), style);
    let mut runs = Vec::new();
    let mut rest = words;
    while let Some((before, (link, after))) =
        rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    {
        runs.push(plain(before, TEXT));
        runs.push(plain(&format!("<{link}>"), LINK));
        rest = after;
    }
    runs.push(plain(rest, TEXT));
    runs
}
