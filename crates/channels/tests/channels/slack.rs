//! Slack, by a bot and by an incoming webhook.

use std::time::Duration;

use channels::{Delivered, Failure, FakeHttp, HttpError, Reply, Request, Response, Retry, Slack, SlackWebhook, check};
use routing::{Address, ChannelKind, OwnerKind};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::*;

const TS: &str = "1764579900.000100";
const ID: &str = "C0123456789/1764579900.000100";

fn story() -> Story {
    let mut story = Story::new(ChannelKind::Slack);
    story.delivery.recipient = Some(channel("C0123456789"));
    story
}

fn channel(value: &str) -> Address {
    Address { value: value.to_owned(), kind: OwnerKind::SlackChannel }
}

fn posted() -> Reply {
    FakeHttp::json(200, &json!({"ok": true, "channel": "C0123456789", "ts": TS}))
}

fn ok() -> Reply {
    FakeHttp::json(200, &json!({"ok": true}))
}

fn said(word: &str) -> Reply {
    FakeHttp::json(200, &json!({"ok": false, "error": word}))
}

/// A page of messages: type, label and revision of the metadata, and the time stamp.
fn page(messages: &[(&str, &str, &str, &str)], cursor: &str) -> Reply {
    let messages: Vec<Value> = messages
        .iter()
        .map(|(event_type, label, revision, ts)| {
            let payload = json!({"finding": label, "revision": revision});
            json!({"ts": ts, "metadata": {"event_type": event_type, "event_payload": payload}})
        })
        .collect();
    FakeHttp::json(200, &json!({"ok": true, "messages": messages, "response_metadata": {"next_cursor": cursor}}))
}

async fn deliver(
    story: &Story,
    replies: impl IntoIterator<Item = Reply>,
) -> (Result<Delivered, Failure>, Vec<Request>) {
    let http = FakeHttp::new(replies);
    let slack = Slack::new(&http, "xoxb-secret".into(), "#security");
    let outcome = deliver_by(&slack, story).await;
    (outcome, http.requests())
}

fn method(request: &Request) -> String {
    let url = request.url.expose();
    let path = url.strip_prefix("https://slack.com/api/").unwrap();
    path.split('?').next().unwrap().to_owned()
}

fn methods(requests: &[Request]) -> Vec<String> {
    requests.iter().map(method).collect()
}

fn body(request: &Request) -> Value {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(check::slack_message(&body), Vec::<String>::new());
    body
}

#[tokio::test]
async fn a_finding_has_one_message_which_is_updated_and_replied_to() {
    let open = story().open("1 09:00", &[22]).context("1 09:01", "arn:aws:sts::123456789012:assumed-role/ci/ana");
    let (outcome, requests) = deliver(&open, [posted()]).await;
    assert_eq!(outcome.unwrap().external_id.unwrap().as_str(), ID);
    assert_eq!(methods(&requests), ["chat.postMessage"]);
    insta::assert_json_snapshot!("slack_open", body(&requests[0]));

    let changed = open.told(Some(ID)).open("1 10:00", &[22, 3389]);
    let (outcome, requests) = deliver(&changed, [ok(), ok()]).await;
    assert_eq!(outcome.unwrap().external_id.unwrap().as_str(), ID);
    assert_eq!(methods(&requests), ["chat.update", "chat.postMessage"]);
    assert_eq!(body(&requests[0])["ts"], TS);
    let reply = body(&requests[1]);
    assert_eq!((reply["thread_ts"].as_str(), reply["reply_broadcast"].as_bool()), (Some(TS), Some(false)));
    assert!(reply["text"].as_str().unwrap().contains("exposures of sg-0aaaaaaaaaaaaaaaa changed"), "{reply}");

    let closed = changed.told(Some(ID)).closed("1 11:00", "e-1");
    let (_, requests) = deliver(&closed, [ok(), ok()]).await;
    insta::assert_json_snapshot!("slack_closed", body(&requests[0]));
    insta::assert_json_snapshot!("slack_closed_reply", body(&requests[1]));

    let reopened = closed.told(Some(ID)).open("1 12:00", &[22]);
    let (_, requests) = deliver(&reopened, [ok(), ok()]).await;
    assert_eq!(methods(&requests), ["chat.update", "chat.postMessage"]);
    // Nobody who does not follow the thread would see an update.
    assert_eq!(body(&requests[1])["reply_broadcast"], true);
}

