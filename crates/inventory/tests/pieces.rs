//! Long lists are read in pieces on all cores. What comes out is the same as from one core, which reads record by record.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice, reason = "tests")]

use std::fmt::Debug;
use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use inventory::{Options, read};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rayon::ThreadPoolBuilder;
use rstest::rstest;
use serde_json::{Value, json};

/// Size in bytes of an input of several pieces.
const LONG: usize = 2 << 20;

/// Everything that comes out of a reading on so many cores, one line for each record and one for the end.
fn on_cores(cores: usize, input: impl Read + Send) -> Vec<String> {
    fn line(found: impl Debug) -> String {
        format!("{found:?}")
    }
    ThreadPoolBuilder::new().num_threads(cores).build().unwrap().install(move || {
        let mut lines = Vec::new();
        let stats = read(input, "-", &Options::default(), &mut |found| {
            lines.push(line(found));
            ControlFlow::Continue(())
        });
        lines.push(line(stats));
        lines
    })
}

/// Fails if more than one core finds something else. Returns what is found.
fn check(input: &[u8]) -> Vec<String> {
    let one = on_cores(1, input);
    let several = on_cores(3, input);
    assert_eq!(one.len(), several.len(), "{:?} {:?}", one.last(), several.last());
    for (number, (one, several)) in one.iter().zip(&several).enumerate() {
        assert_eq!(one, several, "record {number}");
    }
    one
}

fn group(number: usize) -> Value {
    json!({
        "Description": "Zugänge, \"operators\"",
        "GroupName": format!("service-{number}"),
        "IpPermissions": [{
            "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "IpRanges": [{"Description": "a", "CidrIp": "10.0.0.0/8"}, {"Description": "b", "CidrIp": "0.0.0.0/0"}],
            "UserIdGroupPairs": [{"Description": "c", "GroupId": "sg-1"}, {"Description": "d", "GroupId": "sg-2"}],
        }],
        "GroupId": format!("sg-{number}"),
        "Tags": [{"Key": "{\"Description\"", "Value": "},{\"Description\":\"\\"}],
    })
}

fn item(number: usize) -> Value {
    json!({
        "relationships": [
            {"resourceType": "AWS::EC2::VPC", "resourceId": "vpc-1"}, {"resourceType": "AWS::EC2::VPC", "resourceId": "vpc-2"},
        ],
        "resourceType": "AWS::EC2::SecurityGroup", "resourceId": format!("sg-{}", number % 1000), "awsAccountId": "111122223333",
        "awsRegion": "us-east-1", "configurationItemStatus": "OK", "configurationStateId": number,
        "configurationItemCaptureTime": format!("2026-03-{:02}T00:00:00Z", number % 28 + 1),
        "configuration": {"groupId": format!("sg-{}", number % 1000), "ipPermissions": [
            {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipv4Ranges": [{"cidrIp": "0.0.0.0/0"}]},
        ]},
    })
}

fn compact(record: &Value) -> String {
    record.to_string()
}

fn pretty(record: &Value) -> String {
    serde_json::to_string_pretty(record).unwrap().replace('\n', "\n    ")
}

/// Records one after the other, at least [`LONG`] bytes of them.
fn records(record: impl Fn(usize) -> Value, write: impl Fn(&Value) -> String, separator: &str) -> String {
    let (mut text, mut number) = (String::new(), 0);
    while text.len() < LONG {
        text += if number > 0 { separator } else { "" };
        text += &write(&record(number));
        number += 1;
    }
    text
}

#[rstest]
#[case::compact(compact, "{\"SecurityGroups\":[", ",", "]}")]
#[case::pretty(pretty, "{\n  \"SecurityGroups\": [\n    ", ",\n    ", "\n  ]\n}\n")]
#[case::list(pretty, "[\n    ", ",\n    ", "\n]\n")]
#[case::lines(compact, "", "\n", "\n")]
#[case::one_after_the_other(compact, "", "", "")]
#[case::next_page(compact, "{\"SecurityGroups\":[", ",", "],\"NextToken\":\"a\"}")]
#[case::comma_at_the_end(compact, "{\"SecurityGroups\":[", ",", ",]}")]
#[case::truncated(compact, "{\"SecurityGroups\":[", ",", "")]
#[case::more_pages(compact, "[[", ",", "],[],{\"SecurityGroups\":[]},[{\"GroupId\":\"sg-9\"}]]")]
fn groups_are_the_same(
    #[case] write: fn(&Value) -> String,
    #[case] begin: &str,
    #[case] separator: &str,
    #[case] end: &str,
) {
    let input = format!("{begin}{}{end}", records(group, write, separator));
    let found = check(input.as_bytes());
    assert!(found.len() > 1000, "{found:?}");
}

#[rstest]
#[case(compact, "{\"configurationItems\":[", ",", "]}")]
#[case(pretty, "{\n  \"configurationItems\": [\n    ", ",\n    ", "\n  ]\n}\n")]
#[case(compact, "{\"configurationItems\":[", ",", "],\"nextToken\":\"a\"}")]
fn items_are_the_same(
    #[case] write: fn(&Value) -> String,
    #[case] begin: &str,
    #[case] separator: &str,
    #[case] end: &str,
) {
    let of_several_types = |number: usize| {
        let mut item = item(number);
        match number % 50 {
            7 => item["resourceType"] = json!("AWS::EC2::Instance"),
            9 => item["configurationItemStatus"] = json!("ResourceDeleted"),
            11 => item["configuration"] = json!("broken"),
            _ => {}
        }
        item
    };
    let found = check(format!("{begin}{}{end}", records(of_several_types, write, separator)).as_bytes());
    assert!(found.len() > 900, "{found:?}");
    // Items without a time are handed out at once.
    let without_time = |number: usize| {
        let mut item = item(number);
        if number % 3000 == 1500 {
            item.as_object_mut().unwrap().remove("configurationItemCaptureTime");
        }
        item
    };
    check(format!("{begin}{}{end}", records(without_time, write, separator)).as_bytes());
}

/// A reader that fails after its bytes.
struct Fails<'b>(Cursor<&'b [u8]>);

