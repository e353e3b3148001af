//! Titles and facts.

use channels::words::{Fact, commands, facts, links, news, title};
use findings::finding::{AssessedVerdict, ConfigVerdict, ExposureList, Gone, Observed, Outcome, Source};
use routing::{ChannelKind, OwnerKind, OwnerSource, Ownership};
use rstest::rstest;

use crate::support::*;

fn story() -> Story {
    Story::new(ChannelKind::Slack)
}

fn fact(story: &Story, label: &str) -> Option<String> {
    let all: Vec<Fact> = story.with(|notice| facts(notice.finding, Some(notice.ownership), notice.now));
    all.into_iter().find(|fact| fact.label == label).map(|fact| fact.value)
}

fn gone(why: Gone) -> Observed {
    Observed::Compliance(ConfigVerdict::Gone(why), Source::Change)
}

#[rstest]
#[case::open(story().open("1 09:00", &[22]), "is open to the internet on tcp/22: high")]
#[case::public(story().open("1 09:00", &[22]).context("1 09:00", "ana"), "is open to the internet on tcp/22: critical")]
#[case::partly(story().exposed("1 09:00", &[22], "198.51.100.0/24", None), "is open to a part of the internet on tcp/22: medium")]
#[case::more(story().open("1 09:00", &[22, 23, 25, 80]), "is open to the internet on tcp/22, tcp/23, tcp/25 and 1 more: high")]
#[case::many(story().open("1 09:00", &(1..1_001).collect::<Vec<_>>()), "is open to the internet on tcp/1, tcp/10, tcp/100 and more: high")]
#[case::again(story().open("1 09:00", &[22]).compliant("1 10:00").open("1 11:00", &[22]), "is open again to the internet on tcp/22: high")]
#[case::exempt(story().exempt("1 09:00", Some("2026-12-31")), "is exempt until 2026-12-31")]
#[case::exempt_forever(story().exempt("1 09:00", None), "is exempt without an end")]
#[case::change(story().open("1 09:00", &[22]).compliant("1 10:00"), "was closed by a change")]
#[case::remediation(story().open("1 09:00", &[22]).closed("1 10:00", "e-1"), "was closed by a remediation")]
#[case::deleted(story().open("1 09:00", &[22]).see("1 10:00", gone(Gone::Deleted)), "was deleted")]
#[case::left(story().open("1 09:00", &[22]).see("1 10:00", gone(Gone::LeftScope)), "left the scope of the rule")]
fn the_title_says_what_is_the_case(#[case] story: Story, #[case] expected: &str) {
    assert_eq!(title(&story.finding), format!("{GROUP} (web) {expected}"));
}

#[test]
fn a_title_has_no_name_that_says_nothing() {
    for name in ["", "  ", GROUP] {
        let title = title(&story().named(name).open("1 09:00", &[22]).finding);
        assert_eq!(title, format!("{GROUP} is open to the internet on tcp/22: high"));
    }
}

#[test]
fn a_hostile_name_stays_on_one_line_and_short() {
    for name in ["a\nb\u{202e}c", &"x".repeat(10_000), &"👩\u{200d}💻".repeat(100)] {
        let title = title(&story().named(name).open("1 09:00", &[22]).finding);
        assert!(title.chars().count() < 150 && !title.chars().any(plain_text::is_steering), "{title}");
    }
}

#[test]
fn facts_tell_who_opened_it_who_owns_it_and_what_is_open() {
    let story = story().open("1 09:00", &[22]).context("1 09:01", "arn:aws:sts::123456789012:assumed-role/ci/ana");
    let all = story.with(|notice| facts(notice.finding, Some(notice.ownership), notice.now));
    let text: Vec<String> = all.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn what_is_not_known_is_said_to_be_not_known() {
    let mut story = story().open("1 09:00", &[22]);
    story.ownership = Ownership::default();
    for label in ["Opened by", "Owner", "Interfaces"] {
        assert_eq!(fact(&story, label).as_deref(), Some("not known"), "{label}");
    }
}

#[test]
fn owners_are_named_with_their_source_and_rejected_tags_with_the_reason() {
    let mut story = story().open("1 09:00", &[22]);
    story.ownership.owners[0].kind = OwnerKind::Alias;
    story.ownership.owners[0].value = "payments".to_owned();
    story.ownership.owners[0].from = OwnerSource::AccountDefault;
    story.ownership.omitted = 3;
    story.ownership.rejected = vec![rejected_owner("<!channel>")];
    assert_eq!(fact(&story, "Owner").unwrap(), "alias payments (default of the account) and 3 more");
    let rejected = fact(&story, "Rejected owner tag").unwrap();
    assert!(rejected.starts_with("tag of the group: `<!channel>` would notify everybody: write "), "{rejected}");
}

#[test]
fn facts_stand_beside_the_state() {
    let open = story().open("1 09:00", &[22]).parked("1 09:10").unjudged("1 09:20");
    let open = open.see("1 09:30", Observed::Remediated(quarantine())).muted("1 09:40", Some("2 00:00"));
    let muted = open.now;
    assert_eq!(channels::words::state(&open.finding, muted), "open, parked, quarantined, muted, unjudged");
    let open = Story { now: time("2 00:00"), ..open };
    assert_eq!(fact(&open, "Parked").unwrap(), "AWS Config will not close it: automatic attempts failed");
    assert_eq!(fact(&open, "Quarantined").unwrap(), "network ACLs deny ports to it");
    let unjudged = "the newest judgement reached no verdict: pl-1 could not be read";
    assert_eq!(fact(&open, "Unjudged").unwrap(), unjudged);
    assert_eq!(fact(&open, "Muted"), None);
}

fn quarantine() -> findings::finding::Remediated {
    findings::finding::Remediated {
        execution_id: "e-2".into(),
        outcome: Outcome::Quarantined,
        message: "2 entries".into(),
        dry_run: false,
    }
}

#[rstest]
#[case::failed(story().open("1 09:00", &[22]).remediated("1 09:10", "e-1", Outcome::CloseFailed),
    Some("e-1 failed: ec2:RevokeSecurityGroupIngress was denied"))]
