//! When what is open is to be closed, day by day.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use exposure::{
    Assessment, Exemptions, IngressRule, Policy, PrefixList, PrefixLists, SecurityGroup, Source, Traffic, assess,
};
use jiff::{SignedDuration, Timestamp};
use judgement::{GraceDays, GraceRecord};
use rstest::rstest;

const WEEK: u16 = 7;

fn day(day: i64) -> Timestamp {
    "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap().saturating_add(SignedDuration::from_hours(24 * day)).unwrap()
}

fn days(days: u16) -> GraceDays {
    GraceDays::new(days).unwrap()
}

/// Rules by their names: `ssh`, also from one `half` of the internet, `rdp`, and `both`; and `list`, which cannot be read.
fn group(rules: &str) -> SecurityGroup {
    let rule = |name: &str| {
        let (from, to, source) = match name {
            "ssh" => (22, 22, "0.0.0.0/0"),
            "half" => (22, 22, "0.0.0.0/1"),
            "rdp" => (3389, 3389, "0.0.0.0/0"),
            "both" => (22, 3389, "0.0.0.0/0"),
            "list" => (22, 22, "pl-0123"),
            _ => panic!("no rule is named {name}"),
        };
        IngressRule::new(Traffic::parse("tcp", Some(from), Some(to)), Source::from(source))
    };
    SecurityGroup {
        id: "sg-0aaaaaaaaaaaaaaaa".into(),
        ingress: rules.split_whitespace().map(rule).collect(),
        ..SecurityGroup::default()
    }
}

fn judge(group: &SecurityGroup) -> Assessment<'_> {
    let mut lists = PrefixLists::default();
    lists.insert("pl-0123".into(), PrefixList::Unreadable { reason: "denied".into() });
    assess(group, &Policy::new("22,3389".parse().unwrap()), &Exemptions::default(), &lists, day(0))
}

/// A record after a sweep on each of these days, with the rules that the group had.
fn record(sweeps: &[(i64, &str)]) -> GraceRecord {
    let mut record = GraceRecord::new(days(WEEK));
    for (at, rules) in sweeps {
        record.see(&judge(&group(rules)), days(WEEK), day(*at));
    }
    record
}

/// Days on which the exposures of these rules are closed, seen on day `at`.
fn closes(record: &GraceRecord, at: i64, rules: &str) -> Vec<i64> {
    let group = group(rules);
    let closes = record.closes(&judge(&group), days(WEEK), day(at));
    closes.into_iter().map(|closes| closes.duration_since(day(0)).as_hours() / 24).collect()
}

#[rstest]
#[case::never_seen(&[], 3, "ssh", &[10])]
#[case::seen_each_day(&[(0, "ssh"), (1, "ssh"), (2, "ssh")], 3, "ssh", &[7])]
#[case::sweeps_that_were_lost(&[(0, "ssh"), (6, "ssh")], 6, "ssh", &[7])]
#[case::another_beside_it(&[(0, "ssh"), (3, "ssh rdp")], 4, "ssh rdp", &[7, 10])]
#[case::the_same_port_from_elsewhere_beside_it(&[(0, "ssh"), (3, "ssh half")], 4, "ssh half", &[7, 10])]
#[case::closed_for_two_days(&[(0, "ssh"), (3, ""), (5, "ssh")], 5, "ssh", &[9])]
#[case::closed_for_two_days_and_not_seen_again_yet(&[(0, "ssh"), (3, "")], 5, "ssh", &[9])]
#[case::closed_twice(&[(0, "ssh"), (3, ""), (5, "ssh"), (6, ""), (7, "ssh")], 7, "ssh", &[10])]
#[case::closed_for_a_week(&[(0, "ssh"), (3, ""), (10, "ssh")], 10, "ssh", &[14])]
#[case::closed_for_longer(&[(0, "ssh"), (3, ""), (11, "ssh")], 11, "ssh", &[18])]
#[case::closed_for_longer_and_never_swept(&[(0, "ssh"), (3, "")], 11, "ssh", &[18])]
#[case::edited(&[(0, "ssh"), (3, "half")], 4, "half", &[7])]
#[case::edited_before_a_sweep(&[(0, "ssh")], 4, "half", &[7])]
#[case::edited_and_back(&[(0, "ssh"), (3, "half"), (5, "ssh")], 5, "ssh", &[7])]
#[case::widened(&[(0, "ssh"), (3, "both")], 4, "both", &[7])]
#[case::split(&[(0, "both"), (3, "ssh rdp")], 4, "ssh rdp", &[7, 7])]
#[case::merged(&[(0, "ssh"), (2, "ssh rdp"), (3, "both")], 4, "both", &[7])]
#[case::another_port_in_its_place(&[(0, "ssh"), (3, "rdp")], 4, "rdp", &[10])]
#[case::not_judged_meanwhile(&[(0, "ssh"), (3, "list"), (5, "ssh")], 5, "ssh", &[7])]
fn an_exposure_is_closed_when_it_was_open_for_a_week(
    #[case] sweeps: &[(i64, &str)],
    #[case] at: i64,
    #[case] rules: &str,
    #[case] expected: &[i64],
) {
    assert_eq!(closes(&record(sweeps), at, rules), expected);
}

