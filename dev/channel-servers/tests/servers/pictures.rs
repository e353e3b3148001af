//! The pictures of the book: what the real channels make of one finding.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use channel_servers::clock::Clock;
use channel_servers::{Servers, pictures};
use channels::{
    AwsCallError, FakeHttp, ImportFindings, Publication, Publish, RefusedFinding, SecurityHub, Sns, Teams, Webhook,
};
use findings::asff::AsffFinding;
use routing::ChannelKind;
use rstest::rstest;
use serde_json::{Value, json};
use xmlparser::{Token, Tokenizer};

use crate::stories::{jira, pagerduty, slack};
use crate::support::{Client, Story, assert_no_violation, servers, state};

const OPENER: &str = "arn:aws:sts::123456789012:assumed-role/ci/ana";

/// A topic, and Security Hub, which keep what they are told.
#[derive(Default)]
struct Aws {
    published: RefCell<Option<Publication>>,
    imported: RefCell<Value>,
}

impl Publish for Aws {
    async fn publish(&self, publication: &Publication) -> Result<(), AwsCallError> {
        self.published.replace(Some(publication.clone()));
        Ok(())
    }
}

impl ImportFindings for Aws {
    async fn import(
        &self,
        _account: &str,
        _region: &str,
        findings: &[AsffFinding<'_>],
    ) -> Result<Vec<RefusedFinding>, AwsCallError> {
        self.imported.replace(json!(findings[0]));
        Ok(Vec::new())
    }
}

/// An open finding whose texts of others are these.
fn open<'s>(servers: &'s Servers, kind: ChannelKind, name: &str, opener: &str) -> Story<'s> {
    servers.world().lock().clock = Clock::stopped("2026-12-01T09:00:00Z".parse().unwrap());
    let mut story = Story::new(servers, kind).named(name).owned_by("ana@example.com");
    story.open(&[22, 3389]);
    story.look_up(opener);
    story
}

/// All pictures of one story, by their names.
async fn drawn(name: &str, opener: &str) -> BTreeMap<&'static str, String> {
    let servers = servers();
    let story = |kind| open(&servers, kind, name, opener);
    let mut pictures = BTreeMap::new();

    let (mut message, channel) = (story(ChannelKind::Slack), slack(&servers, "#security"));
    message.attempt(&channel).await.unwrap();
    message.remediate("e-0123456789");
    message.attempt(&channel).await.unwrap();
    let told = servers.world().lock().services.slack.conversations().next().unwrap().clone();
    pictures.insert("slack", pictures::slack(&told));

    let (mut ticket, channel) = (story(ChannelKind::Jira), jira(&servers, "jira"));
    ticket.attempt(&channel).await.unwrap();
    let begun = servers.world().lock().services.jira.clone();
    ticket.remediate("e-0123456789");
    ticket.attempt(&channel).await.unwrap();
    pictures.insert("jira", pictures::jira(&begun, &servers.world().lock().services.jira));

    let (mut incident, channel) = (story(ChannelKind::PagerDuty), pagerduty(&servers));
    incident.attempt(&channel).await.unwrap();
    incident.remediate("e-0123456789");
    incident.attempt(&channel).await.unwrap();
    pictures.insert("pagerduty", pictures::pagerduty(&servers.world().lock().services.pagerduty.incidents[0]));

    let channel = Teams::new(Client::new(&servers), servers.ready().teams.as_str().into());
    story(ChannelKind::Teams).attempt(&channel).await.unwrap();
    pictures.insert("teams", pictures::teams(&state(&servers).await["teams"]["cards"][0]["message"]));
    assert_no_violation(&servers).await;

    let http = FakeHttp::new([FakeHttp::text(204, "")]);
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into();
    let channel = Webhook::new(&http, "https://example.com/portcullis".into(), &key).unwrap();
    story(ChannelKind::Webhook).attempt(&channel).await.unwrap();
    pictures.insert("webhook", pictures::webhook(&http.requests()[0]));

    let aws = Aws::default();
    let channel = Sns::new(&aws, "arn:aws:sns:eu-west-1:123456789012:findings");
    story(ChannelKind::Sns).attempt(&channel).await.unwrap();
    pictures.insert("sns-email", pictures::email(aws.published.borrow().as_ref().unwrap()));
    story(ChannelKind::SecurityHub).attempt(&SecurityHub::new(&aws)).await.unwrap();
    pictures.insert("security-hub", pictures::security_hub(&aws.imported.borrow()));
    pictures
}

/// With `INSTA_UPDATE=always` the pictures are written.
#[tokio::test]
async fn the_pictures_of_the_book_show_what_arrives() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/channels/pictures");
    for (name, picture) in drawn("web", OPENER).await {
        let path = directory.join(format!("{name}.svg"));
        if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(&path, &picture).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == picture, "{name}.svg is out of date: set INSTA_UPDATE=always, run this test, and look at it");
        assert!((2_000..30_000).contains(&picture.len()), "{name}.svg has {} bytes", picture.len());
    }
}

/// Elements and attributes of a picture: nothing that runs, loads or links.
fn assert_harmless(picture: &str) {
    const ELEMENTS: [&str; 7] = ["svg", "title", "style", "rect", "path", "text", "tspan"];
    const ATTRIBUTES: [&str; 19] = [
        "xmlns",
        "viewBox",
        "width",
        "height",
        "role",
        "font-family",
        "font-size",
        "font-weight",
        "fill",
        "stroke",
        "stroke-width",
        "x",
        "y",
        "rx",
        "d",
        "transform",
        "textLength",
        "lengthAdjust",
        "class",
    ];
    for token in Tokenizer::from(picture) {
        match token.unwrap() {
            Token::ElementStart { local, .. } => assert!(ELEMENTS.contains(&local.as_str()), "{local}"),
            Token::Attribute { local, .. } => assert!(ATTRIBUTES.contains(&local.as_str()), "{local}"),
            Token::ElementEnd { .. } | Token::Text { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(!picture.chars().any(|character| character != '\n' && plain_text::is_steering(character)), "{picture:?}");
}

#[rstest]
#[case::markup("</text><script>alert(1)</script>]]><!--".to_owned(), "\" onload=\"x' <a href='javascript:1'>&amp;&#0;&x;".to_owned())]
#[case::document("<?xml?><!DOCTYPE a [<!ENTITY b SYSTEM 'c'>]>&b;".to_owned(), "<![CDATA[x]]>".to_owned())]
#[case::controls("\u{0}\u{1b}[31m\u{7}\u{fffe}\u{ffff}\u{202e}gpj\r\n\t".to_owned(), "\u{9b}31m\u{feff}\u{2028}".to_owned())]
#[case::formats("<!channel> ``` *x* <https://example.com|y> {code} [~ana]".to_owned(), "<at>all</at> {{DATE}} ${x}".to_owned())]
#[case::long("𝕎﷽👩‍👩‍👧网".repeat(60), "W".repeat(250))]
#[tokio::test]
async fn no_text_of_others_breaks_out_of_a_picture(#[case] name: String, #[case] opener: String) {
    for (picture, svg) in drawn(&name, &opener).await {
        assert!(svg.contains("sg-0aaaaaaaaaaaaaaaa"), "{picture}");
        assert_harmless(&svg);
    }
}
