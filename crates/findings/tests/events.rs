//! The events: their size, the samples and the schemas.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use exposure::{Exemptions, IngressRule, Policy, PrefixLists, SecurityGroup, Traffic, assess};
use findings::event::{
    AssessmentEvent, AssessmentOrigin, ComplianceEvent, ContextEvent, EventException, EventInterface, EventInterfaces,
    EventOpener, EventOwner, EventUnread, MAX_DETAIL_BYTES, RemediationEvent, RemediationSchema, SweptCompliance,
    Trigger,
};
use findings::finding::OwnerSource;
use findings::{ComplianceType, Openness, Severity};
use jiff::Timestamp;
use jsonschema::Validator;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

fn schema(text: &str) -> Validator {
    jsonschema::options().should_validate_formats(true).build(&serde_json::from_str(text).unwrap()).unwrap()
}

fn assessment_schema() -> Validator {
    schema(include_str!("../../../docs/events/assessment.schema.json"))
}

fn remediation_schema() -> Validator {
    schema(include_str!("../../../docs/events/remediation.schema.json"))
}

fn compliance_schema() -> Validator {
    schema(include_str!("../../../docs/events/compliance.schema.json"))
}

fn context_schema() -> Validator {
    schema(include_str!("../../../docs/events/context.schema.json"))
}

fn assert_valid(validator: &Validator, document: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

fn time() -> Timestamp {
    "2026-03-01T10:15:30.123Z".parse().unwrap()
}

fn origin() -> AssessmentOrigin<'static> {
    AssessmentOrigin {
        account: Some("111122223333"),
        region: "eu-central-1",
        config_rule_name: "portcullis",
        ordering_timestamp: time(),
        trigger: Trigger::Change,
        closes: None,
    }
}

fn event(group: &SecurityGroup, policy: &Policy) -> Option<AssessmentEvent> {
    let assessment = assess(group, policy, &Exemptions::default(), &PrefixLists::default(), time());
    AssessmentEvent::new(origin(), group, &assessment)
}

fn policy(ports: &str) -> Policy {
    Policy::new(ports.parse().unwrap())
}

fn rule(source: &str) -> IngressRule {
    IngressRule::new(Traffic::parse("tcp", Some(22), Some(22)), source.into())
}

fn group(ingress: Vec<IngressRule>) -> SecurityGroup {
    SecurityGroup { id: GROUP.into(), ingress, ..SecurityGroup::default() }
}

/// The samples are valid, and a reader reads what it wrote.
#[test]
fn samples_of_assessments_are_valid_and_read() {
    for (sample, compliance, openness, severity) in [
        (
            include_str!("../../../docs/events/assessment-open.json"),
            ComplianceType::NonCompliant,
            Openness::World,
            Some(Severity::High),
        ),
        (
            include_str!("../../../docs/events/assessment-exempt.json"),
            ComplianceType::Compliant,
            Openness::Restricted,
            None,
        ),
        (
            include_str!("../../../docs/events/assessment-unknown.json"),
            ComplianceType::InsufficientData,
            Openness::Unknown,
            None,
        ),
    ] {
        let sample: Value = serde_json::from_str(sample).unwrap();
        assert_valid(&assessment_schema(), &sample["detail"]);
        let event: AssessmentEvent = serde_json::from_value(sample["detail"].clone()).unwrap();
        assert_eq!((event.compliance, event.openness, event.severity), (compliance, openness, severity));
        assert_eq!(serde_json::to_value(&event).unwrap(), sample["detail"]);
        assert_eq!(sample["detail-type"], findings::event::ASSESSMENT);
        assert_eq!(sample["source"], findings::event::SOURCE);
    }
}

#[test]
fn samples_of_remediations_are_valid_and_read() {
    for sample in [
        include_str!("../../../docs/events/remediation-closed.json"),
        include_str!("../../../docs/events/remediation-failed.json"),
    ] {
        let sample: Value = serde_json::from_str(sample).unwrap();
        assert_valid(&remediation_schema(), &sample["detail"]);
        let event: RemediationEvent = serde_json::from_value(sample["detail"].clone()).unwrap();
        assert_eq!(event.response.is_none(), event.error.is_some());
        assert_eq!(serde_json::to_value(event.fitted()).unwrap(), sample["detail"]);
        assert_eq!(sample["detail-type"], findings::event::REMEDIATION);
    }
}

