//! `PagerDuty`, by its Events API v2: one incident for each time that a group is open.
//!
//! The key of the finding is the `dedup_key`, and not one of each episode: an incident whose end was not taken is then ended
//! by the next one, or goes on if the group was opened again meanwhile. Events cannot be read back, but they need not be. A
//! trigger for an open incident is added to it and notifies no person, a resolve without an open incident is dropped, and a
//! trigger after a resolve opens another incident. So events may be repeated, and only their order matters: see [`IN_FLIGHT`].
//!
//! Source: <https://developer.pagerduty.com/docs/send-alert-event>

use std::fmt;

use findings::finding::{News, Told};
use findings::{Severity, security_group_arn};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer::{Effect, retry_after};
use crate::channel::{Channel, Delivered, Failure, Retry};
use crate::http::{Http, HttpError, Method, Request, Response};
use crate::notice::Notice;
use crate::secret::Secret;
use crate::words;

/// Host of the service region of the United States, the ordinary one.
const BASE: &str = "https://events.pagerduty.com";
/// Longest summary, in characters.
const SUMMARY_MAX: usize = 1024;
/// Longest value of a detail, in characters. With all details an event is far below the 512 KB that are taken.
const DETAIL_MAX: usize = 4000;
/// Characters of an answer that a message repeats.
const SAID_MAX: usize = 160;
/// An event without an answer may still arrive for this time. Another one that overtook it would have its effect undone: a
/// late trigger opens an incident after its resolve, and a late resolve ends one that goes on. Even a trigger is not repeated
/// at once: if that one is taken, nothing is unknown any more, and a resolve would follow while the first one is under way.
const IN_FLIGHT: SignedDuration = SignedDuration::from_mins(2);

/// A service of `PagerDuty`, by the integration key.
pub struct PagerDuty<H> {
    http: H,
    base: String,
    routing_key: Secret,
}

impl<H> fmt::Debug for PagerDuty<H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PagerDuty").field("base", &self.base).finish_non_exhaustive()
    }
}

impl<H: Http> PagerDuty<H> {
    /// The service with this integration key, in the service region of the United States.
    #[must_use]
    pub fn new(http: H, routing_key: Secret) -> Self {
        Self { http, base: BASE.to_owned(), routing_key }
    }

    /// The same at another base URL, such as that of the European service region, `https://events.eu.pagerduty.com`.
    #[must_use]
    pub fn at(mut self, base: &str) -> Self {
        base.trim_end_matches('/').clone_into(&mut self.base);
        self
    }

    async fn send(&self, event: &Value, now: Timestamp) -> Result<(), Failure> {
        let request = Request {
            method: Method::Post,
            url: format!("{}/v2/enqueue", self.base).into(),
            headers: vec![("content-type", "application/json".into()), ("accept", "application/json".into())],
            body: event.to_string().into_bytes(),
        };
        match self.http.send(request).await {
            Ok(response) => self.answer(&response, now),
            Err(HttpError::NotSent(error)) => {
                let error = format!("PagerDuty is not reached: {}", plain_text::one_line(&error, SAID_MAX));
                Err(Failure::Refused { error, retry: Retry::Later(None) })
            }
            Err(HttpError::Invalid(error)) => {
                let error = format!("PagerDuty cannot be called: {}", plain_text::one_line(&error, SAID_MAX));
                Err(Failure::Refused { error, retry: Retry::AfterRepair })
            }
            Err(HttpError::Unanswered(error)) => Err(Failure::Unanswered {
                error: format!("PagerDuty did not answer: {}", plain_text::one_line(&error, SAID_MAX)),
                wait: None,
            }),
        }
    }

    /// Source: <https://developer.pagerduty.com/docs/events-api-v2-overview#response-codes--retry-logic>
    fn answer(&self, response: &Response, now: Timestamp) -> Result<(), Failure> {
        let said = said(response);
        let status = response.status;
        let wait = retry_after(response, now);
        let repair = |error: String, retry| Err(Failure::Refused { error, retry });
        match status {
            200..=299 if said.status == "success" => Ok(()),
            // A proxy may answer like this before or after `PagerDuty` took it.
            200..=299 => Err(Failure::Unanswered {
                error: format!(
                    "PagerDuty did not answer as documented ({status}): check the base URL, and proxies before it"
                ),
                wait,
            }),
            400 => {
                let retry = if said.is_about_the_key() { Retry::AfterNewCredentials } else { Retry::AfterRepair };
                repair(format!("PagerDuty refused the event: {}: check the integration key", self.shown(&said)), retry)
            }
            429 => {
                let error = "PagerDuty limits the rate of events (429)".to_owned();
                Err(Failure::Refused { error, retry: Retry::Later(wait) })
            }
            408 | 425 | 500..=599 => Err(Effect::Repeated.unknown(format!("PagerDuty answered {status}"), wait)),
            401 | 403 => {
                repair(format!("PagerDuty answered {status}: check the integration key"), Retry::AfterNewCredentials)
            }
            _ => repair(
                format!("PagerDuty answered {status}: check the base URL and the integration key"),
                Retry::AfterRepair,
            ),
        }
    }

