//! Behaviour of the HTML page.

use exposure::Reach;
use findings::GroupResult;
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
    assert_eq!(page.matches("data-kind=").count(), 2_000);
    assert_eq!(page.matches("data-kind=\"world\"").count(), 10);
    assert!(page.contains("1,000 more are not on this page"));
    assert!(page.contains("3,000 of 3,000 security groups are open"));
}

#[rstest]
#[case::closed(0, "Every blocked port is closed")]
#[case::not_scanned(2, "not everything could be judged")]
fn a_page_without_findings_says_so(#[case] unscanned: usize, #[case] verdict: &str) {
    let not_scanned = results::not_scanned().into_iter().take(unscanned).collect();
    let (page, _) = written(Format::Html, results::options(), &[results::group("sg-1", "web")], not_scanned);
    assert!(page.contains(verdict) && page.contains("There are no findings."));
}
