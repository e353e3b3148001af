//! Slack, by a bot: one message for a finding and recipient, updated with the newest state, and a reply in its thread for
//! what was news since.
//!
//! An update may be repeated. A message or reply that is posted twice is there twice: Slack takes no key by which it would
//! recognise a repetition. So each carries metadata, the label of the finding and the revision, and after an attempt whose
//! outcome is not known the bot reads the channel or thread since then. It does so only if it knows the id of the channel and
//! has the scopes for it, which are optional; otherwise, and in a channel with very many messages, it posts again. Told twice
//! is better than not told.

mod api;
mod blocks;
mod webhook;

use findings::finding::{Due, News, Text, Told};
use jiff::{SignedDuration, Timestamp};
use routing::{Address, Delivery, OwnerKind};
use serde_json::{Value, json};

pub use self::webhook::SlackWebhook;

use self::api::{Api, ApiError};
use self::blocks::{Message, NewsPlace};
use crate::channel::{Channel, Delivered, Failure, Retry};
use crate::http::Http;
use crate::notice::Notice;
use crate::secret::Secret;
use crate::summary::{Summarise, Summary};
use crate::words;

/// Base URL of the Web API.
const BASE: &str = "https://slack.com/api";
/// Type of the metadata of a message about a finding.
const FINDING: &str = "portcullis_finding";
/// Type of the metadata of a reply with news.
const NEWS: &str = "portcullis_news";
/// Clocks of Slack and of this program may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(2);
/// Messages of a page, and pages that are read in search of one.
const PAGE: &str = "200";
const PAGES_MAX: usize = 5;

/// A workspace of Slack, by a bot.
#[derive(Debug)]
pub struct Slack<H> {
    api: Api<H>,
    channel: String,
}

impl<H: Http> Slack<H> {
    /// The channel of the routing document: `#name` or an id, for deliveries without a recipient of their own.
    #[must_use]
    pub fn new(http: H, token: Secret, channel: &str) -> Self {
        Self { api: Api { http, base: BASE.to_owned(), token }, channel: channel.to_owned() }
    }

    /// The same at another base URL, such as that of `GovSlack`.
    #[must_use]
    pub fn at(mut self, base: &str) -> Self {
        base.trim_end_matches('/').clone_into(&mut self.api.base);
        self
    }
}

/// A message in Slack: its channel by id, and its time stamp, which is its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Posted {
    channel: String,
    ts: String,
}

impl Posted {
    /// Reads the answer to a post. Whatever else an answer has in these places is no name.
    fn of(channel: Option<&str>, ts: Option<&str>) -> Option<Self> {
        let (channel, ts) = (channel?, ts?);
        let is_id = is_channel_id(channel);
        let is_ts = (1..=32).contains(&ts.len()) && ts.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        (is_id && is_ts).then(|| Self { channel: channel.to_owned(), ts: ts.to_owned() })
    }

    fn from_answer(answer: &Value) -> Option<Self> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        Self::of(text("channel"), text("ts"))
    }

    fn from_external_id(id: &Text<256>) -> Option<Self> {
        let (channel, ts) = id.as_str().split_once('/')?;
        Self::of(Some(channel), Some(ts))
    }

    fn external_id(&self) -> Text<256> {
        format!("{}/{}", self.channel, self.ts).into()
    }
}

/// Where a message is, by the name that a bot gave it in the outbox: a channel, or the conversation with a user.
#[must_use]
pub fn slack_channel(external_id: &Text<256>) -> Option<Address> {
    let Posted { channel, .. } = Posted::from_external_id(external_id)?;
    Some(Address { value: channel, kind: OwnerKind::SlackChannel })
}

