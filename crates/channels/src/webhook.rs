//! A webhook by the convention of Standard Webhooks: the document `portcullis.notice/1`, signed.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::answer::{Effect, send};
use crate::channel::{Channel, Delivered, Failure};
use crate::document::{delivery_id, of_finding, of_summary, summary_id};
use crate::http::{Http, Method, Request};
use crate::notice::Notice;
use crate::secret::Secret;
use crate::summary::{Summarise, Summary};

/// Before a key in base64.
const PREFIX: &str = "whsec_";
/// Bytes of a key, by the specification.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A webhook. A receiver recognises what it has taken by the id, so after an unknown outcome it is sent again. The outcome is
/// unknown all the same: a finding that ends before that is told as ended.
#[derive(Debug)]
pub struct Webhook<H> {
    http: H,
    url: Secret,
    key: Key,
}

/// A text is not the key of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret of the webhook is not a key: store whsec_ and 24 to 64 random bytes in base64")]
pub struct WebhookKeyError;

/// Key for signatures.
struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(…)")
    }
}

impl<H: Http> Webhook<H> {
    /// The webhook with this URL, which may work as a key, and the secret for signatures: `whsec_…`.
    ///
    /// # Errors
    ///
    /// If the secret is no key.
    pub fn new(http: H, url: Secret, secret: &Secret) -> Result<Self, WebhookKeyError> {
        let text = secret.expose().trim();
        let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).map_err(|_| WebhookKeyError)?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(WebhookKeyError);
        }
        Ok(Self { http, url, key: Key(key) })
    }

    async fn post(&self, id: &str, body: String, now: Timestamp) -> Result<Delivered, Failure> {
        let timestamp = now.as_second().to_string();
        let request = Request {
            method: Method::Post,
            url: self.url.clone(),
            headers: vec![
                ("content-type", "application/json".into()),
                ("webhook-id", id.into()),
                ("webhook-timestamp", timestamp.as_str().into()),
                ("webhook-signature", self.key.sign(id, &timestamp, &body).into()),
            ],
            body: body.into_bytes(),
        };
        send(&self.http, request, Effect::Repeated, "the webhook", now).await?;
        Ok(Delivered::default())
    }
}

impl Key {
    /// `v1,` and the HMAC of id, time and body.
    fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        for part in [id, ".", timestamp, ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl<H: Http> Channel for Webhook<H> {
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        self.post(&delivery_id(notice), of_finding(notice), notice.now).await
    }
}

impl<H: Http> Summarise for Webhook<H> {
    async fn summarise(&self, summary: &Summary<'_>) -> Result<Delivered, Failure> {
        self.post(&summary_id(summary), of_summary(summary), summary.now).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rstest::rstest;

    use super::*;
    use crate::fake::FakeHttp;

    fn webhook(secret: &str) -> Result<Webhook<FakeHttp>, WebhookKeyError> {
        Webhook::new(FakeHttp::new([]), "https://example.com".into(), &secret.into())
    }

    /// The vector of the reference implementations. Source: <https://github.com/standard-webhooks/standard-webhooks>,
    /// `libraries/python/tests/test_webhooks.py`.
    #[test]
    fn the_signature_is_that_of_the_reference() {
        let webhook = webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = webhook.key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[rstest]
    #[case("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true)]
    #[case("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", true)]
    #[case("whsec_", false)]
    #[case("whsec_c2hvcnQ=", false)]
    #[case("not base64!", false)]
    fn a_key_has_a_form(#[case] secret: &str, #[case] is_key: bool) {
        assert_eq!(webhook(secret).is_ok(), is_key);
    }
}
