//! The exact text of each format.

use reports::Format;
#[cfg(feature = "table")]
use reports::ReportOptions;
use rstest::rstest;

use crate::full;
#[cfg(feature = "table")]
use crate::{results, written};

#[rstest]
#[cfg_attr(feature = "table", case(Format::Table))]
#[case(Format::Json)]
#[case(Format::Jsonl)]
#[cfg_attr(feature = "csv", case(Format::Csv))]
#[case(Format::Sarif)]
#[case(Format::Asff)]
#[case(Format::Ocsf)]
fn a_report_is_as_it_was(#[case] format: Format) {
    insta::assert_snapshot!(format.as_str(), full(format));
}

/// The page without style and script, which are files of their own.
#[cfg(feature = "html")]
#[test]
fn the_page_is_as_it_was() {
    let page = full(Format::Html);
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (body, rest) = rest.split_once("<script>").unwrap();
    let (_, foot) = rest.split_once("</script>").unwrap();
    let (policy, head) = head.split_once("style-src").unwrap();
    let (_, head) = head.split_once("; base-uri").unwrap();
    insta::assert_snapshot!("html", format!("{policy}…{head}{body}{foot}"));
}

#[cfg(feature = "table")]
#[rstest]
#[case::narrow("table_60", ReportOptions { width: 60, ..results::options() })]
#[case::usual("table_80", ReportOptions { width: 80, ..results::options() })]
#[case::wide("table_200", ReportOptions { width: 200, ..results::options() })]
#[case::wide_all("table_160_all", ReportOptions { width: 160, all: true, ..results::options() })]
#[case::color("table_color", ReportOptions { color: true, ..results::options() })]
fn a_table_fits_the_terminal(#[case] name: &str, #[case] options: ReportOptions) {
    let (table, _) = written(Format::Table, options, &results::results(), results::not_scanned());
    insta::assert_snapshot!(name, table);
}
