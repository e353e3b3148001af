//! From assessment to evaluation and annotation.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use aws_traits::config::{ANNOTATION_MAX_CHARS, Annotation, Compliance, Evaluation};
use exposure::{Exemptions, IngressRule, Policy, PrefixLists, SecurityGroup, Source, SourceScope, Traffic, assess};
use jiff::Timestamp;
use judgement::evaluation;
use plain_text::error_chain;
use rstest::rstest;

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

fn rule(protocol: &str, from: i64, to: i64, source: &str) -> IngressRule {
    IngressRule::new(Traffic::parse(protocol, Some(from), Some(to)), source.into())
}

fn evaluate(ports: &str, scope: SourceScope, rules: Vec<IngressRule>, exemptions: &str) -> Result<Evaluation, String> {
    let group = SecurityGroup { id: GROUP.into(), ingress: rules, ..SecurityGroup::default() };
    let policy = Policy { scope, ..Policy::new(ports.parse().unwrap()) };
    let exemptions = Exemptions::from_json(exemptions).unwrap();
    let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let assessment = assess(&group, &policy, &exemptions, &PrefixLists::default(), now);
    evaluation(GROUP, &assessment, scope, now, &[]).map_err(|error| error_chain(&error))
}

fn annotation(ports: &str, rules: Vec<IngressRule>) -> String {
    let evaluation = evaluate(ports, SourceScope::Public, rules, r#"{"version":1,"exemptions":[]}"#).unwrap();
    assert!((1..=ANNOTATION_MAX_CHARS).contains(&evaluation.annotation.as_str().chars().count()));
    evaluation.annotation.to_string()
}

/// A tag that would exempt the group is mentioned if it does not begin with a plain date, also beside many exposures.
#[rstest]
#[case(1)]
#[case(60)]
fn a_malformed_tag_is_said(#[case] exposures: i64) {
    let rules = (0..exposures).map(|number| rule("tcp", 22 + number, 22 + number, "0.0.0.0/0")).collect();
    let mut group = SecurityGroup { id: GROUP.into(), ingress: rules, ..SecurityGroup::default() };
    group.tags.insert("Keep".into(), "(2099-01-01) moving".into());
    let policy = Policy { exemption_tag_key: Some("Keep".into()), ..Policy::new("22-100".parse().unwrap()) };
    let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let assessment = assess(&group, &policy, &Exemptions::default(), &PrefixLists::default(), now);
    let text = evaluation(GROUP, &assessment, SourceScope::World, now, &[]).unwrap().annotation.to_string();
    assert!(text.starts_with("tcp/22"), "{text}");
    assert!(text.ends_with("; tag Keep exempts nothing: it does not begin with a date such as 2026-12-31"), "{text}");
    assert!(text.chars().count() <= ANNOTATION_MAX_CHARS);
}

#[test]
fn the_annotation_names_port_source_and_rule() {
    let rules = vec![
        rule("tcp", 3000, 4000, "0.0.0.0/0"),
        rule("tcp", 22, 22, "::/0"),
        rule("tcp", 22, 22, "0.0.0.0/0"),
        rule("tcp", 443, 443, "0.0.0.0/0"),
    ];
    assert_eq!(
        annotation("tcp/22, tcp/3389", rules),
        "tcp/22 open to 0.0.0.0/0, ::/0; tcp/3389 (in 3000-4000) open to 0.0.0.0/0"
    );
}

#[test]
fn all_traffic_and_port_ranges_are_named() {
    let rules = vec![rule("-1", -1, -1, "0.0.0.0/0"), rule("udp", 0, 65535, "::/0")];
    assert_eq!(
        annotation("tcp/22, udp/53-54", rules),
        "tcp/22 (in all traffic) open to 0.0.0.0/0; udp/53-54 (in 0-65535) open to ::/0; \
         udp/53-54 (in all traffic) open to 0.0.0.0/0"
    );
}

/// Most severe first.
#[test]
fn the_world_comes_before_a_part_of_it() {
    let rules = vec![rule("tcp", 22, 22, "8.8.8.0/24"), rule("tcp", 3389, 3389, "0.0.0.0/0")];
    assert_eq!(annotation("tcp/22, tcp/3389", rules), "tcp/3389 open to 0.0.0.0/0; tcp/22 open to 8.8.8.0/24");
}

#[test]
fn entries_that_do_not_fit_are_counted() {
    let rules = (0..40).map(|port| rule("tcp", port * 10, port * 10, "0.0.0.0/0")).collect();
    let text = annotation("tcp/0-1000", rules);
    assert!(text.starts_with("tcp/0 open to 0.0.0.0/0; tcp/10 open to 0.0.0.0/0; "), "{text}");
    let shown = text.matches(" open to ").count();
    assert!(text.ends_with(&format!("; +{} more", 40 - shown)), "{text}");
    assert!(text.len() > 220, "fills the room: {text}");
}

/// The annotation has as many entries as fit, to the character, and a count of the others.
#[test]
fn the_annotation_is_filled_to_the_last_character() {
    // Sources of 9 to 14 characters, so that every length occurs at the end.
    let source = |number: usize| format!("{}.8.8.8/{}", [8, 11, 111][number % 3], [9, 32][number / 3 % 2]);
    for shift in 0..6 {
        let entries: Vec<_> = (0..14usize)
            .map(|number| {
                let port = [1, 20, 300, 4000, 50000][(number + shift) % 5] + i64::try_from(number).unwrap();
                (port, source(number + shift))
            })
            .collect();
        for count in 1..=entries.len() {
            let mut some = entries[..count].to_vec();
            some.sort_unstable();
            let rules = some.iter().map(|(port, source)| rule("tcp", *port, *port, source)).collect();
            let texts: Vec<_> = some
                .iter()
                .map(|(port, source)| format!("tcp/{port} open to {}", Source::from(source.as_str())))
                .collect();
            let with_rest = |shown: usize| match count - shown {
                0 => texts.join("; "),
                rest => format!("{}; +{rest} more", texts[..shown].join("; ")),
            };
            // The longest text that fits; an entry is never skipped for a later, shorter one.
            let expected = (0..=count).map(with_rest).take_while(|text| text.chars().count() <= ANNOTATION_MAX_CHARS);
            let whole = with_rest(count);
            let expected = if whole.chars().count() <= ANNOTATION_MAX_CHARS { whole } else { expected.last().unwrap() };
            assert_eq!(annotation("tcp/0-65535", rules), expected);
        }
    }
}

/// Four sources of one port are named, without a count of none.
#[test]
fn four_sources_are_all_named() {
    let rules = (1..=4).map(|host| rule("tcp", 22, 22, &format!("8.8.8.{host}/32"))).collect();
    assert_eq!(annotation("tcp/22", rules), "tcp/22 open to 8.8.8.1/32, 8.8.8.2/32, 8.8.8.3/32, 8.8.8.4/32");
}

#[test]
fn many_sources_of_one_port_are_counted() {
    let rules = (1..=60)
        .map(|host| rule("tcp", 0, 65535, &format!("2a00:1450:4001:ffff:ffff:ffff:ffff:ff{host:02x}/128")))
        .collect();
    let text = annotation("tcp/40000-50000", rules);
    assert!(text.starts_with("tcp/40000-50000 (in 0-65535) open to 2a00:1450:4001:"), "{text}");
    assert!(text.ends_with(", +56 sources"), "{text}");
}

#[test]
fn a_closed_group_is_compliant() {
    let none = r#"{"version":1,"exemptions":[]}"#;
    let evaluation = evaluate("22", SourceScope::World, vec![rule("tcp", 22, 22, "10.0.0.0/8")], none).unwrap();
    assert_eq!(evaluation.compliance, Compliance::Compliant);
    assert_eq!(evaluation.annotation.as_str(), "no blocked port is open to the world");
    let evaluation = evaluate("22", SourceScope::Public, vec![], none).unwrap();
    assert_eq!(evaluation.annotation.as_str(), "no blocked port is open to the internet");
}

/// An exempt group is `COMPLIANT`, and its annotation names the expiry and the reason.
#[test]
fn the_annotation_of_an_exempt_group_has_expiry_and_reason() {
    let document = r#"{"version":1,"exemptions":[{"securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"2026-12-31",
        "reason":"bastion,\nTICKET-7","owner":"ops"}]}"#;
    let evaluation = evaluate("tcp/22", SourceScope::World, vec![rule("tcp", 22, 22, "0.0.0.0/0")], document).unwrap();
    assert_eq!(evaluation.compliance, Compliance::Compliant);
    assert_eq!(
        evaluation.annotation.as_str(),
        "exempt until 2026-12-31: bastion, TICKET-7 [ops] (tcp/22 open to 0.0.0.0/0)"
    );
}

