//! A stored finding as the subject of routing.

use exposure::{PortSet, Reach};
use findings::finding::{
    Assessed, AssessedVerdict, Attachment, ConfigVerdict, Context, ExposureList, Finding, GroupFacts, Moment, Mute,
    Observation, Observed, Opener, Owner, OwnerSource, Source, State,
};
use findings::{FoundExposure, Severity};
use jiff::Timestamp;
use routing::{Document, Outcome, Subject, ownership, resolve};
use rstest::rstest;

use crate::document;

fn stored(text: &str) -> Finding {
    serde_json::from_str(text).unwrap()
}

fn open() -> Finding {
    stored(include_str!("../../../../docs/findings/open.json"))
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn at(minute: i64) -> Moment {
    Moment::live(now().checked_add(jiff::SignedDuration::from_mins(minute)).unwrap())
}

fn of(finding: &Finding) -> Subject {
    Subject::new(&Document::default(), finding, now())
}

#[test]
fn an_open_finding_has_all_that_routes_ask_for() {
    let subject = of(&open());
    let expected = Subject {
        account: "111122223333".into(),
        region: "eu-central-1".into(),
        rule: "portcullis".into(),
        group_name: Some("web".into()),
        vpc_id: Some("vpc-0a1b2c3d".into()),
        tags: crate::tags(&[("Name", "web"), ("owner", "shop@example.com")]),
        instances: Vec::new(),
        opener: Some("arn:aws:sts::111122223333:assumed-role/Dev/ana@example.com".into()),
        severity: Severity::Critical,
        ports: "tcp/22".parse().unwrap(),
        state: State::Open,
        parked: false,
        contested: false,
        muted: false,
    };
    assert_eq!(subject, expected);
}

/// The closing takes the route of the opening: its severity and its ports are the last ones.
#[test]
fn a_closed_finding_has_what_it_last_had() {
    let closed = stored(include_str!("../../../../docs/findings/closed.json"));
    assert_eq!(of(&closed), Subject { state: State::Closed, ..of(&open()) });
    let exempt = of(&stored(include_str!("../../../../docs/findings/exempt.json")));
    assert_eq!((exempt.state, exempt.ports), (State::Exempt, PortSet::default()));
}

#[test]
fn a_mute_holds_until_its_end_and_an_exception_while_the_group_is_open() {
    let mut finding = open();
    let until = Some(now());
    let mute = Mute { reason: "known".into(), by: "ana".into(), until };
    finding.apply(&Observation { at: at(-60), what: Observed::Muted(mute) });
    assert!(!of(&finding).muted);
    let earlier = now().checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
    assert!(Subject::new(&Document::default(), &finding, earlier).muted);
    finding.apply(&Observation { at: at(0), what: Observed::Parked(Some("attempts failed".into())) });
    assert!(of(&finding).parked);
    let compliant = Observed::Compliance(ConfigVerdict::Compliant, Source::Change);
    finding.apply(&Observation { at: at(1), what: compliant });
    assert_eq!((of(&finding).parked, of(&finding).state), (false, State::Closed));
}

#[test]
fn a_finding_that_was_never_open_is_not_sent() {
    let finding = Finding::new("111122223333/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse().unwrap());
    let document =
        document(r#"{"version": 1, "channels": {"hub": {"kind": "securityHub"}}, "defaultChannels": ["hub"]}"#);
    let subject = Subject::new(&document, &finding, now());
    assert_eq!(resolve(&document, &subject).outcome, Outcome::NeverOpen);
}

/// A finding keeps the owner that the tags of its instances name, under whatever key.
#[test]
fn the_owner_by_instances_is_that_of_the_tag_of_the_document() {
    let document = document(r#"{"version": 1, "channels": {}, "owners": {"tag": "team"}}"#);
    let mut finding = open();
    let owner = Owner { name: "shop@example.com".into(), source: OwnerSource::InstanceTag };
    finding.apply(&Observation {
        at: at(0),
        what: Observed::Context(Context { owner: Some(owner), ..Context::default() }),
    });
    let subject = Subject::new(&document, &finding, now());
    assert_eq!(subject.instances, [crate::tags(&[("team", "shop@example.com")])]);
    let found = ownership(&document, &subject, None).owners;
    assert_eq!((found[0].value.as_str(), found[0].from), ("shop@example.com", routing::OwnerSource::InstanceTag));
}

/// The session of the opener is an owner, if it is an e-mail address.
#[test]
fn the_opener_is_an_owner_by_the_session() {
    let document = Document::default();
    let subject = Subject { tags: crate::tags(&[]), ..of(&open()) };
    let found = ownership(&document, &subject, None).owners;
    assert_eq!((found[0].value.as_str(), found[0].from), ("ana@example.com", routing::OwnerSource::Opener));
}

fn exposed(port: i64, ports: &[&str]) -> FoundExposure {
    FoundExposure {
        rule_id: None,
        protocol: "tcp".into(),
        from_port: Some(port),
        to_port: Some(port + 99),
        source: "0.0.0.0/0".into(),
        ports: ports.iter().map(|&range| range.to_owned()).collect(),
        reach: Reach::World,
        description: None,
        location: None,
    }
}

fn opened_by(exposures: ExposureList) -> Subject {
    let mut finding = Finding::new("111122223333/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse().unwrap());
    let verdict = AssessedVerdict::Open { exposures, exempted: 0 };
    let assessed = Assessed { source: Source::Change, verdict, group: GroupFacts::default(), closes: None };
    let attachment = Some(Attachment::default());
    finding.apply(&Observation { at: at(0), what: Observed::Assessed(Box::new(assessed)) });
    finding.apply(&Observation { at: at(0), what: Observed::Context(Context { attachment, ..Context::default() }) });
    of(&finding)
}

/// No list that was cut makes a condition miss a port.
#[rstest]
#[case::all_listed(ExposureList::new(&[exposed(22, &["tcp/22", "tcp/80-90"]), exposed(443, &["tcp/443"])]), "22, 80-90, 443", "23")]
#[case::ranges_cut(ExposureList::new(&[exposed(100, &["tcp/100", "tcp/102", "tcp/104", "tcp/106", "tcp/108", "tcp/110", "tcp/112", "tcp/114", "tcp/199"])]), "100-199", "200")]
#[case::exposures_cut(ExposureList::cut(&[exposed(22, &["tcp/22"])], 1, None, None), "0-65535", "")]
#[case::none_listed(ExposureList::cut(&[], 3, None, None), "0-65535", "")]
fn ports_are_never_too_few(#[case] exposures: ExposureList, #[case] open: &str, #[case] closed: &str) {
    let subject = opened_by(exposures);
    let open: PortSet = open.parse().unwrap();
    let open_tcp = open.ranges_of(exposure::Transport::Tcp).flat_map(|range| range.from()..=range.to());
    assert!(
        open_tcp.into_iter().all(|port| subject.ports.contains(exposure::Transport::Tcp, port)),
        "{}",
        subject.ports
    );
    let closed: Option<u16> = closed.parse().ok();
    assert!(closed.is_none_or(|port| !subject.ports.contains(exposure::Transport::Tcp, port)), "{}", subject.ports);
    assert_eq!(subject.severity, Severity::Low);
}

/// AWS Config says that a group is open, and not by which ports.
#[test]
fn ports_that_are_not_known_are_none() {
    let mut finding = Finding::new("111122223333/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse().unwrap());
    let open = Observed::Compliance(ConfigVerdict::NonCompliant, Source::Change);
    finding.apply(&Observation { at: at(0), what: open });
    assert_eq!((of(&finding).ports, of(&finding).severity), (PortSet::default(), Severity::High));
    let opener = Opener { at: now(), principal: "joe".into(), user_agent: None, stack: None };
    finding.apply(&Observation {
        at: at(0),
        what: Observed::Context(Context { opener: Some(opener), ..Context::default() }),
    });
    assert_eq!(of(&finding).opener.as_deref(), Some("joe"));
}