#[case::partly(story().open("1 09:00", &[22]).remediated("1 09:10", "e-1", Outcome::PartlyClosed),
    Some("e-1 closed only a part of the exposures: ec2:RevokeSecurityGroupIngress was denied"))]
#[case::rejected(story().open("1 09:00", &[22]).rejected("1 09:10"), Some("e-9 was not approved: approval refused by ana"))]
#[case::left_open(story().open("1 09:00", &[22]).remediated("1 09:10", "e-1", Outcome::LeftOpen), None)]
#[case::over(story().open("1 09:00", &[22]).remediated("1 09:10", "e-1", Outcome::CloseFailed).compliant("1 10:00"), None)]
fn a_failed_closing_is_told_with_its_reason(#[case] story: Story, #[case] expected: Option<&str>) {
    assert_eq!(fact(&story, "Failed closing").as_deref(), expected);
}

#[test]
fn of_a_thousand_exposures_some_are_listed_and_the_rest_counted() {
    let story = story().open("1 09:00", &(1..1_001).collect::<Vec<_>>());
    let exposures = fact(&story, "Exposures").unwrap();
    assert!(exposures.ends_with("and 992 more") && exposures.matches(" from ").count() == 8, "{exposures}");
}

/// Rules around one blocked port open the same of it.
#[test]
fn exposures_that_would_read_the_same_are_told_with_all_that_their_rules_open() {
    let rule = |from: i64, to: i64| findings::FoundExposure {
        from_port: Some(from),
        to_port: Some(to),
        rule_id: None,
        ..exposure(22, "0.0.0.0/0", Some("office"))
    };
    let list = |found: &[findings::FoundExposure]| {
        let verdict = AssessedVerdict::Open { exposures: ExposureList::new(found), exempted: 0 };
        fact(&story().assessed("1 09:00", verdict), "Exposures").unwrap()
    };
    assert_eq!(list(&[rule(20, 30)]), "tcp/22 from 0.0.0.0/0 \"office\"");
    let two = list(&[rule(20, 30), rule(0, 65_535), exposure(22, "::/0", None)]);
    for part in ["tcp/22 of tcp 20-30 from 0.0.0.0/0 \"office\"", "tcp/22 of all tcp ports from 0.0.0.0/0 \"office\""] {
        assert!(two.contains(part), "{two}");
    }
    assert!(two.contains("tcp/22 from ::/0 by sgr-00000016"), "{two}");
}

#[test]
fn a_closed_finding_has_its_closing_and_its_last_exposures() {
    let story = story().open("1 09:00", &[22]).closed("1 10:00", "e-1");
    assert_eq!(fact(&story, "Closed by").unwrap(), "remediation e-1");
    assert_eq!(fact(&story, "Closed").unwrap(), "2026-12-01 10:00 UTC");
    assert!(fact(&story, "Last exposures").unwrap().starts_with("tcp/22 from 0.0.0.0/0"));
    assert_eq!(commands(&story.finding), Vec::<String>::new());
}

#[test]
fn of_very_many_news_the_newest_are_told() {
    let mut story = story();
    for day in 1..=16 {
        story = story.open(&format!("{day} 09:00"), &[22]).compliant(&format!("{day} 10:00"));
    }
    let sentences = story.with(news);
    assert_eq!((sentences.len(), sentences[0].as_str()), (21, "12 earlier changes are not shown."));
    assert_eq!(sentences[20], format!("2026-12-16 10:00 UTC: {GROUP} was closed by a change that was no remediation."));
}

#[rstest]
#[case(
    "eu-west-1",
    Some("https://console.aws.amazon.com/ec2/home?region=eu-west-1#SecurityGroup:groupId=sg-0aaaaaaaaaaaaaaaa")
)]
#[case(
    "us-gov-west-1",
    Some(
        "https://console.amazonaws-us-gov.com/ec2/home?region=us-gov-west-1#SecurityGroup:groupId=sg-0aaaaaaaaaaaaaaaa"
    )
)]
#[case(
    "cn-north-1",
    Some("https://console.amazonaws.cn/ec2/home?region=cn-north-1#SecurityGroup:groupId=sg-0aaaaaaaaaaaaaaaa")
)]
#[case(
    "us-iso-east-1",
    Some("https://console.c2shome.ic.gov/ec2/home?region=us-iso-east-1#SecurityGroup:groupId=sg-0aaaaaaaaaaaaaaaa")
)]
fn the_console_is_that_of_the_partition(#[case] region: &str, #[case] expected: Option<&str>) {
    let finding = Story::in_region(ChannelKind::Slack, region).finding;
    assert_eq!(links(&finding).first().map(|link| link.url.as_str()), expected);
}

#[test]
fn an_open_finding_has_the_commands_of_the_command_line() {
    let finding = story().open("1 09:00", &[22]).finding;
    let expected = [
        "portcullis close sg-0aaaaaaaaaaaaaaaa --region=eu-west-1",
        "portcullis explain sg-0aaaaaaaaaaaaaaaa --region=eu-west-1 --who",
    ];
    assert_eq!(commands(&finding), expected);
}
