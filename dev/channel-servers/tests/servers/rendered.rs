//! What a terminal shows.

use routing::ChannelKind;
use serde_json::Value;

use crate::stories::{jira, slack};
use crate::support::{Story, servers, take};

async fn rendered(name: &str) -> String {
    let servers = servers();
    let mut message = Story::new(&servers, ChannelKind::Slack).named(name);
    let mut ticket = Story::new(&servers, ChannelKind::Jira).named(name);
    let (slack, jira) = (slack(&servers, "#security"), jira(&servers, "jira"));
    for step in 0..2 {
        for story in [&mut message, &mut ticket] {
            if step == 0 { story.open(&[22]) } else { story.close() }
        }
        message.attempt(&slack).await.unwrap();
        ticket.attempt(&jira).await.unwrap();
    }
    take(&servers, "GET", "/rendered", Value::Null).await.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_and_a_ticket_are_text_of_80_columns() {
    insta::assert_snapshot!("rendered", rendered("bastion").await);
}

#[tokio::test]
async fn no_name_of_a_group_steers_the_terminal() {
    let name = "\u{1b}]0;owned\u{7}\u{1b}[2J<!channel> ``` *x* {code}\r\n\u{202e}gpj\u{9b}31m";
    let text = rendered(name).await;
    assert!(text.contains("owned"), "{text}");
    assert!(!text.chars().any(|character| character != '\n' && plain_text::is_steering(character)), "{text:?}");
}
