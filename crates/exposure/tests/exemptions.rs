//! Sample exemptions documents, the JSON schema and the documentation page, compared with the parser.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;

use exposure::Exemptions;
use jsonschema::Validator;
use plain_text::error_chain;

/// Documents that the parser rejects for a reason that a schema cannot express: the order of two numbers, the calendar,
/// the range of timestamps, a duplicate key, and `1.0`, which a schema does not distinguish from `1`.
const BEYOND_A_SCHEMA: [&str; 6] = [
    "exemptions-twice.json",
    "expires-beyond-the-last-time.json",
    "expires-impossible-day.json",
    "key-twice.json",
    "ports-reversed.json",
    "version-with-a-fraction.json",
];

/// Returns pairs of file name and text, sorted by name. Tests run in the directory of the crate.
fn samples(kind: &str) -> Vec<(String, String)> {
    let files = fs::read_dir(format!("tests/exemptions/{kind}")).unwrap().map(|file| file.unwrap());
    let mut samples: Vec<_> =
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap())).collect();
    samples.sort();
    assert!(samples.len() > 10, "{kind}: {samples:?}");
    samples
}

fn schema() -> Validator {
    let schema = fs::read_to_string("../../docs/exemptions.schema.json").unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Returns the objection of the schema, or of the JSON parser, to a text.
fn complaint(schema: &Validator, text: &str) -> Option<String> {
    match serde_json::from_str(text) {
        Ok(document) => schema.validate(&document).err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn valid_samples_are_accepted_by_parser_and_schema() {
    let schema = schema();
    for (name, text) in samples("valid") {
        if let Err(error) = Exemptions::from_json(&text) {
            panic!("{name}: {}", error_chain(&error));
        }
        assert_eq!(complaint(&schema, &text), None, "{name}");
    }
}

#[test]
fn invalid_samples_are_rejected_by_parser_and_schema() {
    let schema = schema();
    let mut fitting = BTreeSet::new();
    for (name, text) in samples("invalid") {
        assert!(Exemptions::from_json(&text).is_err(), "{name}");
        if complaint(&schema, &text).is_none() {
            fitting.insert(name);
        }
    }
    assert_eq!(fitting, BEYOND_A_SCHEMA.map(str::to_owned).into());
}

#[test]
fn a_document_with_a_section_of_hammer_names_the_section() {
    let text = fs::read_to_string("tests/exemptions/invalid/exemptions-and-hammer-section.json").unwrap();
    let error = error_chain(&Exemptions::from_json(&text).unwrap_err());
    assert!(
        error.contains("unknown field `secgrp_unrestricted_access`, expected `version` or `exemptions`"),
        "{error}"
    );
}

#[test]
fn the_examples_in_the_documentation_are_valid() {
    let schema = schema();
    let page = fs::read_to_string("../../docs/exemptions.md").unwrap();
    let examples: Vec<_> = page.split("```json\n").skip(1).map(|rest| rest.split_once("\n```").unwrap().0).collect();
    assert!(!examples.is_empty());
    for example in examples {
        if let Err(error) = Exemptions::from_json(example) {
            panic!("{}: {example}", error_chain(&error));
        }
        assert_eq!(complaint(&schema, example), None, "{example}");
    }
}
