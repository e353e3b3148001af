//! Files of directories: inputs, and those that are passed over.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use inventory::{Found, InputError, Options, Record, RecordError, Scan};
use rstest::rstest;
use tempfile::TempDir;

const GROUP: &str = "Resources:\n  Web: {Type: AWS::EC2::SecurityGroup}\n";

fn directory(files: &[(&str, &str)]) -> io::Result<TempDir> {
    let directory = tempfile::tempdir()?;
    for (name, text) in files {
        fs::write(directory.path().join(name), text)?;
    }
    Ok(directory)
}

#[derive(Debug)]
struct Outcome {
    found: Vec<Result<Found, InputError>>,
    groups: Vec<String>,
    errors: usize,
}

/// What each file is, and the groups and the number of errors of all of them.
fn read(directory: &Path, names: &[&str]) -> Result<Outcome, InputError> {
    let options = Options { local_templates: true, ..Options::default() };
    let mut scan = Scan::new(&options, &|record| record);
    let (mut groups, mut errors) = (Vec::new(), 0);
    let mut each = |record: Result<Record, RecordError>| {
        match record {
            Ok(record) => groups.push(record.group.id),
            Err(_) => errors += 1,
        }
        ControlFlow::Continue(())
    };
    let found = names.iter().map(|name| scan.read_found(&directory.join(name), &mut each)).collect();
    scan.finish(&mut each)?;
    Ok(Outcome { found, groups, errors })
}

#[rstest]
#[case::manifest("a.yaml", "kind: Deployment\n")]
#[case::empty_yaml("a.yaml", "")]
#[case::comment("a.json", "{ // a comment\n}")]
#[case::text_in_a_list("a.json", r#"["a", "b"]"#)]
#[case::another_group("a.json", r#"{"groupId": "org.example"}"#)]
#[case::mention("a.json", r#"{"type": "AWS::EC2::SecurityGroup"}"#)]
fn a_file_without_groups_is_passed_over(#[case] name: &str, #[case] text: &str) {
    let directory = directory(&[(name, text)]).unwrap();
    let Outcome { found, groups, errors } = read(directory.path(), &[name]).unwrap();
    assert!(matches!(found[..], [Ok(Found::Other)]), "{found:?}");
    assert_eq!((groups.len(), errors), (0, 0));
}

#[rstest]
#[case::malformed("a.yaml", "Resources:\n  A: [\n  # AWS::EC2::SecurityGroup\n")]
#[case::truncated("a.json", r#"{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": ["#)]
#[case::empty_json("a.json", "")]
#[case::no_resources("a.yaml", "AWSTemplateFormatVersion: '2010-09-09'\nOutputs: {}\n")]
#[case::second_document("a.json", r#"{"a": 1} {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": []}]}"#)]
fn a_file_that_may_have_groups_is_an_error(#[case] name: &str, #[case] text: &str) {
    let directory = directory(&[(name, text)]).unwrap();
    let found = read(directory.path(), &[name]).unwrap().found;
    assert!(matches!(found[..], [Err(_)]), "{found:?}");
}

#[test]
fn records_that_are_refused_are_handed_out_if_they_may_be_groups() {
    let directory = directory(&[("a.json", r#"[{"GroupId": "sg-1", "IpPermissions": 1}]"#)]).unwrap();
    let Outcome { found, groups, errors } = read(directory.path(), &["a.json"]).unwrap();
    assert!(matches!(found[..], [Ok(Found::Input)]), "{found:?}");
    assert_eq!((groups.len(), errors), (0, 1));
}

#[test]
fn a_template_that_another_one_deploys_is_read_there_only() {
    let stack = "Resources:\n  Net:\n    Type: AWS::CloudFormation::Stack\n    Properties: {TemplateURL: m.yaml}\n";
    let directory = directory(&[("a.yaml", stack), ("m.yaml", GROUP), ("z.yaml", GROUP)]).unwrap();
    for names in [["a.yaml", "m.yaml", "z.yaml"], ["m.yaml", "z.yaml", "a.yaml"]] {
        let Outcome { mut groups, errors, .. } = read(directory.path(), &names).unwrap();
        groups.sort();
        assert_eq!((groups, errors), (vec!["Net/Web".to_owned(), "Web".to_owned()], 0));
    }
}
