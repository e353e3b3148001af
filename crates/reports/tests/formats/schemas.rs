//! The formats against their published schemas.

use findings::{GroupResult, NotScanned, PolicyOptions, ScanPolicy, ScanRecord, ScanTarget};
use jsonschema::Validator;
use reports::{Format, ReportOptions};
use rstest::rstest;
use serde_json::Value;

use crate::{results, written};

const SCAN: &str = include_str!("../../../../docs/scan.schema.json");
const SARIF: &str = include_str!("../schemas/sarif-2.1.0.json");
const OCSF: &str = include_str!("../schemas/ocsf-1.8.0-compliance-finding.json");

fn validator(schema: &str) -> Validator {
    // The pattern for languages in SARIF's schema has a stray bracket, which only ECMAScript accepts.
    let schema: Value = serde_json::from_str(&schema.replace("{2}]?$", r"{2}\\]?$")).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// The validator of a part of `portcullis.scan/1`.
fn validator_of(definition: &str) -> Validator {
    let mut schema: Value = serde_json::from_str(SCAN).unwrap();
    let definitions = schema["$defs"].take();
    let part = serde_json::json!({ "$ref": format!("#/$defs/{definition}"), "$defs": definitions });
    validator(&part.to_string())
}

fn assert_valid(validator: &Validator, document: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[rstest]
#[case::everything(results::results(), results::not_scanned())]
#[case::nothing(Vec::new(), Vec::new())]
#[case::not_scanned(Vec::new(), results::not_scanned())]
fn documents_are_valid(#[case] results: Vec<GroupResult>, #[case] not_scanned: Vec<NotScanned>) {
    let parsed = |format| -> Value {
        let options = ReportOptions { all: true, ..results::options() };
        serde_json::from_str(&written(format, options, &results, not_scanned.clone()).0).unwrap()
    };
    assert_valid(&validator(SCAN), &parsed(Format::Json));
    assert_valid(&validator(SARIF), &parsed(Format::Sarif));
}

#[test]
fn every_line_of_jsonl_is_a_group_a_part_not_scanned_or_the_scan() {
    let (text, _) = written(Format::Jsonl, results::options(), &results::results(), results::not_scanned());
    let (group, not_scanned) = (validator_of("group"), validator_of("not_scanned_line"));
    let scan = validator_of("scan_line");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), results::results().len() + results::not_scanned().len() + 1);
    assert!(lines[lines.len() - 1].get("scan").is_some());
    for line in lines {
        let validator = match () {
            () if line.get("not_scanned").is_some() => &not_scanned,
            () if line.get("scan").is_some() => &scan,
            () => &group,
        };
        assert_valid(validator, &line);
    }
}

#[test]
fn every_line_of_ocsf_is_a_compliance_finding() {
    let options = ReportOptions { all: true, ..results::options() };
    let (text, _) = written(Format::Ocsf, options, &results::results(), results::not_scanned());
    let validator = validator(OCSF);
    assert_eq!(text.lines().count(), results::results().len() + results::not_scanned().len());
    for line in text.lines() {
        assert_valid(&validator, &serde_json::from_str(line).unwrap());
    }
}

/// A schema that accepts everything would prove nothing.
#[test]
fn the_schemas_refuse_invalid_documents() {
    let wrong = serde_json::json!({
        "schema": "portcullis.scan/1", "groups_evaluated": 1, "noncompliant": 0, "insufficient_data": 0,
        "not_scanned": [],
        "results": [{
            "group_id": "sg-1", "group_name": null, "vpc_id": null, "account": null, "region": null,
            "compliance": "COMPLIANT", "status": "open_completely", "exposures": []
        }]
    });
    assert!(!validator(SCAN).is_valid(&wrong));
    assert!(!validator(SARIF).is_valid(&serde_json::json!({ "version": "2.1.0", "runs": [{ "results": [] }] })));
    assert!(!validator(OCSF).is_valid(&serde_json::json!({ "class_uid": 2003, "unheard_of": 1 })));
}

#[rstest]
fn a_policy_for_each_account_and_region_is_valid(#[values(true, false)] is_known: bool) {
    let parameters = is_known.then(|| Box::new(PolicyOptions::new("tcp/22".parse().unwrap())));
    let rule = ScanPolicy::Rule { rule: "portcullis".into(), parameters };
    let target = ScanTarget {
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        profile: None,
        assumed_role: Some("arn:aws:iam::123456789012:role/audit".into()),
        caller_arn: is_known.then(|| "arn:aws:sts::123456789012:assumed-role/audit/jane".into()),
        policy: Some(rule),
    };
    let policy = ScanPolicy::PerTarget { per_target: true };
    let targets = vec![target].into();
    let record = ScanRecord { policy, inputs: Vec::new(), targets, options: vec!["--tag a".into()] };
    let options = ReportOptions { record, ..results::options() };
    let (text, _) = written(Format::Json, options, &results::results(), Vec::new());
    assert_valid(&validator(SCAN), &serde_json::from_str(&text).unwrap());
}
