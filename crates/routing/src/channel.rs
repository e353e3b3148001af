//! Channels: where findings are sent.

use std::collections::BTreeMap;

use exposure::is_account_id;
use findings::finding::Manner;
use serde::Serialize;

use crate::address::{Address, OwnerKind};
use crate::reader::{Fields, Value, is_partition, is_region};
use crate::secret::SecretRef;
use crate::severities::{SEVERITIES, Severities};
use crate::url::{base_url, url};

/// Days within which a closed ticket is reopened, if the document does not say otherwise.
const REOPEN_WITHIN_DAYS: u32 = 14;

/// A channel of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Channel {
    /// Slack, by a bot: one message for each finding and recipient, which is updated.
    Slack {
        /// Where the token of the bot is kept.
        token: SecretRef,
        /// Channel that gets every finding that is sent here.
        channel: String,
        /// Base URL of the Web API, without a slash at its end; `None` is that of slack.com.
        #[serde(skip_serializing_if = "Option::is_none")]
        api_url: Option<String>,
    },
    /// Slack, by an incoming webhook: messages that cannot be updated, in one channel.
    #[serde(rename = "slack")]
    SlackWebhook {
        /// Where the URL of the webhook is kept.
        webhook: SecretRef,
    },
    /// Microsoft Teams.
    Teams {
        /// Where the URL of the workflow is kept.
        webhook: SecretRef,
    },
    /// Jira.
    Jira(Jira),
    /// `PagerDuty`, by its Events API v2.
    #[serde(rename = "pagerduty")]
    PagerDuty {
        /// Where the routing key is kept.
        routing_key: SecretRef,
        /// Severities for which a page is sent.
        severities: Severities,
        /// Base URL of the Events API, without a slash at its end; `None` is that of the service region of the United States.
        #[serde(skip_serializing_if = "Option::is_none")]
        events_url: Option<String>,
    },
    /// A topic of SNS.
    Sns {
        /// ARN of the topic.
        topic_arn: String,
    },
    /// A webhook by the convention of Standard Webhooks.
    Webhook {
        /// Where to post to.
        url: Endpoint,
        /// Where the key for signatures is kept.
        secret: SecretRef,
    },
    /// Security Hub of the account of the finding.
    SecurityHub {},
}

/// A project of Jira in which tickets are opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Jira {
    /// Cloud or Data Center.
    pub flavour: JiraFlavour,
    /// Base URL, without a slash at its end.
    pub url: String,
    /// Where the token is kept.
    pub secret: SecretRef,
    /// Key of the project. Without it, that of the ticket owners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Type of the tickets.
    pub issue_type: String,
    /// Transition that closes a ticket. Without it, tickets are commented on and left open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_transition: Option<String>,
    /// Transition that reopens a ticket. Without it, a new ticket is opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopen_transition: Option<String>,
    /// Days after its closing within which a ticket is reopened; later, a new one is opened.
    pub reopen_within_days: u32,
    /// Ticket to which every ticket is linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Priorities by the name of the severity. Without one, the ticket has the default of the project.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub priorities: BTreeMap<&'static str, String>,
}

/// URL of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Endpoint {
    /// The URL itself.
    Url(String),
    /// Where a URL is kept that works as a key.
    Secret(SecretRef),
}

impl Endpoint {
    fn read(value: Value<'_>) -> Option<Self> {
        match value.as_text().and_then(SecretRef::parse) {
            Some(reference) => Some(Self::Secret(reference)),
            None => url(value, true).map(Self::Url),
        }
    }
}

/// Product line of Jira.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum JiraFlavour {
    /// Jira Cloud, REST API version 3.
    Cloud,
    /// Jira Data Center, REST API version 2.
    DataCenter,
}

/// Kind of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChannelKind {
    /// Slack, by a bot.
    Slack,
    /// Slack, by a webhook.
    SlackWebhook,
    /// Microsoft Teams.
    Teams,
    /// Jira.
    Jira,
    /// `PagerDuty`.
    #[serde(rename = "pagerduty")]
    PagerDuty,
    /// SNS.
    Sns,
    /// A webhook.
    Webhook,
    /// Security Hub.
    SecurityHub,
}