#[test]
fn samples_of_compliance_are_valid_and_read() {
    for (sample, compliance, is_parked) in [
        (include_str!("../../../docs/events/compliance-open.json"), SweptCompliance::NonCompliant, false),
        (include_str!("../../../docs/events/compliance-parked.json"), SweptCompliance::NonCompliant, true),
        (include_str!("../../../docs/events/compliance-closed.json"), SweptCompliance::Compliant, false),
    ] {
        let sample: Value = serde_json::from_str(sample).unwrap();
        assert_valid(&compliance_schema(), &sample["detail"]);
        let event: ComplianceEvent = serde_json::from_value(sample["detail"].clone()).unwrap();
        assert_eq!((event.compliance, event.exception.is_some()), (compliance, is_parked));
        assert_eq!(serde_json::from_str::<Value>(&event.to_json()).unwrap(), sample["detail"]);
        assert_eq!(sample["detail-type"], findings::event::COMPLIANCE);
        assert_eq!(sample["source"], findings::event::SOURCE);
    }
}

#[test]
fn samples_of_contexts_are_valid_and_read() {
    for sample in [
        include_str!("../../../docs/events/context-interfaces.json"),
        include_str!("../../../docs/events/context-opener.json"),
    ] {
        let sample: Value = serde_json::from_str(sample).unwrap();
        assert_valid(&context_schema(), &sample["detail"]);
        let event: ContextEvent = serde_json::from_value(sample["detail"].clone()).unwrap();
        assert_eq!(event.interfaces.is_some(), event.opener.is_none());
        assert_eq!(serde_json::from_str::<Value>(&event.fitted().to_json()).unwrap(), sample["detail"]);
        assert_eq!(sample["detail-type"], findings::event::CONTEXT);
        assert_eq!(sample["source"], findings::event::SOURCE);
    }
}

/// The schema refuses what a reader refuses.
#[test]
fn an_exception_was_read() {
    let sample: Value = serde_json::from_str(include_str!("../../../docs/events/compliance-parked.json")).unwrap();
    let mut detail = sample["detail"].clone();
    detail["exceptionsRead"] = json!(false);
    assert!(!compliance_schema().is_valid(&detail));
}

#[test]
fn a_compliance_with_the_longest_message_is_small() {
    let sample: Value = serde_json::from_str(include_str!("../../../docs/events/compliance-parked.json")).unwrap();
    let mut event: ComplianceEvent = serde_json::from_value(sample["detail"].clone()).unwrap();
    event.exception = Some(EventException::new(Some(&"\u{1}".repeat(1_024)), time(), Some(time())));
    assert!(event.to_json().len() < 4_000);
    assert_valid(&compliance_schema(), &serde_json::from_str(&event.to_json()).unwrap());
}

/// A reader ignores a new key, and refuses a schema that it does not know.
#[test]
fn a_reader_takes_new_keys_but_no_other_schema() {
    let sample: Value = serde_json::from_str(include_str!("../../../docs/events/assessment-open.json")).unwrap();
    let mut detail = sample["detail"].clone();
    detail["novelty"] = json!({"a": 1});
    detail["securityGroup"]["novelty"] = json!([]);
    assert!(serde_json::from_value::<AssessmentEvent>(detail.clone()).is_ok());
    detail["schema"] = json!("portcullis.assessment/2");
    let error = serde_json::from_value::<AssessmentEvent>(detail).unwrap_err().to_string();
    assert!(error.contains("unknown variant `portcullis.assessment/2`, expected `portcullis.assessment/1`"), "{error}");
}

#[test]
fn a_compliant_group_has_no_event() {
    assert_eq!(event(&group(vec![rule("10.0.0.0/8")]), &policy("22")), None);
    assert_eq!(event(&group(Vec::new()), &policy("22")), None);
}

/// A thousand rules are counted, and the most severe of them stay.
#[test]
fn the_exposures_are_cut_with_a_count_of_all() {
    let rules = (0..1_000).map(|number| match number % 2 {
        0 => rule(&format!("{}.0.0.0/7", 20 + 2 * (number % 40))),
        _ => IngressRule { description: Some(format!("{number} {}", "x".repeat(240))), ..rule("0.0.0.0/0") },
    });
    let event = event(&group(rules.collect()), &policy("22")).unwrap();
    assert_eq!(event.exposure_count, 1_000);
    assert!((20..200).contains(&event.exposures.len()), "{}", event.exposures.len());
    assert!(event.to_json().len() > MAX_DETAIL_BYTES - 1_000 && event.to_json().len() <= MAX_DETAIL_BYTES);
    assert_eq!(event.severity, Some(Severity::High));
    assert_valid(&assessment_schema(), &serde_json::from_str(&event.to_json()).unwrap());
}

