//! Cells of a CSV: untrusted text in a spreadsheet.

use std::borrow::Cow;

/// First characters that make a spreadsheet run a cell as a formula.
const BEGINS_FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Untrusted text as a cell that no spreadsheet runs. Spreadsheets do not show the quote in front of it.
pub(super) fn text(text: Option<&str>) -> Cow<'_, str> {
    let text = text.unwrap_or_default();
    if text.starts_with(BEGINS_FORMULA) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::formula("=1+1", "'=1+1")]
    #[case::plus("+1", "'+1")]
    #[case::minus("-2+3", "'-2+3")]
    #[case::at("@SUM(A1)", "'@SUM(A1)")]
    #[case::tab("\t=1", "'\t=1")]
    #[case::carriage_return("\r=1", "'\r=1")]
    #[case::line_feed("\n=1", "'\n=1")]
    #[case::full_width("＝1", "'＝1")]
    #[case::name("web-sg", "web-sg")]
    #[case::within("a=1", "a=1")]
    fn a_formula_becomes_text(#[case] input: &str, #[case] cell: &str) {
        assert_eq!(text(Some(input)), cell);
    }
}
