//! What follows from the answer to an HTTP request.

use std::time::Duration;

use jiff::Timestamp;
use plain_text::one_line;

use crate::channel::{Failure, Retry};
use crate::http::{Http, HttpError, Request, Response};

/// Longest time that a receiver may ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Whether a request changes anything at its receiver, so that it matters if its outcome is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads.
    Harmless,
    /// It tells or changes something. If it may have arrived, the outbox has to learn that: a finding that ends before the next
    /// attempt is told as ended then. That holds although a receiver may recognise a repetition.
    Repeated,
}

impl Effect {
    /// The failure of a request that may have been carried out.
    pub(crate) fn unknown(self, error: String, wait: Option<Duration>) -> Failure {
        match self {
            Self::Harmless => Failure::Refused { error, retry: Retry::Later(wait) },
            Self::Repeated => Failure::Unanswered { error, wait },
        }
    }
}

/// Sends a request. Returns the response if its status is 2xx.
///
/// Other responses and none at all are failures, in which the receiver has `name`. Their bodies are not shown: an error page
/// may repeat the URL, which may be a key. Only a single word is, such as `no_service`.
pub(crate) async fn send<H: Http>(
    http: &H,
    request: Request,
    effect: Effect,
    name: &str,
    now: Timestamp,
) -> Result<Response, Failure> {
    let response = match http.send(request).await {
        Ok(response) => response,
        Err(HttpError::NotSent(error)) => {
            let error = format!("{name} could not be reached: {}", one_line(&error, 150));
            return Err(Failure::Refused { error, retry: Retry::Later(None) });
        }
        Err(HttpError::Invalid(error)) => {
            let error = format!("{name} cannot be called: {}", one_line(&error, 250));
            // URLs of the routing document are checked when it is read. So it is the one that is kept as a secret, or the token.
            return Err(Failure::Refused { error, retry: Retry::AfterNewCredentials });
        }
        Err(HttpError::Unanswered(error)) => {
            return Err(effect.unknown(format!("{name} did not answer: {}", one_line(&error, 150)), None));
        }
    };
    let status = response.status;
    let word = word(&response.body).map(|word| format!(" {word}")).unwrap_or_default();
    let error = format!("{name} answered {status}{word}");
    let wait = retry_after(&response, now);
    match status {
        200..=299 => Ok(response),
        429 | 503 => Err(Failure::Refused { error, retry: Retry::Later(wait) }),
        408 | 425 | 500..=599 => Err(effect.unknown(error, wait)),
        _ => {
            // A URL may be the credentials, and be gone.
            let is_credentials = matches!(status, 401 | 403 | 404 | 410);
            let retry = if is_credentials { Retry::AfterNewCredentials } else { Retry::AfterRepair };
            Err(Failure::Refused { error: format!("{error}: {}", remedy(status)), retry })
        }
    }
}

fn remedy(status: u16) -> &'static str {
    match status {
        300..=399 => "no redirect is followed, so write the URL that it leads to",
        401 | 403 => "check the secret and the permissions",
        404 | 410 => "check the URL, and make a new one if it was deleted",
        413 => "the receiver takes no message of this size",
        _ => "check the URL and its receiver",
    }
}

/// The word that is the whole body, such as `no_service`.
fn word(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body.get(..60.min(body.len()))?).ok()?.trim();
    let is_word =
        body.len() < 60 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_word.then_some(text)
}

