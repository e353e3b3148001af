//! Microsoft Teams, by a workflow.

use std::time::Duration;

use channels::{Delivered, Failure, FakeHttp, HttpError, Reply, Response, Retry, Teams, check};
use routing::{Address, ChannelKind, OwnerKind};
use rstest::rstest;
use serde_json::Value;

use crate::support::*;

const URL: &str = "https://prod-1.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=key";

fn story() -> Story {
    let mut story = Story::new(ChannelKind::Teams);
    story.delivery.mentions = vec![email("jane@example.com"), email("o'neil_x@example.com")];
    story
}

async fn deliver(story: &Story, reply: Reply) -> (Result<Delivered, Failure>, Value) {
    let http = FakeHttp::new([reply]);
    let outcome = deliver_by(&Teams::new(&http, URL.into()), story).await;
    let requests = http.requests();
    assert_eq!((requests.len(), requests[0].url.expose()), (1, URL));
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(check::teams_message(&body), Vec::<String>::new());
    (outcome, body)
}

#[tokio::test]
async fn each_delivery_is_a_card() {
    let open = story().open("1 09:00", &[22]).context("1 09:01", "arn:aws:sts::123456789012:assumed-role/ci/ana");
    let (outcome, body) = deliver(&open, FakeHttp::text(202, "")).await;
    assert_eq!(outcome, Ok(Delivered { external_id: None }));
    insta::assert_json_snapshot!("teams_open", body);

    let changed = open.told(None).open("1 10:00", &[22, 3389]);
    let (_, body) = deliver(&changed, FakeHttp::text(202, "")).await;
    assert!(body.to_string().contains("The exposures of sg-0aaaaaaaaaaaaaaaa changed"));
    let closed = changed.told(None).closed("1 11:00", "e-1");
    let (_, body) = deliver(&closed, FakeHttp::text(202, "")).await;
    insta::assert_json_snapshot!("teams_closed", body);
    let reopened = closed.told(None).open("1 12:00", &[22]);
    let (_, body) = deliver(&reopened, FakeHttp::text(202, "")).await;
    assert!(body.to_string().contains("is open again (1 reopening)"));
}

#[tokio::test]
async fn only_addresses_are_mentioned() {
    let mut story = story().open("1 09:00", &[22]);
    story.delivery.mentions = vec![
        Address { value: "@ana".into(), kind: OwnerKind::SlackUser },
        email("</at><at>everyone</at>@example.com"),
        email("jane@example.com"),
    ];
    let (_, body) = deliver(&story, FakeHttp::text(202, "")).await;
    let entities = body.pointer("/attachments/0/content/msteams/entities").unwrap().as_array().unwrap();
    assert_eq!(entities.len(), 1);
    assert_eq!(entities[0]["mentioned"]["id"], "jane@example.com");
}

#[rstest]
#[case::disabled(400, Retry::AfterRepair)]
#[case::denied(401, Retry::AfterNewCredentials)]
#[case::gone(404, Retry::AfterNewCredentials)]
#[case::large(413, Retry::AfterRepair)]
#[case::many(429, Retry::Later(Some(Duration::from_secs(5))))]
#[case::unavailable(503, Retry::Later(Some(Duration::from_secs(5))))]
#[tokio::test]
async fn a_refusal_wants_repair_or_passes(#[case] status: u16, #[case] expected: Retry) {
    let headers = vec![("retry-after".to_owned(), "5".to_owned())];
    let body = format!("{{\"error\":{{\"message\":\"{URL}\"}}}}").into_bytes();
    let (outcome, _) = deliver(&story().open("1 09:00", &[22]), Ok(Response { status, headers, body })).await;
    let Err(Failure::Refused { error, retry }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(retry, expected);
    assert!(error.starts_with("the workflow of Teams answered") && !error.contains("sig="), "{error}");
}

#[tokio::test]
async fn a_time_out_before_did_nothing_and_one_after_may_have() {
    let open = story().open("1 09:00", &[22]);
    let (outcome, _) = deliver(&open, Err(HttpError::NotSent("no address".into()))).await;
    assert!(matches!(outcome, Err(Failure::Refused { retry: Retry::Later(None), .. })), "{outcome:?}");
    let unknown = [Err(HttpError::Unanswered("10 s".into())), FakeHttp::text(502, "")];
    for reply in unknown {
        let (outcome, _) = deliver(&open, reply).await;
        assert!(matches!(outcome, Err(Failure::Unanswered { .. })), "{outcome:?}");
    }
}

#[test]
fn every_card_is_within_the_limits_whatever_the_names() {
    run(hostile_story(ChannelKind::Teams), |mut story| {
        story.delivery.mentions =
            (0..40).map(|number| email(&format!("{}{number}@example.com", "x".repeat(80)))).collect();
        block_on(deliver(&story, FakeHttp::text(202, ""))).0.unwrap();
        let later = story.told(None).exposed("30 00:00", &[4_444], "0.0.0.0/0", None);
        block_on(deliver(&later, FakeHttp::text(202, ""))).0.unwrap();
        Ok(())
    });
}

#[tokio::test]
async fn a_name_is_no_expression_and_a_thousand_exposures_leave_room() {
    let ports: Vec<u16> = (1..1_001).collect();
    let story = story().named("{{DATE(2026-12-01, SHORT)}}").open("1 09:00", &ports).context("1 09:01", "ana");
    let (_, body) = deliver(&story, FakeHttp::text(202, "")).await;
    let text = body.to_string();
    for part in ["{ { DATE", "Opened by: ", "and 992 more", "portcullis close"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}