/// Muted or not, a message that says that a group is open does not stay.
#[tokio::test]
async fn the_end_of_a_muted_finding_is_told_and_says_that_it_is_muted() {
    let open = story().open("1 09:00", &[22]).told(Some(ID)).muted("1 09:10", Some("2 00:00"));
    let (_, requests) = deliver(&open.compliant("1 10:00"), [ok(), ok()]).await;
    let text = body(&requests[0]).to_string();
    assert!(
        text.contains("was closed by a change") && text.contains("until 2026-12-02 00:00 UTC, by ana: known"),
        "{text}"
    );
}

#[tokio::test]
async fn the_token_is_a_header_and_in_nothing_else() {
    let (_, requests) = deliver(&story().open("1 09:00", &[22]), [posted()]).await;
    let authorization = requests[0].headers.iter().find(|(name, _)| *name == "authorization").unwrap();
    assert_eq!(authorization.1.expose(), "Bearer xoxb-secret");
    assert!(!format!("{requests:?}").contains("xoxb"));
    assert!(!String::from_utf8_lossy(&requests[0].body).contains("xoxb"));
}

#[tokio::test]
async fn an_e_mail_address_is_looked_up_and_written_to_directly() {
    let mut story = story().open("1 09:00", &[22]);
    story.delivery.recipient = Some(email("o'neil+x@example.com"));
    let user = FakeHttp::json(200, &json!({"ok": true, "user": {"id": "U0123456789"}}));
    let direct = FakeHttp::json(200, &json!({"ok": true, "channel": "D0123456789", "ts": TS}));
    let (outcome, requests) = deliver(&story, [user, direct]).await;
    assert_eq!(outcome.unwrap().external_id.unwrap().as_str(), format!("D0123456789/{TS}"));
    let url = requests[0].url.expose();
    assert_eq!(url, "https://slack.com/api/users.lookupByEmail?email=o%27neil%2Bx%40example.com");
    assert_eq!(body(&requests[1])["channel"], "U0123456789");

    // The name of the message has the channel: the user is not looked up again.
    let closed = story.told(Some("D0123456789/1.2")).compliant("1 10:00");
    let (_, requests) = deliver(&closed, [ok(), ok()]).await;
    assert_eq!(methods(&requests), ["chat.update", "chat.postMessage"]);
}

#[tokio::test]
async fn an_address_that_nobody_has_wants_an_alias() {
    let mut story = story().open("1 09:00", &[22]);
    story.delivery.recipient = Some(email("gone@example.com"));
    let (outcome, _) = deliver(&story, [said("users_not_found")]).await;
    let failure = outcome.unwrap_err();
    assert!(failure.to_string().ends_with("write an alias for it in the routing document"), "{failure}");
    assert!(matches!(failure, Failure::Refused { retry: Retry::OtherRecipient, .. }));
}