/// How long the receiver asks to wait: seconds, or a date. At most a day, whatever it asks for.
pub(crate) fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let header = response.header("retry-after")?.trim();
    let wait = if let Ok(seconds) = header.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let until = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
        Duration::try_from(until.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use rstest::rstest;

    use super::*;
    use crate::fake::FakeHttp;
    use crate::http::Method;

    fn now() -> Timestamp {
        "2026-12-01T09:00:00Z".parse().unwrap()
    }

    fn request() -> Request {
        Request { method: Method::Post, url: "https://example.com".into(), headers: Vec::new(), body: Vec::new() }
    }

    fn response(status: u16, header: Option<&str>, body: &str) -> Response {
        let headers = header.into_iter().map(|value| ("retry-after".to_owned(), value.to_owned())).collect();
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    #[rstest]
    #[case("7", Some(7))]
    #[case(" 7 ", Some(7))]
    #[case("0", Some(0))]
    #[case("99999999999", Some(86_400))]
    #[case("Tue, 01 Dec 2026 09:01:00 GMT", Some(60))]
    #[case("Tue, 01 Dec 2026 08:00:00 GMT", Some(0))]
    #[case("Tue, 01 Dec 2099 08:00:00 GMT", Some(86_400))]
    #[case("soon", None)]
    #[case("-1", None)]
    fn a_receiver_may_ask_to_wait(#[case] header: &str, #[case] seconds: Option<u64>) {
        let wait = retry_after(&response(429, Some(header), ""), now());
        assert_eq!(wait, seconds.map(Duration::from_secs));
    }

    async fn failure(reply: crate::fake::Reply, effect: Effect) -> Failure {
        send(&FakeHttp::new([reply]), request(), effect, "Slack", now()).await.unwrap_err()
    }

    #[rstest]
    #[case::too_many(429, Retry::Later(None))]
    #[case::unavailable(503, Retry::Later(None))]
    #[case::redirect(302, Retry::AfterRepair)]
    #[case::gone(410, Retry::AfterNewCredentials)]
    #[case::forbidden(403, Retry::AfterNewCredentials)]
    #[case::bad_request(400, Retry::AfterRepair)]
    #[tokio::test]
    async fn some_statuses_say_that_nothing_was_done(#[case] status: u16, #[case] expected: Retry) {
        for effect in [Effect::Harmless, Effect::Repeated] {
            match failure(Ok(response(status, None, "")), effect).await {
                Failure::Refused { retry, .. } => assert_eq!(retry, expected),
                other => panic!("{other:?}"),
            }
        }
    }

    #[rstest]
    #[case(500)]
    #[case(502)]
    #[case(504)]
    #[case(408)]
    #[tokio::test]
    async fn after_others_it_may_have_been_done(#[case] status: u16) {
        let failed = failure(Ok(response(status, None, "")), Effect::Repeated).await;
        assert_eq!(failed, Failure::Unanswered { error: format!("Slack answered {status}"), wait: None });
        let failed = failure(Ok(response(status, None, "")), Effect::Harmless).await;
        assert!(matches!(failed, Failure::Refused { retry: Retry::Later(None), .. }));
        let wait = Some(Duration::from_hours(1));
        let failed = failure(Ok(response(status, Some("3600"), "")), Effect::Repeated).await;
        assert_eq!(failed, Failure::Unanswered { error: format!("Slack answered {status}"), wait });
    }

    #[tokio::test]
    async fn a_time_out_before_the_request_did_nothing_and_one_after_it_may_have() {
        let before = failure(Err(HttpError::NotSent("no route".into())), Effect::Repeated).await;
        assert!(matches!(before, Failure::Refused { retry: Retry::Later(None), .. }));
        let after = failure(Err(HttpError::Unanswered("10 s".into())), Effect::Repeated).await;
        assert_eq!(after.to_string(), "Slack did not answer: 10 s");
        assert!(matches!(after, Failure::Unanswered { .. }));
    }

    #[tokio::test]
    async fn a_request_that_may_not_be_sent_waits_for_a_repair() {
        for effect in [Effect::Harmless, Effect::Repeated] {
            let failed = failure(Err(HttpError::Invalid("write https://".into())), effect).await;
            let error = "Slack cannot be called: write https://".to_owned();
            assert_eq!(failed, Failure::Refused { error, retry: Retry::AfterNewCredentials });
        }
    }

    #[tokio::test]
    async fn a_body_is_shown_only_if_it_is_a_word() {
        let shown = failure(Ok(response(404, None, "no_service\n")), Effect::Repeated).await.to_string();
        assert_eq!(shown, "Slack answered 404 no_service: check the URL, and make a new one if it was deleted");
        for body in ["<html>/services/T0/B0/key</html>", "sig=secret", &"a".repeat(100), "\u{e9}"] {
            let shown = failure(Ok(response(404, None, body)), Effect::Repeated).await.to_string();
            assert!(shown.starts_with("Slack answered 404: "), "{shown}");
        }
    }
}
