//! Size and form of a stored finding.

use exposure::Reach;
use findings::FoundExposure;
use findings::finding::{
    Assessed, AssessedVerdict, Attachment, Context, ExemptionFacts, ExposureList, FORMAT, Finding, GroupFacts,
    MAX_CHANNELS, MAX_CLOSINGS, MAX_EPISODES, MAX_EXPOSURES, Manner, Moment, Mute, Observation, Observed, Opener,
    Outcome, Owner, OwnerSource, Remediated, RuleContent, Source,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::observations::*;

fn minute(minute: i64) -> Timestamp {
    time("1 00:00").checked_add(SignedDuration::from_mins(minute)).unwrap()
}

fn at(minutes: i64, what: Observed) -> Observation {
    Observation { at: Moment::new(minute(minutes), minute(minutes + 1)), what }
}

/// The longest texts, of the characters that JSON makes longest.
fn hostile(number: usize) -> String {
    format!("{number}") + &"\"\\\u{1}<!channel>=cmd|'\u{1f4a3}".repeat(20)
}

fn hostile_exposures(count: usize) -> ExposureList {
    let found = |number| FoundExposure {
        rule_id: Some(hostile(number)),
        protocol: hostile(number),
        from_port: Some(i64::MIN),
        to_port: Some(i64::MIN),
        source: hostile(number),
        ports: (0..20).map(hostile).collect(),
        reach: Reach::World,
        description: Some(hostile(number)),
        location: None,
    };
    ExposureList::new(&(0..count).map(found).collect::<Vec<_>>())
}

/// A finding with the most of everything.
pub(crate) fn largest() -> Finding {
    let mut finding = new_finding();
    let text = hostile(0);
    let group = GroupFacts {
        name: Some(text.as_str().into()),
        vpc_id: Some(text.as_str().into()),
        owner_account: Some(text.as_str().into()),
        ..GroupFacts::default()
    };
    let tags: Vec<(String, String)> = (0..100).map(|number| (hostile(number), hostile(number))).collect();
    let group = group.with_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let assessed = |verdict| {
        let (source, group) = (Source::Change, group.clone());
        Observed::Assessed(Box::new(Assessed { source, verdict, group, closes: None }))
    };
    let exemption = ExemptionFacts {
        reason: text.as_str().into(),
        expires: Some(text.as_str().into()),
        owner: Some(text.as_str().into()),
    };
    let exempted = hostile_exposures(1_000);
    finding.apply(&at(0, assessed(AssessedVerdict::Exempt { exempted: exempted.clone(), exemption })));
    finding.apply(&at(1, assessed(AssessedVerdict::Unjudged { reason: text.as_str().into() })));
    for number in 0..70 {
        let execution_id = hostile(number).as_str().into();
        let rule = |number: i64| RuleContent::new("tcp", Some(number), Some(number), &text);
        let outcome = Outcome::Closed((0..1_000).map(rule).collect::<Vec<_>>().into());
        let remediated = Remediated { execution_id, outcome, message: text.as_str().into(), dry_run: false };
        let minutes = 30 * i64::try_from(number).unwrap();
        finding.apply(&at(minutes + 2, Observed::Remediated(remediated)));
        finding.apply(&at(minutes + 7, assessed(open_with(exempted.clone()))));
    }
    let context = Context {
        attachment: Some(Attachment { interfaces: u32::MAX, public: true, example: Some(text.as_str().into()) }),
        owner: Some(Owner { name: text.as_str().into(), source: OwnerSource::AccountDefault }),
        opener: Some(Opener {
            at: minute(0),
            principal: text.as_str().into(),
            user_agent: Some(text.as_str().into()),
            stack: Some(text.as_str().into()),
        }),
    };
    let mute = Mute { reason: text.as_str().into(), by: text.as_str().into(), until: Some(minute(0)) };
    for what in [Observed::Context(context), Observed::Muted(mute), Observed::Parked(Some(text.as_str().into()))] {
        finding.apply(&at(9_000, what));
    }
    for number in 0..MAX_CHANNELS {
        let channel = hostile(number).as_str().into();
        let due = finding.due(&channel, Manner::Messages, minute(9_000)).unwrap();
        finding.delivered(&channel, &due, Some(text.as_str().into())).unwrap();
        finding.failed(&channel, &text, minute(0)).unwrap();
    }
    finding
}

#[test]
fn the_largest_finding_is_far_below_the_limit_of_an_item_and_counts_what_it_cuts() {
    let finding = largest();
    let json = serde_json::to_string(&finding).unwrap();
    assert!(json.len() < 150_000, "{} bytes", json.len());
    assert!(json.len() > 50_000, "{} bytes: the test no longer fills the finding", json.len());
    let exposures = finding.exposures().unwrap();
    assert_eq!((exposures.listed.len(), exposures.total), (MAX_EXPOSURES, 1_000));
    assert_eq!((exposures.listed[0].ports.len(), exposures.listed[0].ports_total), (8, 20));
    let episodes = finding.episodes();
    assert_eq!((episodes.listed.len(), episodes.total), (MAX_EPISODES, 71));
    let stored: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(stored["facts"]["closings"].as_object().unwrap().len(), MAX_CLOSINGS);
    assert_eq!(finding.group().unwrap().tags.len(), 50);
    assert_eq!(serde_json::from_str::<Finding>(&json).unwrap(), finding);
}

#[test]
fn a_stored_finding_says_what_follows_from_its_facts() {
    let mut finding = new_finding();
    for observation in [open("1 09:00", &[22]), owner("1 09:01", "web"), closed("1 09:02", "e-1")] {
        finding.apply(&observation);
    }
    let mut stored = serde_json::to_value(finding.clone().stored()).unwrap();
    let facts = stored.as_object_mut().unwrap().remove("facts").unwrap();
    assert_eq!(facts["first_seen"], "2026-12-01T09:00:00Z");
    let episode = json!({
        "first_seen": "2026-12-01T09:00:00Z",
        "last_seen": "2026-12-01T09:00:00Z",
        "closed": {"at": "2026-12-01T09:02:00Z", "by": {"remediation": "e-1"}},
    });
    let expected = json!({
        "format": "portcullis.finding/1",
        "key": KEY,
        "account": "123456789012",
        "region": "eu-west-1",
        "group_id": "sg-0aaaaaaaaaaaaaaaa",
        "rule": "portcullis",
        "state": "closed",
        "status": "restricted",
        "severity": null,
        "owner": "web",
        "first_seen": "2026-12-01T09:00:00Z",
        "last_seen": "2026-12-01T09:02:00Z",
        "closed": episode["closed"],
        "reopenings": 0,
        "episodes": [episode],
        "contested": false,
        "parked": false,
        "revision": 3,
        "newest_news": {"at": "2026-12-01T09:02:00Z", "late": 0},
        "version": 1,
        "deliveries": {},
    });
    assert_eq!(stored, expected);
}

#[test]
fn fields_of_a_newer_minor_are_ignored_and_another_format_is_refused() {
    let mut finding = new_finding();
    finding.apply(&open("1 09:00", &[22]));
    let mut stored = serde_json::to_value(&finding).unwrap();
    stored["added"] = json!({"later": true});
    stored["facts"]["added"] = json!(1);
    stored["facts"]["open"]["value"]["exposures"]["listed"][0]["added"] = json!("x");
    stored["facts"].as_object_mut().unwrap().remove("restored");
    assert_eq!(serde_json::from_value::<Finding>(stored.clone()).unwrap(), finding);

    assert_eq!(stored["format"], FORMAT);
    stored["format"] = json!("portcullis.finding/2");
    let error = serde_json::from_value::<Finding>(stored).unwrap_err().to_string();
    let expected =
        "format `portcullis.finding/2` of a finding is not known: update Portcullis to the version that wrote it";
    assert_eq!(error, expected);
}

#[test]
fn what_was_written_too_long_by_another_version_is_cut_when_it_is_read() {
    let mut finding = new_finding();
    finding.apply(&owner("1 09:00", "web"));
    let mut stored = serde_json::to_value(&finding).unwrap();
    stored["facts"]["owner"]["value"]["name"] = json!("x".repeat(10_000));
    let read: Finding = serde_json::from_value(stored).unwrap();
    assert_eq!(read.owner().unwrap().name.as_str().len(), 256);
}