/// Characters that take the most bytes in JSON, and long texts of them.
fn hostile() -> impl Strategy<Value = String> {
    let character = prop_oneof![Just('\u{1}'), Just('"'), Just('\\'), Just('网'), Just('😀'), Just('a'), any::<char>()];
    (character, any::<String>(), 0_usize..3_000)
        .prop_map(|(character, text, times)| format!("{text}{}", character.to_string().repeat(times)))
}

fn hostile_rule() -> impl Strategy<Value = IngressRule> {
    let source =
        prop_oneof![Just("0.0.0.0/0".to_owned()), Just("::/0".to_owned()), Just("pl-0badbad".to_owned()), hostile()];
    let protocol = prop_oneof![Just("tcp".to_owned()), Just("-1".to_owned()), hostile()];
    (source, protocol, option::of(hostile()), option::of(hostile())).prop_map(|(source, protocol, id, description)| {
        IngressRule {
            id,
            description,
            ..IngressRule::new(Traffic::parse(&protocol, Some(0), Some(65_535)), source.as_str().into())
        }
    })
}

/// Each case is tens of kilobytes, so 500 of them at most, whatever `PROPTEST_CASES` says: it also overrides a number that is
/// given to `proptest!`.
fn check<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let default = ProptestConfig::default();
    let mut runner = TestRunner::new(ProptestConfig { cases: default.cases.min(500), ..default });
    if let Err(failure) = runner.run(&strategy, test) {
        panic!("{failure}");
    }
}

/// Whatever a group contains, its event fits, and so do ten of them into a call.
#[test]
fn no_group_breaks_the_limit() {
    let texts = (option::of(hostile()), hostile(), option::of(hostile()));
    let tags = btree_map(hostile(), hostile(), 0..60);
    check((texts, tags, vec(hostile_rule(), 0..40), 1_usize..400), |((name, id, owner), tags, rules, ports)| {
        let tag_count = tags.len();
        let ports: Vec<String> = (0..ports).map(|number| (number * 100).to_string()).collect();
        let group = SecurityGroup { id, name, owner_id: owner, tags, ingress: rules, ..SecurityGroup::default() };
        if let Some(event) = event(&group, &policy(&ports.join(","))) {
            let json = event.to_json();
            prop_assert!(json.len() <= MAX_DETAIL_BYTES, "{} bytes", json.len());
            prop_assert_eq!(event.security_group.tag_count, tag_count);
            prop_assert!(event.exposures.len() <= event.exposure_count);
            prop_assert!(event.security_group.tags.iter().all(|(key, value)| group.tags.get(key) == Some(value)));
            prop_assert_eq!(&serde_json::from_str::<AssessmentEvent>(&json).unwrap(), &event);
        }
        Ok(())
    });
}

#[test]
fn no_response_breaks_the_limit() {
    let texts = (hostile(), hostile(), option::of(hostile()));
    check((vec(hostile(), 0..60), texts), |(rules, (message, rule_name, failure))| {
        let reasons: Vec<Value> = rules.iter().map(|reason| json!({"source": "0.0.0.0/0", "reason": reason})).collect();
        let response = json!({"status": "PARTIAL", "securityGroupId": GROUP, "snapshot": null, "message": message,
            "revoked": reasons, "remaining": reasons, "details": {"nested": reasons}});
        let Value::Object(response) = response else { unreachable!() };
        let event = remediation(rule_name, Some(response), failure).fitted();
        prop_assert!(event.to_json().len() <= MAX_DETAIL_BYTES, "{} bytes", event.to_json().len());
        prop_assert_eq!(event.counts.get("revoked"), Some(&rules.len()));
        let kept = event.response.as_ref().unwrap();
        prop_assert_eq!(&kept["status"], "PARTIAL");
        prop_assert!(kept["revoked"].is_array() && kept["remaining"].is_array() && kept["message"].is_string());
        Ok(())
    });
}

fn remediation(rule: String, response: Option<Map<String, Value>>, failure: Option<String>) -> RemediationEvent {
    RemediationEvent {
        schema: RemediationSchema::V1,
        account: "111122223333".into(),
        region: "eu-central-1".into(),
        config_rule_name: rule,
        security_group_id: GROUP.into(),
        action: "close".into(),
        dry_run: false,
        execution_id: None,
        time: time(),
        status: "PARTIAL".into(),
        response,
        counts: BTreeMap::new(),
        error: failure.map(|message| findings::event::EventError { kind: "AwsCallFailed".into(), message }),
    }
}

