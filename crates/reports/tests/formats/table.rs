//! Behaviour of the table.

use exposure::Reach;
use findings::{GroupResult, ScanRecord, ScanTarget};
use reports::{Format, ReportOptions};
use rstest::rstest;

use crate::{full, results, written};

#[test]
fn a_table_of_several_batches_has_one_header_and_every_group() {
    let exposure = results::exposure(None, 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
    let results: Vec<GroupResult> =
        (0..1_000).map(|number| results::open(&format!("sg-{number:017x}"), "web", vec![exposure.clone()])).collect();
    let (table, ended) = written(Format::Table, results::options(), &results, Vec::new());
    ended.unwrap();
    assert_eq!(table.matches("GROUP").count(), 1);
    assert_eq!(table.matches("sg-").count(), 1_000);
    let columns: Vec<Option<usize>> =
        table.lines().filter(|line| line.contains("sg-")).map(|line| line.find("0.0.0.0/0")).collect();
    assert!(columns.iter().all(|column| column.is_some() && *column == columns[0]));
    assert!(table.ends_with("1000 security groups evaluated: 1000 non-compliant (1000 high)\n"), "{table}");
}

#[rstest]
fn no_line_of_a_table_is_wider_than_the_terminal(#[values(60, 79, 80, 100, 120, 149, 150, 200)] width: u16) {
    let options = ReportOptions { width, all: true, ..results::options() };
    let (table, _) = written(Format::Table, options, &results::results(), Vec::new());
    // The lines after the table are sentences.
    let end = table.lines().position(|line| line.contains(" evaluated: ")).unwrap();
    for line in table.lines().take(end) {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= width.into(), "{line}");
    }
}

#[rstest]
fn no_id_is_broken_from_80_columns_on(#[values(80, 100, 120, 200)] width: u16) {
    let options = ReportOptions { width, ..results::options() };
    let (table, _) = written(Format::Table, options, &results::results(), Vec::new());
    let ids = ["sg-0000000000000003", "module.net.aws_security_group.db", "pl-0123456789abcdef0", "123456789012"];
    for id in ids {
        assert!(table.split_whitespace().any(|word| word == id), "{id}: {table}");
    }
}

/// Two accounts were read, in two regions, and all rows are of one of them.
#[rstest]
fn a_row_names_the_account_that_the_head_does_not(#[values(80, 160)] width: u16) {
    let target = |account: &str, region: &str| ScanTarget {
        account: account.into(),
        region: region.into(),
        profile: None,
        assumed_role: None,
        caller_arn: Some(format!("arn:aws:sts::{account}:assumed-role/audit/jane")),
        policy: None,
    };
    let table = |targets: Vec<ScanTarget>| {
        let record = ScanRecord { inputs: Vec::new(), targets: targets.into(), ..results::record() };
        let exposure = results::exposure(None, 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
        let group = results::open("sg-1", "web", vec![exposure]);
        let options = ReportOptions { width, record, ..results::options() };
        // The head may be broken at the end of a line.
        written(Format::Table, options, &[group], Vec::new()).0.replace('\n', " ")
    };
    let one = target("123456789012", "eu-central-1");
    let alone = table(vec![one.clone()]);
    assert!(alone.starts_with("Portcullis 0.1.0, 2026-11-21T06:45:00Z, account 123456789012, eu-central-1, as"));
    assert!(alone.contains(" assumed-role/audit/jane Policy: "), "{alone}");
    assert_eq!((alone.matches("123456789012").count(), alone.matches("eu-central-1").count()), (1, 1));
    let of_two = table(vec![one, target("210987654321", "us-east-1")]);
    assert!(of_two.starts_with("Portcullis 0.1.0, 2026-11-21T06:45:00Z, 2 accounts, 2 regions"), "{of_two}");
    assert!(of_two.contains("123456789012") && of_two.contains("eu-central-1"), "{of_two}");
}

#[test]
fn a_table_says_nothing_to_the_terminal_but_colors() {
    let options = ReportOptions { color: true, ..results::options() };
    let (table, _) = written(Format::Table, options, &results::results(), results::not_scanned());
    for sequence in table.split('\u{1b}').skip(1) {
        let (parameters, _) = sequence.strip_prefix('[').and_then(|rest| rest.split_once('m')).unwrap();
        assert!(parameters.chars().all(|character| character.is_ascii_digit() || character == ';'), "{parameters}");
    }
    let others = |character: char| character.is_control() && !matches!(character, '\n' | '\u{1b}');
    assert!(!table.contains(others) && !table.contains('\u{202e}'));
    assert!(!full(Format::Table).contains('\u{1b}'));
}
