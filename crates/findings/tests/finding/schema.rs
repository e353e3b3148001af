//! The JSON schema of a stored finding, and the samples beside it.

use findings::finding::{
    Attachment, Channel, Context, Finding, FindingKey, Manner, Moment, Observation, Observed, Opener, Owner,
    OwnerSource,
};
use findings::intake::{Intake, Statement, read};
use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::bounds::largest;
use crate::observations::{muted, new_finding, open, parked, unjudged};

const SCHEMA: &str = include_str!("../../../../docs/finding.schema.json");

/// A validator that also refuses keys that the schema does not name, so that the schema describes every key. Readers of a
/// finding ignore them.
fn validator() -> Validator {
    let mut schema: Value = serde_json::from_str(SCHEMA).unwrap();
    close(&mut schema);
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn close(schema: &mut Value) {
    if schema.get("properties").is_some() {
        let keys = schema.as_object_mut().unwrap();
        keys.entry("unevaluatedProperties").or_insert(Value::Bool(false));
    }
    match schema {
        Value::Object(keys) => keys.values_mut().for_each(close),
        Value::Array(parts) => parts.iter_mut().for_each(close),
        _ => {}
    }
}

fn problems(validator: &Validator, document: &Value) -> Vec<String> {
    validator.iter_errors(document).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

pub(crate) fn assert_valid(finding: &Finding) {
    thread_local!(static VALIDATOR: Validator = validator());
    let found = VALIDATOR.with(|validator| problems(validator, &serde_json::to_value(finding).unwrap()));
    assert!(found.is_empty(), "{found:#?}");
}

fn said(event: &str) -> Statement {
    match read(event.as_bytes()).unwrap() {
        Intake::Observed(statement) => *statement,
        other => panic!("{other:?}"),
    }
}

fn at(clock: &str) -> Timestamp {
    format!("2026-03-01T{clock}Z").parse().unwrap()
}

/// The finding after these events, looked up and told.
fn sample(events: &[&str]) -> Finding {
    let key: FindingKey = "111122223333/eu-central-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse().unwrap();
    let mut finding = Finding::new(key);
    let context = Context {
        attachment: Some(Attachment { interfaces: 2, public: true, example: Some("i-0123456789abcdef0".into()) }),
        owner: Some(Owner { name: "shop@example.com".into(), source: OwnerSource::GroupTag }),
        opener: Some(Opener {
            at: at("10:15:12"),
            principal: "arn:aws:sts::111122223333:assumed-role/Dev/ana@example.com".into(),
            user_agent: Some("aws-cli/2.31.4".into()),
            stack: None,
        }),
    };
    let context = Observation { at: Moment::live(at("10:15:50")), what: Observed::Context(context) };
    let (slack, jira) = (Channel::from("security"), Channel::from("tickets"));
    for (number, event) in events.iter().enumerate() {
        let Statement { key, observation } = said(event);
        assert_eq!(&key, finding.key());
        finding.apply(&observation);
        finding = finding.stored();
        if number == 0 {
            finding.apply(&context);
            finding = finding.stored();
        }
        for (channel, manner, id) in
            [(&slack, Manner::Messages, "1772360150.000100"), (&jira, Manner::Ticket, "SEC-17")]
        {
            if let Some(due) = finding.due(channel, manner, at("10:16:10")) {
                finding.delivered(channel, &due, Some(id.into())).unwrap();
                finding = finding.stored();
            }
        }
    }
    finding
}

const OPEN: &str = include_str!("../../../../docs/events/assessment-open.json");
const EXEMPT: &str = include_str!("../../../../docs/events/assessment-exempt.json");
const CLOSED: &str = include_str!("../../../../docs/events/remediation-closed.json");

/// The samples are what the samples of events lead to.
#[test]
fn the_samples_are_stored_findings() {
    for (text, events) in [
        (include_str!("../../../../docs/findings/open.json"), &[OPEN][..]),
        (include_str!("../../../../docs/findings/closed.json"), &[OPEN, CLOSED]),
        (include_str!("../../../../docs/findings/exempt.json"), &[EXEMPT]),
    ] {
        let finding = sample(events);
        let written = serde_json::to_string_pretty(&finding).unwrap();
        assert_eq!(text.trim_end(), written, "write this into the sample:\n{written}\n");
        assert_eq!(serde_json::from_str::<Finding>(text).unwrap(), finding);
        assert_valid(&finding);
    }
}

#[test]
fn every_part_of_a_finding_is_in_the_schema() {
    assert_valid(&new_finding());
    assert_valid(&largest());
    let mut finding = new_finding();
    for observation in [open("1 09:00", &[22]), unjudged("1 09:01"), parked("1 09:02", true), muted("1 09:03", None)] {
        finding.apply(&observation);
        assert_valid(&finding);
    }
    let jira = Channel::from("jira");
    let due = finding.due(&jira, Manner::Messages, at("10:00:00"));
    assert!(due.is_none(), "muted");
    finding.begin(&jira, at("10:00:00")).unwrap();
    assert_valid(&finding);
}

/// What a reader refuses or would misread.
#[test]
fn the_schema_is_not_valid_for_everything() {
    let validator = validator();
    let stored: Value = serde_json::from_str(include_str!("../../../../docs/findings/open.json")).unwrap();
    for (pointer, value) in [
        ("/format", json!("portcullis.finding/2")),
        ("/key", json!("111122223333/eu-central-1/portcullis")),
        ("/state", json!("fixed")),
        ("/severity", json!("urgent")),
        ("/first_seen", json!("yesterday")),
        ("/revision", json!(-1)),
        ("/facts/open/at", json!("2026-03-01")),
        ("/facts/open/value/exposures/listed/0/from_port", json!("22")),
        ("/facts/timeline/points/0/verdict", json!("fine")),
        ("/deliveries/tickets/told", json!("all")),
    ] {
        let mut changed = stored.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        assert!(!problems(&validator, &changed).is_empty(), "{pointer}");
    }
}