/// Kinds as a document names them. Whether Slack is reached by a bot or a webhook follows from the other keys.
const KINDS: [ChannelKind; 7] = [
    ChannelKind::Slack,
    ChannelKind::Teams,
    ChannelKind::Jira,
    ChannelKind::PagerDuty,
    ChannelKind::Sns,
    ChannelKind::Webhook,
    ChannelKind::SecurityHub,
];

impl ChannelKind {
    /// The kind in the document, such as `jira`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack | Self::SlackWebhook => "slack",
            Self::Teams => "teams",
            Self::Jira => "jira",
            Self::PagerDuty => "pagerduty",
            Self::Sns => "sns",
            Self::Webhook => "webhook",
            Self::SecurityHub => "securityHub",
        }
    }

    /// Whether the channel is told of what is over already. A ticket, an incident and a finding of Security Hub are begun for an
    /// open finding only.
    #[must_use]
    pub fn manner(self) -> Manner {
        match self {
            Self::Slack | Self::SlackWebhook | Self::Teams | Self::Sns | Self::Webhook => Manner::Messages,
            Self::Jira | Self::PagerDuty | Self::SecurityHub => Manner::Ticket,
        }
    }

    /// Returns true if one message can be about many findings. A ticket, a page and a finding of Security Hub are about one.
    #[must_use]
    pub fn has_summary(self) -> bool {
        match self {
            Self::Slack | Self::SlackWebhook | Self::Teams | Self::Sns | Self::Webhook => true,
            Self::Jira | Self::PagerDuty | Self::SecurityHub => false,
        }
    }
}

impl Channel {
    /// Returns the kind of the channel.
    #[must_use]
    pub fn kind(&self) -> ChannelKind {
        match self {
            Self::Slack { .. } => ChannelKind::Slack,
            Self::SlackWebhook { .. } => ChannelKind::SlackWebhook,
            Self::Teams { .. } => ChannelKind::Teams,
            Self::Jira(_) => ChannelKind::Jira,
            Self::PagerDuty { .. } => ChannelKind::PagerDuty,
            Self::Sns { .. } => ChannelKind::Sns,
            Self::Webhook { .. } => ChannelKind::Webhook,
            Self::SecurityHub {} => ChannelKind::SecurityHub,
        }
    }

    pub(crate) fn read(value: Value<'_>) -> Option<Self> {
        let mut fields = value.fields()?;
        let kind = fields.require("kind")?.word(&KINDS.map(|kind| (kind.as_str(), kind)))?;
        let channel = match kind {
            ChannelKind::Slack | ChannelKind::SlackWebhook => slack(&mut fields),
            ChannelKind::Teams => {
                fields.require("webhook").and_then(SecretRef::read).map(|webhook| Self::Teams { webhook })
            }
            ChannelKind::Jira => Jira::read(&mut fields).map(Self::Jira),
            ChannelKind::PagerDuty => {
                let routing_key = fields.require("routingKey").and_then(SecretRef::read);
                let severities = Severities::read(&mut fields).unwrap_or_default();
                let events_url = fields.take("eventsUrl").and_then(base_url);
                routing_key.map(|routing_key| Self::PagerDuty { routing_key, severities, events_url })
            }
            ChannelKind::Sns => {
                let form = "the ARN of a topic, such as arn:aws:sns:eu-west-1:111122223333:findings";
                let topic = fields.require("topicArn").and_then(|value| value.form(400, is_topic, form));
                topic.map(|topic_arn| Self::Sns { topic_arn })
            }
            ChannelKind::Webhook => {
                let url = fields.require("url").and_then(Endpoint::read);
                let secret = fields.require("secret").and_then(SecretRef::read);
                url.zip(secret).map(|(url, secret)| Self::Webhook { url, secret })
            }
            ChannelKind::SecurityHub => Some(Self::SecurityHub {}),
        };
        fields.finish();
        channel
    }
}

