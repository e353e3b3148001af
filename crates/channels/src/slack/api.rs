//! Calls of the Slack Web API, and what their answers mean.

use jiff::Timestamp;
use plain_text::one_line;
use serde_json::Value;

use crate::answer::{Effect, send};
use crate::channel::{Failure, Retry};
use crate::http::{Http, Method, Request};
use crate::secret::Secret;
use crate::text::query;

/// A workspace, by a bot.
#[derive(Debug)]
pub(super) struct Api<H> {
    pub(super) http: H,
    pub(super) base: String,
    pub(super) token: Secret,
}

/// A call that Slack answered with an error, or that failed otherwise.
#[derive(Debug)]
pub(super) enum ApiError {
    /// Slack carried nothing out, and says why in a word, such as `channel_not_found`.
    Said(String),
    /// Any other failure.
    Failed(Failure),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Said(word) => refusal(&word),
            ApiError::Failed(failure) => failure,
        }
    }
}

impl<H: Http> Api<H> {
    /// Posts or changes something.
    pub(super) async fn post(&self, method: &str, body: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let content = ("content-type", Secret::from("application/json; charset=utf-8"));
        let request = Request {
            method: Method::Post,
            url: format!("{}/{method}", self.base).into(),
            headers: vec![self.authorization(), content],
            body: body.to_string().into_bytes(),
        };
        self.call(method, request, Effect::Repeated, now).await
    }

    /// Reads something.
    pub(super) async fn get(&self, method: &str, fields: &[(&str, &str)], now: Timestamp) -> Result<Value, ApiError> {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", query(value))).collect();
        let request = Request {
            method: Method::Get,
            url: format!("{}/{method}?{}", self.base, fields.join("&")).into(),
            headers: vec![self.authorization()],
            body: Vec::new(),
        };
        self.call(method, request, Effect::Harmless, now).await
    }

    fn authorization(&self) -> (&'static str, Secret) {
        ("authorization", format!("Bearer {}", self.token.expose()).into())
    }

    async fn call(&self, method: &str, request: Request, effect: Effect, now: Timestamp) -> Result<Value, ApiError> {
        let name = format!("Slack ({method})");
        let response = send(&self.http, request, effect, &name, now).await.map_err(ApiError::Failed)?;
        let unknown = |error: String| Err(ApiError::Failed(effect.unknown(error, None)));
        let Ok(answer) = serde_json::from_slice::<Value>(&response.body) else {
            return unknown(format!("{name} answered {} without JSON", response.status));
        };
        match (answer.get("ok").and_then(Value::as_bool), answer.get("error").and_then(Value::as_str)) {
            (Some(true), _) => Ok(answer),
            // By its documentation, a part of it may have succeeded.
            (Some(false), Some(word @ ("fatal_error" | "internal_error" | "request_timeout"))) => {
                unknown(format!("{name} answered {word}"))
            }
            (Some(false), Some(word)) => Err(ApiError::Said(word.to_owned())),
            _ => unknown(format!("{name} answered {} without a result", response.status)),
        }
    }
}

/// What Slack refused, and the remedy.
///
/// Source: the errors of <https://docs.slack.dev/reference/methods/chat.postMessage>
pub(super) fn refusal(word: &str) -> Failure {
    let (remedy, retry) = match word {
        "ratelimited"
        | "rate_limited"
        | "message_limit_exceeded"
        | "service_unavailable"
        | "team_added_to_org"
        | "accesslimited" => {
            let error = format!("Slack answered {word}");
            return Failure::Refused { error, retry: Retry::Later(None) };
        }
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "not_allowed_token_type" => {
            ("install the app again, and store the new token of its bot", Retry::AfterNewCredentials)
        }
        "missing_scope" | "no_permission" => {
            ("add the scopes of the documentation to the bot, and install the app again", Retry::AfterRepair)
        }
        "channel_not_found" => {
            ("write the id of the channel or user, and invite the bot to a private channel", Retry::OtherRecipient)
        }
        "not_in_channel" => {
            ("invite the bot to the channel, or give it the scope chat:write.public", Retry::OtherRecipient)
        }
        "is_archived" => ("restore the channel, or name another one in the routing document", Retry::OtherRecipient),
        "user_not_found" | "users_not_found" | "cannot_dm_bot" | "user_disabled" | "messages_tab_disabled" => {
            ("name an owner who is a user of this workspace", Retry::OtherRecipient)
        }
        word if word.starts_with("restricted_action") => {
            ("allow the bot to post in this channel", Retry::OtherRecipient)
        }
        _ => ("look the error up in the reference of chat.postMessage", Retry::AfterRepair),
    };
    Failure::Refused { error: format!("Slack answered {}: {remedy}", one_line(word, 60)), retry }
}