/// The exempt exposures are complete up to the closing bracket, even after a long reason.
#[test]
fn exempt_exposures_that_do_not_fit_are_counted() {
    for length in 1..=40 {
        let document = format!(
            r#"{{"version":1,"exemptions":[{{"securityGroupId":"{GROUP}","expires":"2026-12-31","reason":"{}"}}]}}"#,
            "x".repeat(length)
        );
        let rules = (0..40).map(|port| rule("tcp", port * 10, port * 10, "0.0.0.0/0")).collect();
        let evaluation = evaluate("tcp/0-1000", SourceScope::World, rules, &document).unwrap();
        let text = evaluation.annotation.as_str();
        assert!(text.chars().count() <= ANNOTATION_MAX_CHARS && text.ends_with(" more)"), "{text}");
    }
}

/// Unjudged rules of an exempt group are no error: the annotation names the first if there is no exposure.
#[rstest]
#[case::unreadable_list(
    vec![rule("tcp", 22, 22, "pl-0f00ba4")],
    "exempt until 2026-12-31: bastion (prefix list pl-0f00ba4 could not be read: it was not looked up)"
)]
#[case::unreadable_list_beside_the_world(
    vec![rule("tcp", 22, 22, "pl-0f00ba4"), rule("tcp", 22, 22, "0.0.0.0/0")],
    "exempt until 2026-12-31: bastion (tcp/22 open to 0.0.0.0/0)"
)]
fn the_annotation_of_an_exempt_group_names_what_is_exempt(#[case] rules: Vec<IngressRule>, #[case] expected: &str) {
    let document = format!(
        r#"{{"version":1,"exemptions":[{{"securityGroupId":"{GROUP}","expires":"2026-12-31","reason":"bastion"}}]}}"#
    );
    let evaluation = evaluate("tcp/22", SourceScope::World, rules, &document).unwrap();
    assert_eq!(evaluation.annotation.as_str(), expected);
}