impl Read for Fails<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn a_reader_that_fails_is_an_error() {
    let input = format!("[{}]", records(group, compact, ","));
    for length in [LONG - 1, LONG / 2, LONG / 8] {
        let read = |cores| on_cores(cores, Fails(Cursor::new(&input.as_bytes()[..length])));
        let (one, several) = (read(1), read(3));
        assert!(one.last().unwrap().contains("the disk is gone"), "{:?}", one.last());
        assert_eq!(one.last(), several.last());
        // What was read before counts no less; how much of it comes out depends on how much was read at once.
        let differences =
            one.iter().zip(&several).take(one.len().min(several.len()) - 1).filter(|(one, several)| one != several);
        assert_eq!(differences.count(), 0);
    }
}

#[test]
fn a_reading_ends_when_it_is_told_to() {
    let input = format!("[{}]", records(group, compact, ","));
    let mut count = 0;
    let stats = read(input.as_bytes(), "-", &Options::default(), &mut |_| {
        count += 1;
        if count < 2000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!((count, stats.unwrap().groups), (2000, 2000));
}

/// White space of Unicode is none in JSON.
#[rstest]
#[case::vertical_tab("\u{b}")]
#[case::no_break_space("\u{a0}")]
fn other_white_space_is_refused(#[case] space: &str) {
    let text = records(group, compact, ",");
    let input = format!("[{}]", text.replacen(r#","GroupName":"service-1500""#, r#","GroupName":"x""#, 1));
    let at = input.find(r#""GroupName":"x""#).unwrap();
    let record = input[..at].rfind("},{\"Description\":\"Zug").unwrap() + 2;
    let found = check(format!("{}{space}{}", &input[..record], &input[record..]).as_bytes());
    assert!(found.last().unwrap().starts_with("Err("), "{:?}", found.last());
}

/// What may stand in a list in place of a group, or make the list another one.
fn odd() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![
        &br#"{"GroupId":"sg-x"}"#[..],
        br#"{"Description":"x"}"#,
        br#"{"Description":"x","GroupId":"sg-x","IpPermissions":[{"IpProtocol":7}]}"#,
        br#"[{"Description":"x","GroupId":"sg-x","IpPermissions":[]}]"#,
        br#"{"SecurityGroups":[{"Description":"x","GroupId":"sg-x","IpPermissions":[]}]}"#,
        br#""text""#,
        b"7",
        b"null",
        b"",
        b"]",
        b"}",
        b"{",
        b"],[",
        b"\xff",
        b"\xc3",
        b"\"\\ud800\"",
        br#"{"resourceType":"AWS::EC2::VPC","Description":"x"}"#,
    ])
}

/// Whatever stands in the list, and wherever. Each case takes megabytes: ten of them, whatever number other properties have.
#[test]
fn odd_records_are_found_at_the_same_places() {
    let places = prop::collection::vec((any::<prop::sample::Index>(), odd()), 1..6);
    let lists = (places, prop::sample::select(vec![",", ",\n  ", "\n"]), any::<bool>());
    let mut runner = TestRunner::new(ProptestConfig { cases: 10, ..ProptestConfig::default() });
    let checked = runner.run(&lists, |(places, separator, is_cut)| {
        let mut pieces: Vec<Vec<u8>> = (0..2000).map(|number| compact(&group(number)).into_bytes()).collect();
        for (place, odd) in &places {
            pieces[place.index(2000)] = odd.to_vec();
        }
        let mut input = pieces.join(separator.as_bytes());
        if separator != "\n" {
            input.insert(0, b'[');
            input.push(b']');
        }
        if is_cut {
            input.truncate(input.len() / 7 * 6);
        }
        check(&input);
        Ok(())
    });
    assert!(checked.is_ok(), "{checked:?}");
}
