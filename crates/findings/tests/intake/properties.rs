//! Properties: what the functions write is read back, and nothing makes the reader fail in another way than it says.

use exposure::{Exemptions, IngressRule, Policy, PrefixLists, SecurityGroup, Traffic, Verdict, assess};
use findings::FoundExposure;
use findings::event::{
    ASSESSMENT, AssessmentEvent, AssessmentOrigin, REMEDIATION, RemediationEvent, RemediationSchema, SOURCE, Trigger,
};
use findings::finding::{
    Assessed, AssessedVerdict, ExposureList, GroupFacts, Moment, Observation, Observed, Outcome, Remediated, Revoked,
    RuleContent, Source, Text,
};
use findings::intake::{Intake, Statement, read};
use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::{key, sample};

const ACCOUNT: &str = "111122223333";
const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

/// A case is tens of kilobytes at worst, so 500 of them at most, whatever `PROPTEST_CASES` says.
fn check<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let default = ProptestConfig::default();
    let mut runner = TestRunner::new(ProptestConfig { cases: default.cases.min(500), ..default });
    if let Err(failure) = runner.run(&strategy, test) {
        panic!("{failure}");
    }
}

fn time() -> Timestamp {
    "2026-03-01T10:15:30.123Z".parse().unwrap()
}

fn put_at() -> Timestamp {
    "2026-03-01T10:15:42Z".parse().unwrap()
}

/// The event as EventBridge delivers it.
fn delivered(detail_type: &str, detail: &str) -> Vec<u8> {
    let detail: Value = serde_json::from_str(detail).unwrap();
    let event = json!({"version": "0", "id": "1", "source": SOURCE, "detail-type": detail_type, "account": ACCOUNT,
        "time": put_at(), "region": "eu-central-1", "resources": [], "detail": detail});
    serde_json::to_vec(&event).unwrap()
}

fn statement(event: &[u8]) -> Statement {
    match read(event).unwrap() {
        Intake::Observed(statement) => *statement,
        other => panic!("{other:?}"),
    }
}

fn any_rule() -> impl Strategy<Value = IngressRule> {
    let sources = vec!["0.0.0.0/0", "::/0", "198.51.100.0/24", "10.0.0.0/8", "pl-0badbad", "sg-0bbbbbbbbbbbbbbbb"];
    let ports = select(vec![(22, 22), (0, 65_535), (3_389, 3_390), (443, 443)]);
    let protocol = select(vec!["tcp", "udp", "-1"]);
    (select(sources), protocol, ports, option::of(".{0,40}")).prop_map(|(source, protocol, (from, to), description)| {
        IngressRule { description, ..IngressRule::new(Traffic::parse(protocol, Some(from), Some(to)), source.into()) }
    })
}

fn any_group() -> impl Strategy<Value = SecurityGroup> {
    let texts = (option::of(".{0,60}"), option::of("vpc-[0-9a-f]{8}"), option::of(Just(ACCOUNT.to_owned())));
    let tags = btree_map("[a-zA-Z:]{1,20}", ".{0,80}", 0..8);
    (texts, tags, vec(any_rule(), 0..12)).prop_map(|((name, vpc_id, owner_id), tags, ingress)| SecurityGroup {
        id: GROUP.into(),
        name,
        vpc_id,
        owner_id,
        tags,
        ingress,
        ..SecurityGroup::default()
    })
}

/// Exemptions for no group, for SSH, and for everything.
fn any_exemptions() -> impl Strategy<Value = Exemptions> {
    let entry = |ports: &str| json!({"securityGroupId": GROUP, "ports": ports, "reason": "bastion", "expires": "2026-12-31", "owner": "web"});
    let documents = vec![json!([]), json!([entry("22")]), json!([entry("0-65535")])];
    select(documents).prop_map(|exemptions| {
        let document = json!({"version": 1, "exemptions": exemptions});
        Exemptions::from_json(&document.to_string()).unwrap()
    })
}