/// A deleted group is not applicable, which also withdraws its earlier result.
#[test]
fn a_deleted_resource_is_not_applicable() {
    let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let evaluation = Evaluation::not_applicable("AWS::EC2::SecurityGroup", GROUP, "the group was deleted", now);
    assert_eq!(evaluation.compliance, Compliance::NotApplicable);
    assert_eq!(
        (evaluation.resource_type.as_str(), evaluation.resource_id.as_str()),
        ("AWS::EC2::SecurityGroup", GROUP)
    );
    assert_eq!(evaluation.annotation.as_str(), "the group was deleted");
    assert_eq!(evaluation.ordering_timestamp, now);
}

#[test]
fn a_long_reason_is_cut_on_a_character() {
    let document = format!(
        r#"{{"version":1,"exemptions":[{{"securityGroupId":"{GROUP}","expires":"2026-12-31","reason":"{}"}}]}}"#,
        "é".repeat(500)
    );
    let evaluation = evaluate("tcp/22", SourceScope::World, vec![rule("tcp", 22, 22, "0.0.0.0/0")], &document).unwrap();
    let text = evaluation.annotation.as_str();
    assert!(
        text.chars().count() <= ANNOTATION_MAX_CHARS
            && text.contains("é…")
            && text.ends_with("(tcp/22 open to 0.0.0.0/0)"),
        "{text}"
    );
}

/// Unknown is never compliant.
#[test]
fn an_unjudged_group_has_no_evaluation() {
    let error =
        evaluate("22", SourceScope::World, vec![rule("tcp", 22, 22, "pl-0f00ba4")], r#"{"version":1,"exemptions":[]}"#)
            .unwrap_err();
    assert_eq!(
        error,
        "security group sg-0aaaaaaaaaaaaaaaa cannot be judged: prefix list pl-0f00ba4 could not be read: it was not looked up"
    );
}

#[rstest]
#[case("", "no details")]
#[case("a\nb\u{7}c", "a b c")]
#[case("a\u{2028}b\u{202e}c", "a b c")]
fn any_text_becomes_an_annotation(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(Annotation::new(text).as_str(), expected);
}

#[test]
fn a_long_text_is_cut_to_256_characters() {
    assert_eq!(Annotation::new(&"é".repeat(300)).as_str().chars().count(), ANNOTATION_MAX_CHARS);
}

/// With days of grace, the annotation says until when there is time, beside however many exposures.
#[rstest]
#[case::one(1, &["2026-12-01T23:59:00Z"], "; closes on 2026-12-01 unless fixed or exempted")]
#[case::at_once(2, &["2026-12-01T08:00:00Z", "2026-12-01T09:00:00Z"], "; closes on 2026-12-01 unless fixed or exempted")]
#[case::in_turn(2, &["2026-12-08T00:00:00Z", "2026-12-01T00:00:00Z"], "; closes on 2026-12-01 (others later) unless fixed or exempted")]
#[case::many(60, &["2026-12-01T00:00:00Z"], "; closes on 2026-12-01 unless fixed or exempted")]
fn the_day_of_the_closing_is_said(#[case] exposures: i64, #[case] closed: &[&str], #[case] end: &str) {
    let rules = (0..exposures).map(|number| rule("tcp", 22 + number, 22 + number, "0.0.0.0/0")).collect();
    let group = SecurityGroup { id: GROUP.into(), ingress: rules, ..SecurityGroup::default() };
    let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let policy = Policy::new("22-100".parse().unwrap());
    let assessment = assess(&group, &policy, &Exemptions::default(), &PrefixLists::default(), now);
    let closed: Vec<Timestamp> = closed.iter().map(|at| at.parse().unwrap()).collect();
    let text = evaluation(GROUP, &assessment, SourceScope::World, now, &closed).unwrap().annotation.to_string();
    assert!(text.starts_with("tcp/22") && text.ends_with(end), "{text}");
    assert!(text.chars().count() <= ANNOTATION_MAX_CHARS);
}