fn due(record: &GraceRecord, rules: &str) -> Vec<bool> {
    let group = group(rules);
    judge(&group).exposures.iter().map(|exposure| record.is_due(exposure)).collect()
}

#[test]
fn only_what_was_open_long_enough_is_due() {
    let mut known = record(&[(0, "ssh"), (3, "ssh rdp")]);
    assert_eq!((due(&known, "ssh rdp"), known.due_from, known.closes), (vec![false; 2], None, Some(day(7))));
    known.see(&judge(&group("ssh rdp")), days(WEEK), day(7));
    assert_eq!((due(&known, "ssh rdp"), known.due_from), (vec![true, false], Some(day(7))));
    // What nobody has seen yet is not due.
    assert_eq!(due(&known, "half"), [false]);
    // It was closed, and opened again.
    known.see(&judge(&group("rdp")), days(WEEK), day(8));
    assert_eq!((due(&known, "ssh rdp"), known.due_from, known.closes), (vec![false; 2], None, Some(day(10))));
}

/// Other days count at once, also for what was seen before.
#[test]
fn the_days_may_change() {
    let mut known = record(&[(0, "ssh"), (8, "ssh")]);
    assert!(known.is_by(days(WEEK)) && due(&known, "ssh") == [true]);
    known.see(&judge(&group("ssh")), days(30), day(9));
    assert!(known.is_by(days(30)) && !known.is_by(days(WEEK)));
    assert_eq!((due(&known, "ssh"), known.closes), (vec![false], Some(day(30))));
    known.see(&judge(&group("ssh")), days(2), day(9));
    assert_eq!(due(&known, "ssh"), [true]);
}

#[test]
fn a_record_is_kept_for_months_and_forgets_what_is_gone_for_a_week() {
    let mut known = record(&[(0, "ssh"), (3, "")]);
    assert!(!known.is_empty() && known.closes.is_none());
    known.see(&judge(&group("")), days(WEEK), day(11));
    assert!(known.is_empty());
    let lasts = |record: &GraceRecord, now| record.expires(now).duration_since(now).as_hours() / 24;
    assert_eq!(lasts(&record(&[(0, "ssh")]), day(0)), 98);
    assert_eq!(lasts(&known, day(11)), 91);
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let known = record(&[(0, "ssh rdp"), (3, "rdp"), (7, "rdp")]);
    let text = serde_json::to_string(&known).unwrap();
    assert_eq!(serde_json::from_str::<GraceRecord>(&text).unwrap(), known, "{text}");
}

#[rstest]
#[case("0", None)]
#[case("1", Some(1))]
#[case("365", Some(365))]
fn days_of_grace_are_read(#[case] text: &str, #[case] expected: Option<u16>) {
    assert_eq!(GraceDays::read(text), Ok(expected.map(days)));
}

#[rstest]
#[case("366")]
#[case("00")]
#[case("-1")]
#[case("")]
#[case("a week")]
fn other_days_are_refused(#[case] text: &str) {
    let error = GraceDays::read(text).unwrap_err().to_string();
    assert_eq!(error, format!("`{text}` is not a number of days of grace, from 0 to 365"));
}