fn slack(fields: &mut Fields<'_>) -> Option<Channel> {
    let token = fields.take("token");
    let webhook = fields.take("webhook");
    let channel = fields.take("channel");
    let api_url = fields.take("apiUrl");
    if let Some(api_url) = api_url.as_ref().filter(|_| webhook.is_some()) {
        api_url.place.problem("a webhook has its own URL: leave `apiUrl` out, or use the `token` of a bot");
    }
    match (token, webhook, channel) {
        (Some(token), None, Some(channel)) => {
            let token = SecretRef::read(token);
            let form = "a channel of Slack, such as `#security` or C0123456789";
            let channel = channel.form(100, |text| slack_channel(text).is_some(), form);
            let channel = channel.as_deref().and_then(slack_channel);
            let api_url = api_url.and_then(base_url);
            token.zip(channel).map(|(token, channel)| Channel::Slack { token, channel, api_url })
        }
        (None, Some(webhook), None) => SecretRef::read(webhook).map(|webhook| Channel::SlackWebhook { webhook }),
        (None, Some(_), Some(channel)) => {
            channel
                .place
                .problem("a webhook posts to its own channel: leave `channel` out, or use the `token` of a bot");
            None
        }
        _ => {
            fields.place.problem("needs the `token` of a bot and a `channel`, or a `webhook`");
            None
        }
    }
}

fn slack_channel(text: &str) -> Option<String> {
    let address = Address::parse(text).ok()?;
    (address.kind == OwnerKind::SlackChannel).then_some(address.value)
}

impl Jira {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let flavours = [("cloud", JiraFlavour::Cloud), ("dataCenter", JiraFlavour::DataCenter)];
        let flavour = fields.require("flavour").and_then(|value| value.word(&flavours));
        let base = fields.require("url").and_then(base_url);
        let secret = fields.require("secret").and_then(SecretRef::read);
        let project = fields.take("project").and_then(project);
        let issue_type = fields.take("issueType").map_or_else(|| Some("Task".to_owned()), Value::text);
        let close_transition = fields.take("closeTransition").and_then(Value::text);
        let reopen_transition = fields.take("reopenTransition").and_then(Value::text);
        let days = fields.take("reopenWithinDays").map_or(Some(REOPEN_WITHIN_DAYS), |value| value.number(0, 365));
        let parent = fields.take("parent").and_then(ticket);
        let priorities = fields.take("priorities").and_then(priorities).unwrap_or_default();
        Some(Self {
            flavour: flavour?,
            url: base?,
            secret: secret?,
            project,
            issue_type: issue_type?,
            close_transition,
            reopen_transition,
            reopen_within_days: days?,
            parent,
            priorities,
        })
    }
}

fn priorities(value: Value<'_>) -> Option<BTreeMap<&'static str, String>> {
    let mut fields = value.fields()?;
    let mut priorities = BTreeMap::new();
    for (name, _) in SEVERITIES {
        if let Some(priority) = fields.take(name).and_then(Value::text) {
            priorities.insert(name, priority);
        }
    }
    fields.finish();
    Some(priorities)
}

/// Key of a project in Jira, such as `SEC`.
pub(crate) fn project(value: Value<'_>) -> Option<String> {
    value.form(100, is_project, "the key of a project, such as SEC")
}

/// Key of a ticket in Jira, such as `SEC-12`.
pub(crate) fn ticket(value: Value<'_>) -> Option<String> {
    value.form(100, is_ticket, "the key of a ticket, such as SEC-12")
}

fn is_project(text: &str) -> bool {
    text.len() >= 2
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_ticket(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(project, number)| {
        is_project(project) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `arn:aws:sns:eu-west-1:111122223333:findings`, also of a FIFO topic.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>
fn is_topic(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts.as_slice() else { return false };
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    is_partition(partition)
        && is_region(region)
        && is_account_id(account)
        && (1..=256).contains(&name.len())
        && !stem.is_empty()
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
