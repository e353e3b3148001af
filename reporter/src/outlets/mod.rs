//! The channels of a routing document, opened with their secrets for each delivery.

mod secrets;

use channels::{
    Delivered, Failure, Http, ImportFindings, Jira, Notice, PagerDuty, Publish, Retry, Secret, Secrets, SecurityHub,
    Slack, SlackWebhook, Sns, Summarise, Summary, Teams, Webhook,
};
use jiff::Timestamp;
use routing::{Channel, Endpoint, SecretRef};

use self::secrets::SecretCache;
use crate::notify::Outlets;

/// Calls the channels: by HTTP, by SNS and by Security Hub.
#[derive(Debug)]
pub struct ChannelOutlets<H, X, P, I> {
    http: H,
    secrets: SecretCache<X>,
    sns: P,
    hub: I,
}

/// What a channel is told.
#[derive(Clone, Copy)]
enum Content<'a> {
    Finding(&'a Notice<'a>),
    Summary(&'a Summary<'a>),
}

/// The secrets of a channel.
struct Opened<'c>(Vec<(&'c SecretRef, Secret)>);

impl Opened<'_> {
    /// A channel names the secrets that it needs, so there is each of them.
    fn secret(&self, reference: &SecretRef) -> Result<Secret, Failure> {
        let found = self.0.iter().find(|(known, _)| *known == reference).map(|(_, secret)| secret.clone());
        found.ok_or_else(|| Failure::Refused { error: format!("{reference} was not read"), retry: Retry::Later(None) })
    }
}

impl<H: Http, X: Secrets, P: Publish, I: ImportFindings> ChannelOutlets<H, X, P, I> {
    /// Channels by these ways.
    pub fn new(http: H, secrets: X, sns: P, hub: I) -> Self {
        Self { http, secrets: SecretCache::new(secrets), sns, hub }
    }

    /// Tells a channel. If it refuses the credentials, and others are stored by now, it is told with these.
    async fn tell(&self, channel: &Channel, content: Content<'_>, now: Timestamp) -> Result<Delivered, Failure> {
        let opened = self.open(channel, now).await?;
        let outcome = self.call(channel, &opened, content).await;
        let Err(Failure::Refused { retry: Retry::AfterNewCredentials, .. }) = outcome else { return outcome };
        match self.open_anew(&opened, now).await {
            // Nothing was carried out before.
            Ok(Some(newer)) => self.call(channel, &newer, content).await,
            // What the channel says is more of a help than that the secret could not be read anew.
            Ok(None) | Err(_) => outcome,
        }
    }

    async fn open<'c>(&self, channel: &'c Channel, now: Timestamp) -> Result<Opened<'c>, Failure> {
        let mut secrets = Vec::new();
        for reference in channel.secrets() {
            secrets.push((reference, self.secrets.secret(reference, now).await?));
        }
        Ok(Opened(secrets))
    }

    /// The secrets as they are now; `None` if they are those that were refused.
    async fn open_anew<'c>(&self, refused: &Opened<'c>, now: Timestamp) -> Result<Option<Opened<'c>>, Failure> {
        let mut secrets = Vec::new();
        let mut is_newer = false;
        for (reference, secret) in &refused.0 {
            let newest = self.secrets.secret_after(reference, secret, now).await?;
            is_newer |= newest != *secret;
            secrets.push((*reference, newest));
        }
        Ok(is_newer.then_some(Opened(secrets)))
    }

    async fn call(&self, channel: &Channel, opened: &Opened<'_>, content: Content<'_>) -> Result<Delivered, Failure> {
        let http = &self.http;
        match channel {
            Channel::Slack { token, channel, api_url } => {
                let slack = Slack::new(http, opened.secret(token)?, channel);
                let slack = if let Some(base) = api_url { slack.at(base) } else { slack };
                content.tell(&slack).await
            }
            Channel::SlackWebhook { webhook } => content.tell(&SlackWebhook::new(http, opened.secret(webhook)?)).await,
            Channel::Teams { webhook } => content.tell(&Teams::new(http, opened.secret(webhook)?)).await,
            Channel::Jira(settings) => {
                let jira = Jira::new(http, opened.secret(&settings.secret)?, settings.clone());
                content.tell_of_one(channel, &jira).await
            }
            Channel::PagerDuty { routing_key, events_url, .. } => {
                let pager = PagerDuty::new(http, opened.secret(routing_key)?);
                let pager = if let Some(base) = events_url { pager.at(base) } else { pager };
                content.tell_of_one(channel, &pager).await
            }
            Channel::Sns { topic_arn } => content.tell(&Sns::new(&self.sns, topic_arn)).await,
            Channel::Webhook { url, secret } => {
                let url = match url {
                    Endpoint::Url(url) => Secret::from(url.as_str()),
                    Endpoint::Secret(reference) => opened.secret(reference)?,
                };
                let webhook = Webhook::new(http, url, &opened.secret(secret)?).map_err(|error| Failure::Refused {
                    error: error.to_string(),
                    retry: Retry::AfterNewCredentials,
                })?;
                content.tell(&webhook).await
            }
            Channel::SecurityHub {} => content.tell_of_one(channel, &SecurityHub::new(&self.hub)).await,
        }
    }
}

impl Content<'_> {
    /// Tells a channel in which one message can be about many findings.
    async fn tell(self, channel: &(impl channels::Channel + Summarise)) -> Result<Delivered, Failure> {
        match self {
            Self::Finding(notice) => channel.deliver(notice).await,
            Self::Summary(summary) => channel.summarise(summary).await,
        }
    }

    /// Tells a channel in which everything is about one finding.
    async fn tell_of_one(self, kind: &Channel, channel: &impl channels::Channel) -> Result<Delivered, Failure> {
        match self {
            Self::Finding(notice) => channel.deliver(notice).await,
            Self::Summary(_) => {
                let kind = kind.kind().as_str();
                let error = format!("{kind} has no summary: name another channel in routes with `digest`");
                Err(Failure::Refused { error, retry: Retry::AfterRepair })
            }
        }
    }
}

impl<H: Http, X: Secrets, P: Publish, I: ImportFindings> Outlets for ChannelOutlets<H, X, P, I> {
    async fn deliver(&self, channel: &Channel, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        self.tell(channel, Content::Finding(notice), notice.now).await
    }

    async fn summarise(&self, channel: &Channel, summary: &Summary<'_>) -> Result<Delivered, Failure> {
        self.tell(channel, Content::Summary(summary), summary.now).await
    }
}
