//! Messages of Slack, with their threads.

use channels::fakes::slack::{Conversation, Message, Slack};
use serde_json::Value;

use super::paper::Paper;
use super::time;

pub(super) fn render(slack: &Slack, paper: &mut Paper) {
    for conversation in slack.conversations() {
        paper.title(&format!("Slack · {}", conversation.name));
        for message in conversation.top() {
            self::message(conversation, message, paper);
        }
    }
}

fn message(conversation: &Conversation, message: &Message, paper: &mut Paper) {
    let Some((posted, now)) = message.versions.first().zip(message.now()) else { return };
    let edited = if message.versions.len() > 1 { format!(" (edited {})", time(now.at)) } else { String::new() };
    paper.lines("", "", &format!("Portcullis  {}{edited}", time(posted.at)));
    blocks("│ ", &now.blocks, paper);
    for reply in conversation.thread(&message.ts) {
        let Some(version) = reply.now() else { continue };
        let place = if reply.is_broadcast { ", also sent to the channel" } else { "" };
        paper.lines("  ", "↳ ", &format!("{}{place}", time(version.at)));
        blocks("    ", &version.blocks, paper);
    }
    paper.blank();
}

fn blocks(indent: &str, blocks: &Value, paper: &mut Paper) {
    for block in blocks.as_array().into_iter().flatten() {
        if let Some(text) = block.get("text") {
            paper.lines(indent, "", &shown(text));
        }
        let fields = block.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for pair in fields.chunks(2) {
            let mut texts = pair.iter().map(shown);
            let (label, value) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
            paper.pair(indent, &label, &value);
        }
        for element in block.get("elements").and_then(Value::as_array).into_iter().flatten() {
            paper.lines(indent, "", &shown(element));
        }
    }
}

/// What a text object shows.
pub(crate) fn shown(object: &Value) -> String {
    let text = object.get("text").and_then(Value::as_str).unwrap_or_default();
    let text = if object.get("type").is_some_and(|kind| kind == "mrkdwn") { formatted(text) } else { text.to_owned() };
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A formatted text: links by their labels, mentions by their ids, bold and preformatted text without marks.
fn formatted(text: &str) -> String {
    let mut shown = String::new();
    for (at, part) in text.split('<').enumerate() {
        match part.split_once('>').filter(|_| at > 0) {
            Some((mark, rest)) => {
                let label = mark.split_once('|').map_or(mark, |(_, label)| label);
                shown.push_str(label);
                shown.push_str(rest);
            }
            None => shown.push_str(part),
        }
    }
    let bold = shown.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')).map(str::to_owned);
    bold.unwrap_or(shown).replace("```", "")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"type": "plain_text", "text": "a &lt;b&gt; &amp;lt; *c*"}), "a <b> &lt; *c*")]
    #[case(json!({"type": "mrkdwn", "text": "*Group*"}), "Group")]
    #[case(json!({"type": "mrkdwn", "text": "<https://example.com/?a=1&amp;b|Console> · <@U01>"}), "Console · @U01")]
    #[case(json!({"type": "mrkdwn", "text": "```aws ec2\naws ssm```"}), "aws ec2\naws ssm")]
    #[case(json!({}), "")]
    fn texts_are_shown_as_slack_shows_them(#[case] object: Value, #[case] expected: &str) {
        assert_eq!(shown(&object), expected);
    }
}