    /// What `PagerDuty` says of an event, unless it repeats the key.
    fn shown(&self, said: &Said) -> String {
        let all = [said.message.clone()].into_iter().chain(said.errors.iter().cloned());
        let all: Vec<String> = all.filter(|text| !text.is_empty()).collect();
        let text = plain_text::one_line(&all.join("; "), SAID_MAX);
        let key = self.routing_key.expose().trim();
        if text.is_empty() || text.contains(key) { "no reason given".to_owned() } else { text }
    }
}

impl<H: Http> Channel for PagerDuty<H> {
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        let key = self.routing_key.expose().trim();
        // A key of another form would be refused, and a longer secret would be shown to PagerDuty.
        if !(1..=64).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let error =
                "the secret for PagerDuty is malformed: store the integration key, 32 letters and digits".to_owned();
            return Err(Failure::Refused { error, retry: Retry::AfterNewCredentials });
        }
        let arrived = notice.due.last_unknown.map(|last| last.saturating_add(IN_FLIGHT).unwrap_or(last));
        if let Some(arrived) = arrived.filter(|arrived| notice.now < *arrived) {
            return Err(Failure::NotBefore(arrived));
        }
        let event = match notice.due.tells {
            Told::Open if is_worth_an_event(notice) => trigger(notice, key),
            Told::Ended => json!({
                "routing_key": key, "event_action": "resolve", "dedup_key": notice.finding.key().to_string(),
            }),
            Told::Open | Told::Nothing => return Ok(Delivered::default()),
        };
        self.send(&event, notice.now).await?;
        Ok(Delivered { external_id: Some(notice.finding.key().to_string().into()) })
    }
}

/// Whether an open finding is sent again. If a person has resolved the incident meanwhile, the event opens another one, so
/// it takes news for which that is right. News that was lost may have been such.
fn is_worth_an_event(notice: &Notice<'_>) -> bool {
    let due = notice.due;
    let news = notice.news;
    due.told != Told::Open || news.is_empty() || news.iter().any(|entry| is_worse(&entry.news))
}

fn is_worse(news: &News) -> bool {
    match news {
        News::Opened
        | News::Reopened
        | News::ExemptionEnded
        | News::ExposuresChanged
        | News::Parked
        | News::Contested
        | News::QuarantineEnded
        | News::ClosingFailed(_) => true,
        // The worst severity is the least one.
        News::SeverityChanged { from, to } => to < from,
        _ => false,
    }
}

fn trigger(notice: &Notice<'_>, key: &str) -> Value {
    let finding = notice.finding;
    let of = finding.key();
    let links = words::links(finding);
    let mut details = Map::new();
    for fact in notice.facts() {
        details.insert(fact.label.to_owned(), json!(plain_text::one_line(&fact.value, DETAIL_MAX)));
    }
    let news = words::news(notice);
    if !news.is_empty() {
        details.insert("News".to_owned(), json!(news));
    }
    let commands = words::commands(finding);
    if !commands.is_empty() {
        details.insert("Commands".to_owned(), json!(commands));
    }
    let began = finding.episodes().newest().map(|episode| episode.first_seen.to_string());
    let links: Vec<Value> = links.iter().map(|link| json!({"href": link.url, "text": link.label})).collect();
    json!({
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": of.to_string(),
        "client": "Portcullis",
        "links": links,
        "payload": {
            "summary": plain_text::one_line(&words::title(finding), SUMMARY_MAX),
            "source": security_group_arn(of.account(), of.region(), of.group_id()),
            "severity": severity(finding.severity()),
            "timestamp": began,
            "component": of.group_id(),
            "group": of.account(),
            "class": of.rule(),
            "custom_details": details,
        },
    })
}

/// The words of `PagerDuty`. The urgency of the incident follows from them if the service is set up so.
fn severity(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Critical) => "critical",
        Some(Severity::High) | None => "error",
        Some(Severity::Medium) => "warning",
        Some(Severity::Low) => "info",
    }
}

/// The answer of `PagerDuty`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    status: String,
    message: String,
    errors: Vec<String>,
}

impl Said {
    /// Whether the integration key is what is wrong with an event.
    fn is_about_the_key(&self) -> bool {
        let mut texts = self.errors.iter().chain([&self.message]).map(|text| text.to_ascii_lowercase());
        texts.any(|text| text.contains("routing_key") || text.contains("routing key"))
    }
}

fn said(response: &Response) -> Said {
    serde_json::from_slice(&response.body).unwrap_or_default()
}
