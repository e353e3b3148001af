//! Slack, by an incoming webhook: a message for each delivery, which cannot be changed later.

use serde_json::{Value, json};

use super::blocks::{self, Message, NewsPlace};
use crate::answer::{Effect, send};
use crate::channel::{Channel, Delivered, Failure};
use crate::http::{Http, Method, Request};
use crate::notice::Notice;
use crate::secret::Secret;
use crate::summary::{Summarise, Summary};

/// A channel of Slack, by an incoming webhook. Its messages have no name, so after an unknown outcome it is told again.
#[derive(Debug)]
pub struct SlackWebhook<H> {
    http: H,
    url: Secret,
}

impl<H: Http> SlackWebhook<H> {
    /// The webhook with this URL, which works as a key.
    #[must_use]
    pub fn new(http: H, url: Secret) -> Self {
        Self { http, url }
    }

    async fn post(&self, message: Message, now: jiff::Timestamp) -> Result<Delivered, Failure> {
        let Message { text, blocks } = message;
        let body: Value = json!({"text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false});
        let request = Request {
            method: Method::Post,
            url: self.url.clone(),
            headers: vec![("content-type", "application/json; charset=utf-8".into())],
            body: body.to_string().into_bytes(),
        };
        send(&self.http, request, Effect::Repeated, "the webhook of Slack", now).await?;
        Ok(Delivered::default())
    }
}

impl<H: Http> Channel for SlackWebhook<H> {
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        self.post(blocks::message(notice, NewsPlace::Within), notice.now).await
    }
}

impl<H: Http> Summarise for SlackWebhook<H> {
    async fn summarise(&self, summary: &Summary<'_>) -> Result<Delivered, Failure> {
        self.post(blocks::summary(summary), summary.now).await
    }
}