fn is_channel_id(text: &str) -> bool {
    (2..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

impl<H: Http> Channel for Slack<H> {
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        if let Some(posted) = notice.due.external_id.as_ref().and_then(Posted::from_external_id)
            && self.update(notice, &posted).await?
        {
            return self.tell_news(notice, posted, None).await.map_err(|failure| after_update(notice, failure));
        }
        let channel = self.recipient(notice.delivery, notice.now).await?;
        if let Some((posted, revision)) = self.find_message(notice, &channel).await?
            && self.update(notice, &posted).await?
        {
            return self.tell_news(notice, posted, revision).await.map_err(|failure| after_update(notice, failure));
        }
        let body = Self::body(notice, &channel);
        let answer = self.api.post("chat.postMessage", &body, notice.now).await?;
        let external_id = Posted::from_answer(&answer).map(|posted| posted.external_id());
        Ok(Delivered { external_id })
    }
}

impl<H: Http> Summarise for Slack<H> {
    async fn summarise(&self, summary: &Summary<'_>) -> Result<Delivered, Failure> {
        let channel = self.recipient(summary.delivery, summary.now).await?;
        let Message { text, blocks } = blocks::summary(summary);
        let body = json!({
            "channel": channel,
            "text": text,
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        let answer = self.api.post("chat.postMessage", &body, summary.now).await?;
        let external_id = Posted::from_answer(&answer).map(|posted| posted.external_id());
        Ok(Delivered { external_id })
    }
}

impl<H: Http> Slack<H> {
    fn body(notice: &Notice<'_>, channel: &str) -> Value {
        let Message { text, blocks } = blocks::message(notice, NewsPlace::Apart);
        json!({
            "channel": channel,
            "text": text,
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
            "metadata": metadata(FINDING, notice),
        })
    }

    /// Replaces the message by the newest state. Returns false if there is no message that could be changed any more.
    async fn update(&self, notice: &Notice<'_>, posted: &Posted) -> Result<bool, Failure> {
        let mut body = Self::body(notice, &posted.channel);
        if let Some(body) = body.as_object_mut() {
            body.insert("ts".to_owned(), posted.ts.clone().into());
        }
        match self.api.post("chat.update", &body, notice.now).await {
            Ok(_) => Ok(true),
            Err(ApiError::Said(word)) if is_gone(&word) => Ok(false),
            // Sent twice, it is the same message. But one that says for the first time that the group is open has to be changed
            // again if it is closed or exempt by the next attempt.
            Err(ApiError::Failed(Failure::Unanswered { error, wait })) if !opens(notice) => {
                Err(Failure::Refused { error, retry: Retry::Later(wait) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Replies with what was news since the channel was told last, and since the revision that the message was posted with.
    async fn tell_news(&self, notice: &Notice<'_>, posted: Posted, with: Option<u64>) -> Result<Delivered, Failure> {
        let told = self.told_in_thread(notice, &posted).await?.max(with);
        let untold = notice.news.iter().position(|entry| told.is_none_or(|told| entry.revision > told));
        let news = untold.and_then(|first| notice.news.get(first..)).unwrap_or_default();
        let delivered = Delivered { external_id: Some(posted.external_id()) };
        let sentences = words::news(&Notice { news, ..*notice });
        let Some(Message { text, blocks }) = blocks::reply(&sentences) else { return Ok(delivered) };
        let body = json!({
            "channel": posted.channel,
            "thread_ts": posted.ts,
            "text": text,
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
            // An update and a reply are seen by nobody who does not follow the thread.
            "reply_broadcast": news.iter().any(|entry| is_worse(&entry.news)),
            "metadata": metadata(NEWS, notice),
        });
        self.api.post("chat.postMessage", &body, notice.now).await?;
        Ok(delivered)
    }

    /// Where to post: a channel by name or id, or a user by id.
    async fn recipient(&self, delivery: &Delivery, now: Timestamp) -> Result<String, Failure> {
        let Some(Address { value, kind }) = &delivery.recipient else { return Ok(self.channel.clone()) };
        if *kind != OwnerKind::Email {
            return Ok(value.clone());
        }
        let answer = self.api.get("users.lookupByEmail", &[("email", value)], now).await;
        let answer = match answer {
            Err(ApiError::Said(word)) if word == "users_not_found" => {
                let error = format!(
                    "no user of Slack has the e-mail address `{value}`: write an alias for it in the routing document"
                );
                return Err(Failure::Refused { error, retry: Retry::OtherRecipient });
            }
            answer => answer?,
        };
        let id = answer.pointer("/user/id").and_then(Value::as_str).filter(|id| is_channel_id(id));
        id.map(str::to_owned).ok_or_else(|| Failure::Refused {
            error: "Slack (users.lookupByEmail) answered without the id of the user".to_owned(),
            retry: Retry::Later(None),
        })
    }

    /// The message that an earlier attempt posted, if its outcome is not known, and its revision.
    async fn find_message(&self, notice: &Notice<'_>, channel: &str) -> Result<Option<(Posted, Option<u64>)>, Failure> {
        // By the name of a channel or the id of a user, the history cannot be read.
        let is_id = is_channel_id(channel) && channel.starts_with(['C', 'G', 'D']);
        let Some(since) = notice.due.unknown_since.filter(|_| is_id) else { return Ok(None) };
        let found = self.search("conversations.history", &[("channel", channel)], FINDING, notice, since).await?;
        Ok(found.into_iter().find_map(|(ts, revision)| Some((Posted::of(Some(channel), Some(&ts))?, revision))))
    }

    /// The revision that the thread was told last, if the outcome of an earlier attempt is not known.
    async fn told_in_thread(&self, notice: &Notice<'_>, posted: &Posted) -> Result<Option<u64>, Failure> {
        let Some(since) = notice.due.unknown_since else { return Ok(None) };
        let place = [("channel", posted.channel.as_str()), ("ts", posted.ts.as_str())];
        let found = self.search("conversations.replies", &place, NEWS, notice, since).await?;
        Ok(found.into_iter().filter_map(|(_, revision)| revision).max())
    }

    /// Time stamps and revisions of the messages about the finding since a time, the newest first. None if the bot may not
    /// read them.
    async fn search(
        &self,
        method: &str,
        place: &[(&str, &str)],
        event_type: &str,
        notice: &Notice<'_>,
        since: Timestamp,
    ) -> Result<Vec<(String, Option<u64>)>, Failure> {
        let label = notice.finding.key().label();
        let oldest = since.checked_sub(CLOCKS_DIFFER).unwrap_or(since).as_second().to_string();
        let mut found: Vec<(String, Option<u64>)> = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let mut fields = place.to_vec();
            fields.extend([("oldest", oldest.as_str()), ("include_all_metadata", "true"), ("limit", PAGE)]);
            fields.extend((!cursor.is_empty()).then_some(("cursor", cursor.as_str())));
            let answer = match self.api.get(method, &fields, notice.now).await {
                // The scopes are optional, and a public channel may be written to by a bot that is no member.
                Err(ApiError::Said(word)) if !is_passing(&word) => return Ok(Vec::new()),
                answer => answer?,
            };
            let messages = answer.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            found.extend(messages.iter().filter_map(|message| about(message, event_type, &label)));
            let next = answer.pointer("/response_metadata/next_cursor").and_then(Value::as_str).unwrap_or_default();
            if next.is_empty() || next.len() > 1_000 {
                break;
            }
            next.clone_into(&mut cursor);
        }
        found.sort_by(|(one, _), (other, _)| other.cmp(one));
        Ok(found)
    }
}

/// Whether the channel is told that the finding is open, and was not told so before.
fn opens(notice: &Notice<'_>) -> bool {
    notice.due.tells == Told::Open && notice.due.told != Told::Open
}

/// The failure of a reply after the message was updated. If the message says open by now, the outbox has to know.
fn after_update(notice: &Notice<'_>, failure: Failure) -> Failure {
    if opens(notice) { failure.in_doubt() } else { failure }
}

/// Time stamp and revision of a message, if it is about the finding with the label.
fn about(message: &Value, event_type: &str, label: &str) -> Option<(String, Option<u64>)> {
    let metadata = message.get("metadata")?;
    let is_it = metadata.get("event_type").and_then(Value::as_str) == Some(event_type)
        && metadata.pointer("/event_payload/finding").and_then(Value::as_str) == Some(label);
    let ts = message.get("ts").and_then(Value::as_str).filter(|_| is_it)?;
    let revision = metadata.pointer("/event_payload/revision").and_then(Value::as_str);
    Some((ts.to_owned(), revision.and_then(|revision| revision.parse().ok())))
}

/// Numbers of metadata come back as floating-point ones from some clients, so the revision is a text.
fn metadata(event_type: &str, notice: &Notice<'_>) -> Value {
    let Due { revision, .. } = notice.due;
    let payload = json!({"finding": notice.finding.key().label(), "revision": revision.to_string()});
    json!({"event_type": event_type, "event_payload": payload})
}

/// Whether there is no message, or none of this bot, so that it has to be posted anew.
fn is_gone(word: &str) -> bool {
    matches!(word, "message_not_found" | "cant_update_message" | "edit_window_closed" | "channel_not_found")
}

/// Whether the error passes by itself.
fn is_passing(word: &str) -> bool {
    matches!(word, "ratelimited" | "rate_limited" | "service_unavailable")
}

/// Whether the whole channel is to see the news.
fn is_worse(news: &News) -> bool {
    match news {
        News::Reopened | News::ExemptionEnded | News::Contested | News::Parked | News::ClosingReminder(_) => true,
        // The worst severity is the least.
        News::SeverityChanged { from, to } => to < from,
        _ => false,
    }
}
