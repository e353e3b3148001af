//! What of Slack a test may change.

use serde::{Deserialize, Serialize};

use crate::fakes::names;

/// What of a workspace a test may change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlackSettings {
    /// Token of the bot.
    pub token: String,
    /// Scopes of the bot.
    pub scopes: Vec<String>,
    /// Names of the channels. Their ids are `C0000000001` and so on, in this order.
    pub channels: Vec<String>,
    /// Names of the channels that are archived.
    pub archived: Vec<String>,
    /// E-mail addresses of the users. Their ids are `U0000000001` and so on, in this order.
    pub users: Vec<String>,
    /// Whether a channel takes one message a second, as Slack does with some tolerance.
    pub one_message_a_second: bool,
}

impl Default for SlackSettings {
    fn default() -> Self {
        Self {
            token: "xoxb-fake".to_owned(),
            scopes: names(["chat:write", "channels:history", "users:read.email"]),
            channels: names(["security", "network", "general"]),
            archived: names([]),
            users: names(["ana@example.com", "bob@example.com"]),
            one_message_a_second: false,
        }
    }
}

impl SlackSettings {
    /// Id of a user.
    pub(super) fn user_id(&self, email: &str) -> Option<String> {
        let at = self.users.iter().position(|known| known == email)?;
        Some(id('U', at))
    }

    /// Id and name of the conversation that a post names: a channel by its name or id, or a user by the id.
    pub(super) fn conversation(&self, named: &str) -> Option<(String, String)> {
        let name = named.strip_prefix('#').unwrap_or(named);
        let mut channels = self.channels.iter().enumerate();
        if let Some((at, channel)) = channels.find(|(at, channel)| channel.as_str() == name || id('C', *at) == named) {
            return Some((id('C', at), format!("#{channel}")));
        }
        let mut users = self.users.iter().enumerate();
        let (at, email) = users.find(|(at, _)| id('U', *at) == named || id('D', *at) == named)?;
        Some((id('D', at), email.clone()))
    }

    pub(super) fn is_archived(&self, name: &str) -> bool {
        name.strip_prefix('#').is_some_and(|name| self.archived.iter().any(|known| known == name))
    }
}

fn id(kind: char, at: usize) -> String {
    format!("{kind}{:010}", at.saturating_add(1))
}

/// What of an incoming webhook a test may change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlackWebhookSettings {
    /// Path of the URL, which works as a key.
    pub path: String,
}

impl Default for SlackWebhookSettings {
    fn default() -> Self {
        Self { path: "/services/T0/B0/fake".to_owned() }
    }
}
