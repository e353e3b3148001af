//! What becomes of answers that are none: the class of the failure, and its remedy.

use std::time::Duration;

use channels::{Channel as _, FakeHttp};
use channels::{Failure, HttpError, Jira, Response, Retry};
use routing::{ChannelKind, JiraFlavour};
use rstest::rstest;
use serde_json::json;

use super::notifier::settings;
use crate::support::{self, Story};

const REPAIR: Option<Retry> = Some(Retry::AfterRepair);
const CREDENTIALS: Option<Retry> = Some(Retry::AfterNewCredentials);
const LATER: Option<Retry> = Some(Retry::Later(None));
const IN_30_S: Option<Retry> = Some(Retry::Later(Some(Duration::from_secs(30))));
/// Its outcome is not known.
const UNKNOWN: Option<Retry> = None;

#[expect(clippy::unnecessary_wraps, reason = "one of the replies")]
fn answer(status: u16, header: (&str, &str), body: &str) -> Result<Response, HttpError> {
    let headers = vec![(header.0.to_owned(), header.1.to_owned())];
    Ok(Response { status, headers, body: body.as_bytes().to_vec() })
}

/// Delivers a new finding, and answers the search, or after it the creation, in a certain way.
fn deliver(secret: &str, before: bool, reply: Result<Response, HttpError>) -> Failure {
    let mut story = Story::new(ChannelKind::Jira).open("1 09:00", &[22]);
    story.delivery.ticket = Some(routing::Ticket { project: Some("SEC".to_owned()), ..routing::Ticket::default() });
    let has = json!({"havePermission": true});
    let mut replies = Vec::new();
    if !before {
        replies.push(FakeHttp::json(200, &json!({"issues": []})));
        replies.push(FakeHttp::json(200, &json!({"permissions": {"BROWSE_PROJECTS": has, "CREATE_ISSUES": has}})));
    }
    replies.push(reply);
    let jira = Jira::new(FakeHttp::new(replies), secret.into(), settings(JiraFlavour::Cloud));
    let due = story.due();
    support::block_on(jira.deliver(&story.notice(&due))).unwrap_err()
}

fn parts(failure: Failure) -> (String, Option<Retry>) {
    match failure {
        Failure::Refused { error, retry } => (error, Some(retry)),
        Failure::Unanswered { error, .. } => (error, UNKNOWN),
        other @ Failure::NotBefore(_) => panic!("{other:?}"),
    }
}

#[rstest]
#[case::token(answer(401, ("x-a", ""), "{}"), CREDENTIALS, CREDENTIALS, "replace the secret")]
#[case::captcha(answer(401, ("x-seraph-loginreason", "AUTHENTICATION_DENIED"), ""), REPAIR, REPAIR, "CAPTCHA")]
// Jira answers as if nobody had logged in: with success, and without tickets.
#[case::anonymous(answer(200, ("x-seraph-loginreason", "AUTHENTICATED_FAILED"), r#"{"issues": []}"#), CREDENTIALS, CREDENTIALS, "token")]
#[case::denied(answer(403, ("x-a", ""), "{}"), REPAIR, REPAIR, "give the user the permission")]
#[case::unknown_path(answer(404, ("x-a", ""), "{}"), REPAIR, REPAIR, "`flavour`")]
#[case::removed(answer(410, ("x-a", ""), "{}"), REPAIR, REPAIR, "removed this interface")]
#[case::content(answer(400, ("x-a", ""), r#"{"errorMessages": ["the field\nx is odd"]}"#), REPAIR, REPAIR, "the field x is odd")]
#[case::redirection(answer(302, ("location", "https://sso.example.com/?k=t0ken"), ""), REPAIR, REPAIR, "base URL")]
#[case::limited(answer(429, ("retry-after", "30"), ""), IN_30_S, IN_30_S, "429")]
#[case::limit(answer(429, ("ratelimit-reason", "jira-quota-tenant-based"), ""), LATER, LATER, "jira-quota-tenant-based")]
#[case::conflict(answer(409, ("x-a", ""), ""), LATER, LATER, "409")]
#[case::unavailable(answer(503, ("retry-after", "30"), ""), IN_30_S, UNKNOWN, "503")]
#[case::gateway(answer(504, ("x-a", ""), "<html>"), LATER, UNKNOWN, "504")]
#[case::page(answer(200, ("x-a", ""), "<!doctype html><title>Log in</title>"), REPAIR, UNKNOWN, "log-in page")]
#[case::cut(answer(200, ("x-a", ""), r#"{"issues": [{"#), REPAIR, UNKNOWN, "no JSON")]
#[case::odd(answer(200, ("x-a", ""), r#"{"issues": 7}"#), REPAIR, UNKNOWN, "")]
#[case::empty(answer(200, ("x-a", ""), ""), REPAIR, UNKNOWN, "")]
#[case::time_out(Err(HttpError::Unanswered("no answer within 10 s".to_owned())), LATER, UNKNOWN, "within 10 s")]
#[case::no_connection(Err(HttpError::NotSent("no such host".to_owned())), LATER, LATER, "no such host")]
#[case::not_sent(Err(HttpError::Invalid("a secret would be sent without TLS".to_owned())), REPAIR, REPAIR, "without TLS")]
#[case::teapot(answer(418, ("x-a", ""), "short and stout"), REPAIR, REPAIR, "418")]
fn an_answer_says_whether_and_when_to_try_again(
    #[case] reply: Result<Response, HttpError>,
    #[case] searching: Option<Retry>,
    #[case] creating: Option<Retry>,
    #[case] part: &str,
) {
    for (before, expected) in [(true, searching), (false, creating)] {
        let (error, retry) = parts(deliver("bot@example.com:t0ken", before, reply.clone()));
        assert_eq!(retry, expected, "{error}");
        assert!(error.contains(part), "{error}");
        assert!(error.chars().count() <= 320 && !error.contains('\n'), "{error}");
        assert!(!error.contains("t0ken") && !error.contains("https://"), "{error}");
    }
}

#[test]
fn a_jira_that_is_not_available_says_for_how_long() {
    let failure = deliver("bot@example.com:t0ken", false, answer(503, ("retry-after", "3600"), ""));
    let is_obeyed = matches!(&failure, Failure::Unanswered { wait: Some(wait), .. } if wait.as_secs() == 3_600);
    assert!(is_obeyed, "{failure:?}");
}

#[test]
fn a_malformed_secret_is_not_sent_and_not_shown() {
    let (error, retry) = parts(deliver("t0ken", true, answer(200, ("x-a", ""), "{}")));
    assert!(error.contains("store `e-mail:token`") && retry == CREDENTIALS, "{error}");
}