/// What the evaluator's judgement says of a finding, without its event.
fn direct(group: &SecurityGroup, policy: &Policy, exemptions: &Exemptions) -> Option<AssessedVerdict> {
    let lists = PrefixLists::default();
    let assessment = assess(group, policy, exemptions, &lists, time());
    let exposures: Vec<FoundExposure> = assessment.exposures.iter().map(FoundExposure::from).collect();
    let covered: Vec<FoundExposure> =
        assessment.exempted.iter().map(|exempted| FoundExposure::from(&exempted.exposure)).collect();
    match assessment.verdict() {
        Verdict::Compliant => None,
        Verdict::NonCompliant => {
            Some(AssessedVerdict::Open { exposures: ExposureList::new(&exposures), exempted: covered.len() })
        }
        Verdict::Exempt => {
            let exemption = findings::finding::ExemptionFacts {
                reason: "bastion".into(),
                expires: Some("2026-12-31".into()),
                owner: Some("web".into()),
            };
            Some(AssessedVerdict::Exempt { exempted: ExposureList::new(&covered), exemption })
        }
        Verdict::Unknown => {
            let first = assessment.unjudged[0].cause.to_string();
            let more = assessment.unjudged.len() - 1;
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            Some(AssessedVerdict::Unjudged { reason: format!("{}{more}", Text::<220>::from(first)).into() })
        }
    }
}

#[test]
fn an_assessment_is_read_back_as_it_was_judged() {
    let trigger = select(vec![Trigger::Change, Trigger::Oversized, Trigger::Scheduled]);
    check((any_group(), any_exemptions(), trigger), |(group, exemptions, trigger)| {
        let policy = Policy::new("22, 3389".parse().unwrap());
        let lists = PrefixLists::default();
        let assessment = assess(&group, &policy, &exemptions, &lists, time());
        let origin = AssessmentOrigin {
            account: Some(ACCOUNT),
            region: "eu-central-1",
            config_rule_name: "portcullis",
            ordering_timestamp: time(),
            trigger,
            closes: None,
        };
        let event = AssessmentEvent::new(origin, &group, &assessment);
        let verdict = direct(&group, &policy, &exemptions);
        prop_assert_eq!(event.is_some(), verdict.is_some());
        if let (Some(event), Some(verdict)) = (event, verdict) {
            let tags = group.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            let facts = GroupFacts {
                name: group.name.as_deref().map(Text::from),
                vpc_id: group.vpc_id.as_deref().map(Text::from),
                owner_account: group.owner_id.as_deref().map(Text::from),
                ..GroupFacts::default()
            };
            let source = if trigger == Trigger::Scheduled { Source::Periodic } else { Source::Change };
            let assessed = Assessed { source, verdict, group: facts.with_tags(tags), closes: None };
            let what = Observed::Assessed(Box::new(assessed));
            let observation = Observation { at: Moment::new(time(), put_at()), what };
            prop_assert_eq!(statement(&delivered(ASSESSMENT, &event.to_json())), Statement { key: key(), observation });
        }
        Ok(())
    });
}

#[test]
fn a_closing_is_read_back_as_it_ended() {
    let rule = (select(vec!["tcp", "-1"]), 0..70_000_i64, "[0-9a-f./]{1,20}");
    let texts = (option::of("[0-9a-f-]{36}"), ".{0,80}", vec(".{0,200}", 0..120));
    check((vec(rule, 0..150), texts), |(rules, (execution_id, message, remaining))| {
        let revoked: Vec<Value> = rules
            .iter()
            .map(|(protocol, port, source)| {
                json!({"securityGroupRuleId": null, "protocol": protocol, "fromPort": port, "toPort": port, "source": source})
            })
            .collect();
        let remaining: Vec<Value> = remaining.iter().map(|reason| json!({"reason": reason})).collect();
        let response = json!({"status": "CLOSED", "revoked": revoked, "remaining": remaining, "message": message});
        let Value::Object(response) = response else { unreachable!() };
        let event = RemediationEvent {
            schema: RemediationSchema::V1,
            account: ACCOUNT.into(),
            region: "eu-central-1".into(),
            config_rule_name: "portcullis".into(),
            security_group_id: GROUP.into(),
            action: "close".into(),
            dry_run: false,
            execution_id: execution_id.clone(),
            time: time(),
            status: "CLOSED".into(),
            response: Some(response),
            counts: std::collections::BTreeMap::new(),
            error: None,
        };
        let said = statement(&delivered(REMEDIATION, &event.fitted().to_json()));
        let Observed::Remediated(Remediated { outcome: Outcome::Closed(Revoked { listed, total }), .. }) =
            &said.observation.what
        else {
            panic!("{said:?}");
        };
        prop_assert_eq!(*total, rules.len());
        let expected: Vec<RuleContent> = rules
            .iter()
            .map(|(protocol, port, source)| RuleContent::new(protocol, Some(*port), Some(*port), source))
            .collect();
        prop_assert_eq!(&listed[..], &expected[..listed.len()]);
        prop_assert_eq!((&said.key, said.observation.at), (&key(), Moment::live(time())));
        Ok(())
    });
}

