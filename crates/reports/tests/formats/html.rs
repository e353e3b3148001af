//! Behaviour of the HTML page.

use exposure::Reach;
use findings::{FoundExposure, GroupResult};
use reports::Format;
use rstest::rstest;

use crate::{full, results, written};

#[test]
fn a_page_takes_text_for_text() {
    let page = full(Format::Html);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("alert(1)</script>"));
    assert!(page.contains("&#60;script&#62;alert(1)"));
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = full(Format::Html);
    for reference in ["http:", "https:", "src=", "url(", "@import", "<link", "<iframe", " style=", " onclick="] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn a_page_says_why_a_group_is_exempt() {
    let page = full(Format::Html);
    let exempt = page.split("id=\"exempt\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(exempt.matches("<li>").count(), 1, "{exempt}");
    assert!(exempt.contains("sg-0000000000000002 (bastion), 123456789012 eu-central-1"), "{exempt}");
    let reason = "tcp/22 from 0.0.0.0/0 until 2026-12-31: bastion until the VPN is there (platform@example.com)";
    assert!(exempt.contains(reason), "{exempt}");
}

/// The worst findings come last, and are on the page all the same.
#[test]
fn a_page_shows_the_worst_and_says_how_many_it_leaves_out() {
    let some = results::exposure(None, 22, 22, "203.0.113.0/24", "tcp/22", Reach::Partial);
    let world = results::exposure(None, 3389, 3389, "0.0.0.0/0", "tcp/3389", Reach::World);
    let results: Vec<GroupResult> = (0..3_000)
        .map(|number| {
            let exposure = if number < 2_990 { &some } else { &world };
            results::open(&format!("sg-{number:017x}"), "web", vec![exposure.clone()])
        })
        .collect();
    let (page, ended) = written(Format::Html, results::options(), &results, Vec::new());
    ended.unwrap();
    assert_eq!(page.matches("data-kind=").count(), 1_000);
    assert_eq!(page.matches("data-kind=\"high\"").count(), 10);
    assert!(page.contains("The 1,000 groups with the highest severity of 3,000;"));
    assert!(page.contains("The other 2,000 are in the reports"));
    assert!(page.contains("3,000 of 3,000 security groups are open"));
}

/// One account has more open groups than the page has room for, and comes first.
#[test]
fn no_account_takes_the_place_of_another_that_is_as_open() {
    let port = |port: i64| results::exposure(None, port, port, "0.0.0.0/0", "tcp/22", Reach::World);
    let everything = FoundExposure { protocol: "-1".into(), from_port: None, to_port: None, ..port(22) };
    let range = results::exposure(None, 20, 25, "0.0.0.0/0", "tcp/22", Reach::World);
    let of = |account: &str, number: usize, exposure: &FoundExposure| GroupResult {
        account: Some(account.to_owned()),
        ..results::open(&format!("sg-{account}{number:05x}"), "web", vec![exposure.clone()])
    };
    let mut results: Vec<GroupResult> = (0..2_000).map(|number| of("111111111111", number, &port(22))).collect();
    results.extend((0..30).map(|number| of("222222222222", number, &port(22))));
    results.push(of("333333333333", 0, &range));
    results.push(of("444444444444", 0, &everything));
    let (page, _) = written(Format::Html, results::options(), &results, Vec::new());
    let of_account = |account: &str| page.matches(&format!("data-account=\"{account}\"")).count();
    assert_eq!(of_account("222222222222"), 30);
    assert_eq!(of_account("111111111111"), 1_000 - 32);
    let place = |account: &str| page.find(&format!("data-account=\"{account}\"")).unwrap();
    assert!(place("444444444444") < place("333333333333"), "all traffic before a range");
    assert!(place("333333333333") < place("111111111111"), "a range before a port");
    // The filters know of all of them.
    assert!(page.contains("111111111111\teu-central-1\thigh\t2000\n"));
}

#[test]
fn a_group_is_one_row_with_its_rules_inside() {
    let rule =
        |number: i64| results::exposure(Some(&format!("sgr-{number}")), 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
    let result = results::open("sg-0123456789abcdef0", "web", (0..25).map(rule).collect());
    let (page, _) = written(Format::Html, results::options(), &[result], Vec::new());
    assert_eq!(page.matches("data-kind=").count(), 1);
    assert!(page.contains("17 more rules") && page.contains("And 5 more rules"), "{page}");
    assert!(page.contains("--ports=22,3389") && page.contains("--scope=world"));
}

#[rstest]
#[case::compliant(0, "No blocked port is open to more than a /8 of IPv4 or a /16 of IPv6 (scope world).")]
#[case::not_scanned(2, "not everything could be judged")]
fn a_page_without_findings_says_so(#[case] unscanned: usize, #[case] verdict: &str) {
    let not_scanned = results::not_scanned().into_iter().take(unscanned).collect();
    let (page, _) = written(Format::Html, results::options(), &[results::group("sg-1", "web")], not_scanned);
    assert!(page.contains(verdict) && page.contains("There are no findings."));
    assert!(!page.contains("verdict closed"));
}

/// A page shows 20 rules of a group, and counts the others.
#[rstest]
#[case(20, None)]
#[case(21, Some("And 1 more rule, which"))]
#[case(23, Some("And 3 more rules, which"))]
fn the_rules_that_a_page_leaves_out_are_counted(#[case] rules: i64, #[case] expected: Option<&str>) {
    let exposures = (1..=rules).map(|port| results::exposure(None, port, port, "0.0.0.0/0", "tcp/22", Reach::World));
    let group = results::open("sg-1", "web", exposures.collect());
    let (page, _) = written(Format::Html, results::options(), &[group], Vec::new());
    match expected {
        Some(expected) => assert!(page.contains(expected)),
        None => assert!(!page.contains(" more rule, ") && !page.contains(" more rules, ")),
    }
}

/// A template belongs to no region.
#[test]
fn a_region_is_missed_only_where_there_is_one() {
    let page = |location| {
        let exposure = results::exposure(None, 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
        let group = GroupResult { region: None, location, ..results::open("Web", "web", vec![exposure]) };
        written(Format::Html, results::options(), &[group], Vec::new()).0
    };
    assert!(page(None).contains("not given"));
    let location = findings::Location { file: "web.yaml".into(), resource: Some("Web".into()), line: Some(3) };
    assert!(!page(Some(location)).contains("not given"));
}