#[tokio::test]
async fn a_lookup_that_fails_tells_nothing() {
    let mut story = story().open("1 09:00", &[22]);
    story.delivery.recipient = Some(email("jane@example.com"));
    let passing = Retry::Later(None);
    let replies = [
        (Err(HttpError::Unanswered("10 s".into())), passing),
        (FakeHttp::text(502, ""), passing),
        (FakeHttp::json(200, &json!({"ok": true, "user": {"id": "../.."}})), passing),
        (said("missing_scope"), Retry::AfterRepair),
    ];
    for (reply, expected) in replies {
        let (outcome, requests) = deliver(&story, [reply]).await;
        assert_eq!(methods(&requests), ["users.lookupByEmail"]);
        let Err(Failure::Refused { retry, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(retry, expected);
    }
}

#[tokio::test]
async fn a_time_out_before_a_post_did_nothing_and_one_after_it_may_have() {
    let open = story().open("1 09:00", &[22]);
    let (outcome, _) = deliver(&open, [Err(HttpError::NotSent("no address".into()))]).await;
    assert!(matches!(outcome, Err(Failure::Refused { retry: Retry::Later(None), .. })), "{outcome:?}");
    let (outcome, _) = deliver(&open, [Err(HttpError::Unanswered("10 s".into()))]).await;
    assert!(matches!(outcome, Err(Failure::Unanswered { .. })), "{outcome:?}");
    // A reply is not the same if it is sent twice.
    let closed = open.told(Some(ID)).compliant("1 10:00");
    let (outcome, requests) = deliver(&closed, [ok(), Err(HttpError::Unanswered("10 s".into()))]).await;
    assert!(matches!(outcome, Err(Failure::Unanswered { .. })), "{outcome:?}");
    assert_eq!(methods(&requests), ["chat.update", "chat.postMessage"]);
}

/// The message says open again, and the reply is refused: if the group is exempt by the next attempt, the message is changed.
#[tokio::test]
async fn a_message_that_says_open_again_is_in_doubt_until_all_is_told() {
    let closed = story().open("1 09:00", &[22]).told(Some(ID)).compliant("1 10:00").told(Some(ID));
    let reopened = closed.open("1 11:00", &[22]);
    let cases = [vec![Err(HttpError::Unanswered("10 s".into()))], vec![ok(), said("ratelimited")]];
    for replies in cases {
        let (outcome, _) = deliver(&reopened, replies).await;
        assert!(matches!(outcome, Err(Failure::Unanswered { .. })), "{outcome:?}");
    }
    // One that said so before is changed in any case.
    let more = reopened.told(Some(ID)).open("1 12:00", &[22, 80]);
    let (outcome, _) = deliver(&more, [ok(), said("ratelimited")]).await;
    assert!(matches!(outcome, Err(Failure::Refused { .. })), "{outcome:?}");
}

#[tokio::test]
async fn without_a_recipient_the_channel_of_the_document_is_told() {
    let mut story = story().open("1 09:00", &[22]);
    story.delivery.recipient = None;
    let (_, requests) = deliver(&story, [posted()]).await;
    assert_eq!(body(&requests[0])["channel"], "#security");
}

#[rstest]
#[case("message_not_found")]
#[case("cant_update_message")]
#[case("edit_window_closed")]
#[tokio::test]
async fn a_message_that_is_gone_is_posted_anew(#[case] word: &str) {
    let story = story().open("1 09:00", &[22]).told(Some("C0123456789/1.1")).compliant("1 10:00");
    let (outcome, requests) = deliver(&story, [said(word), posted()]).await;
    assert_eq!(outcome.unwrap().external_id.unwrap().as_str(), ID);
    assert_eq!(methods(&requests), ["chat.update", "chat.postMessage"]);
    assert!(body(&requests[1]).get("thread_ts").is_none());
}

#[rstest]
#[case::auth("invalid_auth", Some(Retry::AfterNewCredentials))]
#[case::revoked("token_revoked", Some(Retry::AfterNewCredentials))]
#[case::scope("missing_scope", Some(Retry::AfterRepair))]
#[case::channel("channel_not_found", Some(Retry::OtherRecipient))]
#[case::member("not_in_channel", Some(Retry::OtherRecipient))]
#[case::archived("is_archived", Some(Retry::OtherRecipient))]
#[case::user("user_not_found", Some(Retry::OtherRecipient))]
#[case::restricted("restricted_action_read_only_channel", Some(Retry::OtherRecipient))]
#[case::unknown("anything_else", Some(Retry::AfterRepair))]
#[case::rate("ratelimited", Some(Retry::Later(None)))]
#[case::unavailable("service_unavailable", Some(Retry::Later(None)))]
#[case::partly("fatal_error", None)]
#[case::partly("internal_error", None)]
#[tokio::test]
async fn an_error_wants_repair_or_passes_or_leaves_it_open(#[case] word: &str, #[case] retry: Option<Retry>) {
    let (outcome, _) = deliver(&story().open("1 09:00", &[22]), [said(word)]).await;
    match outcome.unwrap_err() {
        Failure::Refused { error, retry: actual } => {
            assert_eq!(Some(actual), retry);
            assert!(error.contains(word), "{error}");
        }
        Failure::Unanswered { error, .. } => assert!(retry.is_none() && error.contains(word), "{error}"),
        other @ Failure::NotBefore(_) => panic!("{other:?}"),
    }
}

#[rstest]
#[case::broken("{\"ok\":tr")]
#[case::empty("")]
#[case::page("<html>proxy</html>")]
#[case::list("[]")]
#[case::nothing("{}")]
#[tokio::test]
async fn an_answer_that_is_none_leaves_it_open(#[case] text: &str) {
    let reply = || FakeHttp::text(200, text);
    let open = story().open("1 09:00", &[22]);
    let (outcome, _) = deliver(&open, [reply()]).await;
    assert!(matches!(outcome, Err(Failure::Unanswered { .. })), "{outcome:?}");
    // An update is the same if it is sent twice, so nothing is searched for.
    let (outcome, _) = deliver(&open.told(Some(ID)).compliant("1 10:00"), [reply()]).await;
    assert!(matches!(outcome, Err(Failure::Refused { retry: Retry::Later(None), .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_is_not_trusted_for_its_names() {
    for (channel, ts) in [("C1", "x".repeat(5_000)), ("../../x", TS.to_owned()), ("C1", String::new())] {
        let reply = FakeHttp::json(200, &json!({"ok": true, "channel": channel, "ts": ts}));
        let (outcome, _) = deliver(&story().open("1 09:00", &[22]), [reply]).await;
        assert_eq!(outcome, Ok(Delivered { external_id: None }));
    }
}

#[tokio::test]
async fn too_many_requests_wait_as_long_as_slack_asks() {
    let headers = vec![("retry-after".to_owned(), "30".to_owned())];
    let reply = Ok(Response { status: 429, headers, body: Vec::new() });
    let (outcome, _) = deliver(&story().open("1 09:00", &[22]), [reply]).await;
    let error = "Slack (chat.postMessage) answered 429".to_owned();
    assert_eq!(outcome, Err(Failure::Refused { error, retry: Retry::Later(Some(Duration::from_secs(30))) }));
}

#[tokio::test]
async fn a_message_of_an_unknown_attempt_is_found_and_updated() {
    let story = story().open("1 09:00", &[22]).unanswered("1 09:02").open("1 10:00", &[22, 80]);
    let label = story.finding.key().label();
    let other = [("portcullis_finding", "portcullis-other", "1", "5.5"), ("spoof", &label, "1", "6.6")];
    let replies =
        [page(&other, "next"), page(&[("portcullis_finding", &label, "1", "7.7")], ""), ok(), page(&[], ""), ok()];
    let (outcome, requests) = deliver(&story, replies).await;
    assert_eq!(outcome.unwrap().external_id.unwrap().as_str(), "C0123456789/7.7");
    let expected =
        ["conversations.history", "conversations.history", "chat.update", "conversations.replies", "chat.postMessage"];
    assert_eq!(methods(&requests), expected);
    assert!(requests[1].url.expose().contains("&cursor=next"));
    // What the message said already is not told again.
    let reply = body(&requests[4]).to_string();
    assert!(reply.contains("exposures of") && !reply.contains(" is open: "), "{reply}");
}

#[tokio::test]
async fn a_reply_of_an_unknown_attempt_is_not_repeated() {
    let story = story().open("1 09:00", &[22]).told(Some(ID)).compliant("1 10:00").unanswered("1 10:01");
    let label = story.finding.key().label();
    let revision = story.finding.revision().to_string();
    let (outcome, requests) = deliver(&story, [ok(), page(&[("portcullis_news", &label, &revision, "8.8")], "")]).await;
    assert_eq!(outcome.unwrap().external_id.unwrap().as_str(), ID);
    assert_eq!(methods(&requests), ["chat.update", "conversations.replies"]);
}

#[rstest]
#[case("missing_scope")]
#[case("not_in_channel")]
#[tokio::test]
async fn a_bot_that_may_not_read_posts_again(#[case] word: &str) {
    let story = story().open("1 09:00", &[22]).unanswered("1 09:02");
    let (outcome, requests) = deliver(&story, [said(word), posted()]).await;
    assert_eq!(outcome.unwrap().external_id.unwrap().as_str(), ID);
    assert_eq!(methods(&requests), ["conversations.history", "chat.postMessage"]);
}

#[tokio::test]
async fn a_search_that_fails_tells_nothing_twice() {
    let story = story().open("1 09:00", &[22]).unanswered("1 09:02");
    let after = Err(HttpError::Unanswered("10 s".into()));
    for reply in [after, said("ratelimited"), FakeHttp::text(500, "")] {
        let (outcome, requests) = deliver(&story, [reply]).await;
        assert!(matches!(outcome, Err(Failure::Refused { retry: Retry::Later(None), .. })), "{outcome:?}");
        assert_eq!(methods(&requests), ["conversations.history"]);
    }
}

#[tokio::test]
async fn the_history_of_a_channel_that_is_known_by_name_is_not_read() {
    let mut story = story().open("1 09:00", &[22]).unanswered("1 09:02");
    story.delivery.recipient = Some(channel("#security"));
    let (_, requests) = deliver(&story, [posted()]).await;
    assert_eq!(methods(&requests), ["chat.postMessage"]);
}

#[tokio::test]
async fn a_webhook_gets_a_message_for_each_delivery() {
    let url = "https://hooks.slack.com/services/T0/B0/key";
    let mut story = Story::new(ChannelKind::SlackWebhook).open("1 09:00", &[22]).told(None).closed("1 10:00", "e-1");
    story.delivery.mentions = vec![
        Address { value: "U0123456789".into(), kind: OwnerKind::SlackUser },
        Address { value: "@ana".into(), kind: OwnerKind::SlackUser },
        email("jane@example.com"),
    ];
    let fine = FakeHttp::text(200, "ok");
    let http = FakeHttp::new([fine]);
    let outcome = deliver_by(&SlackWebhook::new(&http, url.into()), &story).await;
    assert_eq!(outcome, Ok(Delivered { external_id: None }));
    let requests = http.requests();
    assert_eq!(requests[0].url.expose(), url);
    insta::assert_json_snapshot!("slack_webhook_closed", body(&requests[0]));

    let reopened = story.told(None).open("1 11:00", &[22]);
    let http = FakeHttp::new([FakeHttp::text(200, "ok")]);
    deliver_by(&SlackWebhook::new(&http, url.into()), &reopened).await.unwrap();
    let body = body(&http.requests()[0]).to_string();
    assert!(body.contains("\"<@U0123456789>\"") && !body.contains("@ana"), "{body}");
}

#[rstest]
#[case(404, "no_service", Retry::AfterNewCredentials)]
#[case(410, "channel_is_archived", Retry::AfterNewCredentials)]
#[case(403, "action_prohibited", Retry::AfterNewCredentials)]
#[case(400, "invalid_payload", Retry::AfterRepair)]
#[tokio::test]
async fn a_webhook_that_is_gone_wants_repair(#[case] status: u16, #[case] word: &str, #[case] retry: Retry) {
    let http = FakeHttp::new([FakeHttp::text(status, word)]);
    let story = Story::new(ChannelKind::SlackWebhook).open("1 09:00", &[22]);
    let outcome =
        deliver_by(&SlackWebhook::new(&http, "https://hooks.slack.com/services/T0/B0/key".into()), &story).await;
    let Err(Failure::Refused { error, retry: actual }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(actual, retry);
    assert!(error.contains(word) && !error.contains("key"), "{error}");
}

#[test]
fn every_message_is_within_the_limits_whatever_the_names() {
    run(hostile_story(ChannelKind::Slack), |story| {
        let (_, requests) = block_on(deliver(&story, [posted()]));
        check_message(&body(&requests[0]));
        let later = story.told(Some(ID)).exposed("30 00:00", &[4_444], "0.0.0.0/0", None);
        let (_, requests) = block_on(deliver(&later, [ok(), ok()]));
        for request in &requests {
            check_message(&body(request));
        }
        Ok(())
    });
}

/// A name of others is never a mention.
fn check_message(body: &Value) {
    for mention in ["<!", "<#", "<@"] {
        assert!(!body.to_string().contains(mention), "{body}");
    }
}

#[tokio::test]
async fn a_thousand_exposures_leave_room_for_all_else() {
    let ports: Vec<u16> = (1..1_001).collect();
    let story = story().named(&"&".repeat(255)).open("1 09:00", &ports).context("1 09:01", &"<".repeat(256));
    let (_, requests) = deliver(&story, [posted()]).await;
    let text = body(&requests[0]).to_string();
    for label in ["*Exposures*", "*Opened by*", "*Owner*", "portcullis close", "console.aws.amazon.com"] {
        assert!(text.contains(label), "{label} is missing in {text}");
    }
}