/// What stays open comes before what was closed.
#[test]
fn what_stays_open_is_kept_first() {
    let item = json!({"reason": "x".repeat(400)});
    let response = json!({"status": "PARTIAL", "revoked": vec![item.clone(); 500], "remaining": vec![item; 40]});
    let Value::Object(response) = response else { unreachable!() };
    let event = remediation("portcullis".into(), Some(response), None).fitted();
    let kept = event.response.unwrap();
    assert_eq!(kept["remaining"].as_array().unwrap().len(), 40);
    assert!((5..30).contains(&kept["revoked"].as_array().unwrap().len()));
    assert_eq!(event.counts, BTreeMap::from([("revoked".to_owned(), 500), ("remaining".to_owned(), 40)]));
}

/// A reader notices a change of an exposure for which there is no room.
#[test]
fn a_cut_list_has_the_digest_of_all() {
    let of = |last: &str| {
        let rules = (0..500).map(|number| IngressRule {
            description: Some("x".repeat(200)),
            ..IngressRule::new(Traffic::parse("tcp", Some(22 - number % 2), Some(22 + number / 2)), "0.0.0.0/0".into())
        });
        let group = group(rules.chain([rule(last)]).collect());
        let assessment = assess(&group, &policy("22"), &Exemptions::default(), &PrefixLists::default(), time());
        let found: Vec<findings::FoundExposure> = assessment.exposures.iter().map(Into::into).collect();
        let event = AssessmentEvent::new(origin(), &group, &assessment).unwrap();
        assert!(event.exposures.len() < event.exposure_count);
        assert_eq!(
            event.exposures_digest.as_deref(),
            Some(findings::finding::ExposureList::new(&found).digest.as_str())
        );
        assert!(event.to_json().len() <= MAX_DETAIL_BYTES);
        assert_valid(&assessment_schema(), &serde_json::from_str(&event.to_json()).unwrap());
        (event.exposures, event.exposures_digest)
    };
    let ((listed, digest), (same, other)) = (of("11.0.0.0/7"), of("13.0.0.0/7"));
    assert_eq!(listed, same);
    assert_ne!(digest, other);
    assert_eq!(event(&group(vec![rule("0.0.0.0/0")]), &policy("22")).unwrap().exposures_digest, None);
}

fn interface() -> impl Strategy<Value = EventInterface> {
    (hostile(), option::of(hostile()), vec(Just("2001:db8::1".to_owned()), 0..5), option::of(hostile()))
        .prop_map(|(id, resource, public_addresses, owner)| EventInterface { id, resource, public_addresses, owner })
}

fn opener() -> impl Strategy<Value = EventOpener> {
    (hostile(), hostile(), hostile(), option::of(hostile())).prop_map(|(name, caller, event_name, text)| EventOpener {
        at: time(),
        name,
        caller,
        event_name,
        event_id: text.clone(),
        source_address: text.clone(),
        user_agent: text.clone(),
        stack: text,
    })
}

#[test]
fn no_context_breaks_the_limit() {
    let sample: Value = serde_json::from_str(include_str!("../../../docs/events/context-opener.json")).unwrap();
    let sample: ContextEvent = serde_json::from_value(sample["detail"].clone()).unwrap();
    let parts =
        (option::of(vec(interface(), 0..60)), option::of(hostile()), option::of(opener()), vec(hostile(), 0..6));
    check(parts, |(listed, owner, opener, errors)| {
        let count = listed.as_ref().map(Vec::len);
        let interfaces =
            listed.map(|listed| EventInterfaces { count: listed.len(), complete: true, public: false, listed });
        let event = ContextEvent {
            interfaces,
            owner: owner.map(|name| EventOwner::new(&name, OwnerSource::InstanceTag)),
            opener,
            unread: errors.iter().map(|error| EventUnread::new("ec2:DescribeTags", error)).collect(),
            ..sample.clone()
        };
        let event = event.fitted();
        prop_assert!(event.to_json().len() <= MAX_DETAIL_BYTES, "{} bytes", event.to_json().len());
        prop_assert_eq!(event.interfaces.as_ref().map(|interfaces| interfaces.count), count);
        prop_assert_eq!(&serde_json::from_str::<ContextEvent>(&event.to_json()).unwrap(), &event);
        Ok(())
    });
}
