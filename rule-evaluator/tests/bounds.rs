//! The largest and oddest events that Lambda delivers: bounds on time and memory, and never a compliant result.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::alloc::System;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_traits::fakes::FakeAws;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use peakmem_alloc::{PeakMemAlloc, PeakMemAllocTrait};
use rstest::rstest;
use rule_evaluator::{Evaluator, InvocationSummary};
use serde_json::{Map, Value, json};

#[global_allocator]
static MEMORY: PeakMemAlloc<System> = PeakMemAlloc::new(System);
/// Serialises the tests of this file, so that each measures only its own memory.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Largest payload of a synchronous invocation, in bytes. That of an asynchronous one is smaller.
const LARGEST_PAYLOAD: usize = 6 * 1024 * 1024;
/// Longest time for an event. Quadratic growth would take minutes.
const DEADLINE: Duration = Duration::from_mins(1);
/// Bytes of memory for each byte of an event, in addition to the event.
const MEMORY_PER_BYTE: usize = 40;

const ITEM: &str = r#"{"messageType":"ConfigurationItemChangeNotification","configurationItem":{
    "resourceType":"AWS::EC2::SecurityGroup","resourceId":"sg-0aaaaaaaaaaaaaaaa","configurationItemStatus":"OK",
    "configurationItemCaptureTime":"2026-03-01T10:15:30.123Z","configuration":CONFIGURATION}}"#;

fn event(configuration: &str) -> Map<String, Value> {
    let event = json!({
        "configRuleName": "portcullis", "eventLeftScope": false, "resultToken": "token",
        "ruleParameters": r#"{"FocusOnPorts":"0-65535"}"#, "invokingEvent": ITEM.replace("CONFIGURATION", configuration),
    });
    serde_json::from_value(event).unwrap()
}

