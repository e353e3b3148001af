//! Observations in few words.

use exposure::Reach;
use findings::FoundExposure;
use findings::finding::{
    Assessed, AssessedVerdict, Attachment, ConfigVerdict, Context, ExemptionFacts, ExposureList, Finding, FindingKey,
    Gone, GroupFacts, Moment, Mute, NotStarted, Observation, Observed, Opener, Outcome, Owner, OwnerSource, Remediated,
    RuleContent, Source, Swept, Text,
};
use jiff::{SignedDuration, Timestamp};

pub(crate) const KEY: &str = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis";

pub(crate) fn key() -> FindingKey {
    KEY.parse().unwrap()
}

pub(crate) fn new_finding() -> Finding {
    Finding::new(key())
}

/// A time by day and clock: `1 09:00` is in the morning of 1 December 2026.
pub(crate) fn time(text: &str) -> Timestamp {
    let (day, clock) = text.split_once(' ').unwrap();
    format!("2026-12-{day:0>2}T{clock}:00Z").parse().unwrap()
}

pub(crate) fn exposure(port: u16, source: &str) -> FoundExposure {
    FoundExposure {
        rule_id: Some(format!("sgr-{port}")),
        protocol: "tcp".into(),
        from_port: Some(port.into()),
        to_port: Some(port.into()),
        source: source.into(),
        ports: vec![format!("tcp/{port}")],
        reach: if source.ends_with("/0") { Reach::World } else { Reach::Partial },
        description: None,
        location: None,
    }
}

pub(crate) fn world(ports: &[u16]) -> ExposureList {
    let exposures: Vec<_> = ports.iter().map(|port| exposure(*port, "0.0.0.0/0")).collect();
    ExposureList::new(&exposures)
}

pub(crate) fn rules(ports: &[u16]) -> Vec<RuleContent> {
    let rule = |port: &u16| RuleContent::new("tcp", Some((*port).into()), Some((*port).into()), "0.0.0.0/0");
    ports.iter().map(rule).collect()
}

pub(crate) fn live(at: &str, what: Observed) -> Observation {
    Observation { at: Moment::live(time(at)), what }
}

/// The same statement, made minutes after the state that it is about.
pub(crate) fn judged(observation: Observation, minutes: i64) -> Observation {
    let Moment { ordering, judged } = observation.at;
    let later = judged.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    Observation { at: Moment::new(ordering, later), ..observation }
}

pub(crate) fn assessed(source: Source, verdict: AssessedVerdict) -> Observed {
    let group = GroupFacts { name: Some("bastion".into()), ..GroupFacts::default() };
    Observed::Assessed(Box::new(Assessed { source, verdict, group: group.with_tags([("team", "web")]), closes: None }))
}

pub(crate) fn open_with(exposures: ExposureList) -> AssessedVerdict {
    AssessedVerdict::Open { exposures, exempted: 0 }
}

pub(crate) fn open(at: &str, ports: &[u16]) -> Observation {
    live(at, assessed(Source::Change, open_with(world(ports))))
}

pub(crate) fn swept_open(at: &str, ports: &[u16]) -> Observation {
    live(at, assessed(Source::Sweep, open_with(world(ports))))
}

pub(crate) fn compliant(at: &str) -> Observation {
    live(at, assessed(Source::Change, AssessedVerdict::Compliant))
}

pub(crate) fn unjudged(at: &str) -> Observation {
    live(at, assessed(Source::Sweep, AssessedVerdict::Unjudged { reason: "pl-1 could not be read".into() }))
}

pub(crate) fn exempt(at: &str, until: &str) -> Observation {
    let exemption = ExemptionFacts {
        reason: "moving to a VPN".into(),
        expires: Some(until.into()),
        owner: Some("web@example.com".into()),
    };
    live(at, assessed(Source::Change, AssessedVerdict::Exempt { exempted: world(&[22]), exemption }))
}

pub(crate) fn config(at: &str, verdict: ConfigVerdict) -> Observation {
    live(at, Observed::Compliance(verdict, Source::Change))
}

/// A sweep at the time `looked`, of a result of the time `at`, for a group that was first non-compliant at `first`.
pub(crate) fn swept(at: &str, verdict: ConfigVerdict, first: &str, looked: &str) -> Observation {
    let (closes, reminder_days) = (None, None);
    let first_open = Moment::live(time(first));
    let swept = Swept { verdict, first_open, looked: time(looked), parked: Some(None), closes, reminder_days };
    live(at, Observed::Swept(Box::new(swept)))
}

pub(crate) fn deleted(at: &str) -> Observation {
    config(at, ConfigVerdict::Gone(Gone::Deleted))
}

pub(crate) fn remediated(at: &str, execution: &str, outcome: Outcome) -> Observation {
    let (execution_id, message) = (Text::from(execution), Text::from("the outcome in a sentence"));
    live(at, Observed::Remediated(Remediated { execution_id, outcome, message, dry_run: false }))
}

pub(crate) fn closed(at: &str, execution: &str) -> Observation {
    remediated(at, execution, Outcome::Closed(rules(&[22]).into()))
}

pub(crate) fn rejected(at: &str) -> Observation {
    let message = "approval refused by ana".into();
    live(at, Observed::NotStarted(NotStarted { execution_id: "e-9".into(), rejected: true, message }))
}

pub(crate) fn parked(at: &str, is_parked: bool) -> Observation {
    live(at, Observed::Parked(is_parked.then(|| "automatic attempts failed".into())))
}

pub(crate) fn owner(at: &str, name: &str) -> Observation {
    let owner = Some(Owner { name: name.into(), source: OwnerSource::GroupTag });
    live(at, Observed::Context(Context { owner, ..Context::default() }))
}

pub(crate) fn opener(at: &str, principal: &str) -> Observation {
    opener_of(at, "1 08:59", principal)
}

/// The opener by an event at the time `event`, looked up at the time `at`.
pub(crate) fn opener_of(at: &str, event: &str, principal: &str) -> Observation {
    let opener = Some(Opener {
        at: time(event),
        principal: principal.into(),
        user_agent: Some("terraform".into()),
        stack: None,
    });
    live(at, Observed::Context(Context { opener, ..Context::default() }))
}

pub(crate) fn attached(at: &str, interfaces: u32, public: bool) -> Observation {
    let attachment = Some(Attachment { interfaces, public, example: Some("i-1".into()) });
    live(at, Observed::Context(Context { attachment, ..Context::default() }))
}

pub(crate) fn muted(at: &str, until: Option<&str>) -> Observation {
    let mute = Mute { reason: "known".into(), by: "ana".into(), until: until.map(time) };
    live(at, Observed::Muted(mute))
}

pub(crate) fn unmuted(at: &str) -> Observation {
    live(at, Observed::Muted(Mute::ended("ben".into(), time(at))))
}