/// A value at any place of an event, and a place of it.
fn any_change() -> impl Strategy<Value = (Value, usize, Value)> {
    let names = vec!["open", "exempt", "unknown", "closed", "failed", "compliance", "execution"];
    let secret = json!("xoxb-secret, expected 1");
    let values = vec![secret.clone(), json!([secret.clone()]), json!({"xoxb-secret": 1}), json!(1e300), Value::Null];
    (select(names), 0..80_usize, select(values)).prop_map(|(name, place, value)| (sample(name), place, value))
}

/// Replaces the value at the given place in the order of the document. Returns false if there are not as many.
fn replace(value: &mut Value, place: &mut usize, by: &Value) -> bool {
    if *place == 0 {
        *value = by.clone();
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, place, by)),
        Value::Object(members) => members.values_mut().any(|member| replace(member, place, by)),
        _ => false,
    }
}

/// One damaged value, whatever it is, leads to a short message that does not repeat it, or to a statement.
#[test]
fn a_message_is_short_and_keeps_what_is_secret() {
    check(any_change(), |(mut event, mut place, value)| {
        replace(&mut event, &mut place, &value);
        if let Err(error) = read(&serde_json::to_vec(&event).unwrap()) {
            let text = error.to_string();
            prop_assert!(text.len() < 700 && !text.contains('\n'), "{}", text);
            let is_of_an_id =
                matches!(error, findings::intake::IntakeError::Key(_) | findings::intake::IntakeError::Foreign { .. });
            prop_assert!(is_of_an_id || !text.contains("secret"), "{}", text);
        }
        Ok(())
    });
}

/// Of a group with more exposures than an event has room for, the event tells the same as a judgement of all of them.
#[test]
fn a_cut_event_has_number_and_digest_of_all() {
    let rule = |port: i64| IngressRule {
        description: Some("x".repeat(200)),
        ..IngressRule::new(Traffic::parse("tcp", Some(22), Some(22 + port)), "0.0.0.0/0".into())
    };
    let group = SecurityGroup { id: GROUP.into(), ingress: (0..500).map(rule).collect(), ..SecurityGroup::default() };
    let policy = Policy::new("22".parse().unwrap());
    let Some(AssessedVerdict::Open { exposures: all, .. }) = direct(&group, &policy, &Exemptions::default()) else {
        panic!();
    };
    let lists = PrefixLists::default();
    let assessment = assess(&group, &policy, &Exemptions::default(), &lists, time());
    let origin = AssessmentOrigin {
        account: Some(ACCOUNT),
        region: "eu-central-1",
        config_rule_name: "portcullis",
        ordering_timestamp: time(),
        trigger: Trigger::Change,
        closes: None,
    };
    let event = AssessmentEvent::new(origin, &group, &assessment).unwrap();
    assert!(event.exposures.len() < 500);
    let Observed::Assessed(read) = statement(&delivered(ASSESSMENT, &event.to_json())).observation.what else {
        panic!()
    };
    let AssessedVerdict::Open { exposures, .. } = read.verdict else { panic!() };
    assert_eq!((exposures.total, exposures.digest, exposures.openness), (all.total, all.digest, all.openness));
}