fn with_permissions(permissions: &str) -> Map<String, Value> {
    event(&format!(r#"{{"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":{permissions}}}"#))
}

/// As many pieces as fit into a payload, separated by commas. `piece` returns the piece of a number.
fn flood(piece: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let piece = piece(number);
        if text.len() + piece.len() > LARGEST_PAYLOAD - 1000 {
            break;
        }
        if number > 0 {
            text.push(',');
        }
        text.push_str(&piece);
    }
    text
}

/// Result for an event. Fails if it exceeds the bounds on time and memory.
fn judged(event: Map<String, Value>) -> Result<InvocationSummary, Diagnostic> {
    let now = || "2026-11-21T00:00:00Z".parse::<Timestamp>().unwrap();
    let size = event["invokingEvent"].as_str().unwrap().len();
    let aws = FakeAws::default();
    let evaluator = Evaluator::new(aws.clone(), now);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let begun = Instant::now();
    MEMORY.reset_peak_memory();
    let outcome = runtime.block_on(evaluator.handle(event)).map_err(Diagnostic::from);
    let peak = MEMORY.get_peak_memory();
    println!("{size} bytes, {} bytes of memory for each, {:?}", peak / size, begun.elapsed());
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    assert!(peak < 1_000_000 + size * MEMORY_PER_BYTE, "{peak} bytes of memory for {size}");
    assert_eq!(outcome.is_err(), aws.account().evaluations.is_empty());
    if let Err(error) = &outcome {
        assert!(error.error_message.chars().count() <= 2000, "{} bytes of message", error.error_message.len());
    }
    outcome
}

fn compliant(outcome: &Result<InvocationSummary, Diagnostic>) -> bool {
    outcome.as_ref().is_ok_and(|outcome| outcome.compliant > 0)
}

fn permission(number: usize, source: &str) -> String {
    format!(r#"{{"ipProtocol":"tcp","fromPort":{},"toPort":65535,"ipRanges":["{source}"]}}"#, number % 65536)
}

/// A group with ten times the rules that EC2 allows is judged like any other.
#[rstest]
#[case::closed(|number| permission(number, &format!("10.{}.{}.0/24", number / 256 % 256, number % 256)), true)]
#[case::open(|number| permission(number, "0.0.0.0/0"), false)]
#[case::open_jointly(|number| permission(number, &format!("{}.0.0.0/8", 11 + number % 125)), false)]
fn the_largest_group_is_judged(#[case] piece: fn(usize) -> String, #[case] expected: bool) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let permissions: Vec<String> = (0..10_000).map(piece).collect();
    let outcome = judged(with_permissions(&format!("[{}]", permissions.join(","))));
    assert_eq!(outcome.as_ref().unwrap().compliant + outcome.as_ref().unwrap().non_compliant, 1);
    assert_eq!(compliant(&outcome), expected);
}

/// Events full of malformed permissions.
#[rstest]
#[case::rules(|| format!("[{}]", flood(|number| permission(number, "10.0.0.0/8"))))]
#[case::lists_of_sources(|| format!("[{}]", flood(|_| format!(r#"{{"ipRanges":[{}]}}"#, vec![r#""""#; 9_999].join(",")))))]
#[case::empty_sources(|| format!(r#"[{{"ipProtocol":"-1","ipRanges":[{}]}}]"#, flood(|_| r#""""#.to_owned())))]
#[case::odd_sources(|| format!(r#"[{{"ipProtocol":"-1","ipRanges":[{}]}}]"#, flood(|number| format!("\"x{number}\""))))]
#[case::odd_ranges(|| format!(r#"[{{"ipv6Ranges":[{}]}}]"#, flood(|_| r#"{"cidrIpv6":""}"#.to_owned())))]
#[case::no_sources(|| format!("[{}]", flood(|_| "{}".to_owned())))]
#[case::prefix_lists(|| format!(r#"[{{"ipProtocol":"-1","prefixListIds":[{}]}}]"#,
    flood(|number| format!(r#"{{"prefixListId":"pl-{number:x}"}}"#))))]
#[case::long_protocol(|| format!(r#"[{{"ipProtocol":"{}","ipRanges":[{}]}}]"#,
    "x".repeat(3_000_000), vec![r#""::/0""#; 9_999].join(",")))]
#[case::long_source(|| format!(r#"[{{"ipProtocol":"-1","ipRanges":["{}"]}}]"#, "x".repeat(6_000_000)))]
#[case::long_text_for_a_number(|| format!(r#"[{{"fromPort":"{}"}}]"#, "x".repeat(6_000_000)))]
#[case::long_number(|| format!(r#"[{{"fromPort":{}}}]"#, "1".repeat(6_000_000)))]
#[case::deep_lists(|| format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)))]
#[case::deepest_lists(|| format!("{}{}", "[".repeat(3_000_000), "]".repeat(3_000_000)))]
#[case::deep_objects(|| format!("{}1{}", r#"{"a":"#.repeat(1_000_000), "}".repeat(1_000_000)))]
#[case::unclosed(|| "[".repeat(6_000_000))]
#[case::lone_surrogates(|| format!("[{{\"ipProtocol\":\"{}\"}}]", r"\ud800".repeat(900_000)))]
fn no_flood_of_garbage_is_compliant(#[case] permissions: fn() -> String) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // Created only now, so that a waiting test does not add to the memory of another one.
    let permissions = permissions();
    assert!(judged(with_permissions(&permissions)).is_err());
}

/// Fields that the rule ignores may be nested deeply.
#[test]
fn ignored_fields_may_be_nested_deeply() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let deep = format!("{}{}", "[".repeat(3_000_000), "]".repeat(3_000_000));
    let permissions = r#"[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipRanges":["0.0.0.0/0"]}]"#;
    let configuration =
        format!(r#"{{"groupId":"sg-0aaaaaaaaaaaaaaaa","groupExtras":{deep},"ipPermissions":{permissions}}}"#);
    assert_eq!(judged(event(&configuration)).unwrap().non_compliant, 1);
}

/// Numbers that are not ports, in a rule with the source 0.0.0.0/0.
#[rstest]
fn no_odd_number_is_compliant(
    #[values(
        "1e400",
        "-1e400",
        "-0",
        "0.0",
        "22.0",
        "2.2e1",
        "18446744073709551616",
        "-9223372036854775809",
        "9223372036854775807",
        "65536",
        "-2",
        "1e-400",
        "\"22\"",
        "[22]",
        "{}",
        "true",
        "NaN",
        "0x16",
        "022",
        "+22"
    )]
    number: &str,
    #[values("fromPort", "toPort")] key: &str,
) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let other = if key == "fromPort" { "toPort" } else { "fromPort" };
    let permission = format!(r#"[{{"ipProtocol":"tcp","{key}":{number},"{other}":22,"ipRanges":["0.0.0.0/0"]}}]"#);
    let outcome = judged(with_permissions(&permission));
    assert!(!compliant(&outcome), "{outcome:?}");
    let digits = permission.replace(number, &"9".repeat(1000));
    assert!(judged(with_permissions(&digits)).is_err());
}

/// A duplicate key is ambiguous.
#[rstest]
#[case(r#"{"groupId":"sg-0aaaaaaaaaaaaaaaa","groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[]}"#)]
#[case(r#"{"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"-1","ipRanges":["::/0"]}],"ipPermissions":[]}"#)]
#[case(r#"{"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"-1","ipProtocol":"icmp","ipRanges":["::/0"]}]}"#)]
#[case(r#"{"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"-1","ipRanges":["::/0"],"ipRanges":[]}]}"#)]
#[case(r#"{"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"-1","ipRanges":[{"cidrIp":"::/0","cidrIp":"10.0.0.0/8"}]}]}"#)]
#[case(r#"{"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[]},"configuration":{"groupId":"sg-0aaaaaaaaaaaaaaaa"}"#)]
fn no_duplicate_key_is_compliant(#[case] configuration: &str) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(judged(event(configuration)).is_err());
}

/// A lone surrogate is not text, so a group id with one is invalid.
#[rstest]
#[case(r"sg-\ud800")]
#[case(r"sg-\udc00\ud800")]
#[case(r"\ud800\u0041")]
#[case(r"\uZZZZ")]
#[case(r"\u00")]
#[case("\u{1}")]
fn no_broken_text_is_compliant(#[case] text: &str) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for configuration in [
        format!(r#"{{"groupId":"{text}","ipPermissions":[]}}"#),
        format!(r#"{{"groupId":"sg-0aaaaaaaaaaaaaaaa","groupName":"{text}","ipPermissions":[]}}"#),
        format!(r#""{{\"groupId\":\"{text}\"}}""#),
    ] {
        assert!(judged(event(&configuration)).is_err(), "{configuration}");
    }
}
