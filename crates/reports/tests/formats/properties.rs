//! Reports on untrusted names: the formats stay well-formed, and nothing is injected.

use exposure::Reach;
use findings::{FoundExposure, GroupResult, Location, NotScanned, UnjudgedRule};
use proptest::prelude::*;
use reports::{Format, ReportOptions};
use serde_json::Value;

use crate::{results, written};

/// Any text, often with parts that mean something to a shell, a browser, a terminal or a spreadsheet.
fn text() -> impl Strategy<Value = String> {
    let telling = proptest::collection::vec(
        prop_oneof![
            any::<char>().prop_map(String::from),
            proptest::sample::select(vec![
                "<script>",
                "</script>",
                "</style>",
                "-->",
                "\"",
                "'",
                "&",
                "=",
                "\r\n",
                "\u{1b}[2J",
                "\u{9b}",
                "\0",
                "\u{202e}",
                "`id`",
                "$(id)",
                "{{",
                "{%",
                ",",
                "\\",
                "𝟘",
                "e\u{301}",
            ])
            .prop_map(str::to_owned),
        ],
        0..12,
    );
    telling.prop_map(|parts| parts.concat())
}

prop_compose! {
    fn group()(
        id in prop_oneof![Just("sg-0123456789abcdef0".to_owned()), text()],
        name in proptest::option::of(text()),
        account in proptest::option::of(text()),
        region in proptest::option::of(text()),
        rule_id in proptest::option::of(text()),
        source in text(),
        description in proptest::option::of(text()),
        is_open in any::<bool>(),
        file in proptest::option::of(text()),
        reach in proptest::sample::select(vec![Reach::World, Reach::Partial]),
    ) -> GroupResult {
        let location = file.map(|file| Location { file, resource: Some(source.clone()), line: Some(1) });
        let group = if is_open {
            let exposure = results::exposure(rule_id.as_deref(), 22, 22, &source, "tcp/22", reach);
            results::open(&id, "", vec![FoundExposure { description, ..exposure }])
        } else {
            let unjudged = UnjudgedRule { rule_id, source, reason: description.unwrap_or_default(), location: None };
            GroupResult { unjudged: vec![unjudged], ..results::undecided(&id, "") }
        };
        GroupResult { group_name: name, account, region, location, ..group }
    }
}

proptest! {
    #[test]
    fn every_format_stays_well_formed(groups in proptest::collection::vec(group(), 0..4), reason in text()) {
        let not_scanned = vec![NotScanned { account: None, region: Some(reason.clone()), target: None, reason }];
        let report = |format| {
            written(format, ReportOptions { color: true, ..results::options() }, &groups, not_scanned.clone()).0
        };

        for format in [Format::Json, Format::Sarif, Format::Asff] {
            prop_assert!(serde_json::from_str::<Value>(&report(format)).is_ok());
        }
        for format in [Format::Jsonl, Format::Ocsf] {
            let text = report(format);
            let of_the_scan = usize::from(format == Format::Jsonl);
            prop_assert_eq!(text.matches('\n').count(), groups.len() + 1 + of_the_scan);
            prop_assert!(text.split_terminator('\n').all(|line| serde_json::from_str::<Value>(line).is_ok()));
        }

        #[cfg(feature = "csv")]
        {
            let lines = csv::Reader::from_reader(report(Format::Csv).as_bytes()).into_records().collect::<Result<Vec<_>, _>>();
            let lines = lines.unwrap();
            prop_assert_eq!(lines.len(), groups.len() + 1);
            prop_assert!(lines.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])));
        }

        #[cfg(feature = "table")]
        {
            let table = report(Format::Table);
            for sequence in table.split('\u{1b}').skip(1) {
                let parameters = sequence.strip_prefix('[').and_then(|rest| rest.split_once('m')).unwrap().0;
                prop_assert!(parameters.chars().all(|character| character.is_ascii_digit() || character == ';'));
            }
            let others = |character: char| character.is_control() && !['\n', '\u{1b}'].contains(&character);
            let steers = table.contains(others);
            prop_assert!(!steers, "a control character in {:?}", table);
        }

        #[cfg(feature = "html")]
        {
            let page = report(Format::Html);
            prop_assert_eq!(page.matches("<script").count(), 1);
            prop_assert_eq!(page.matches("</script").count(), 1);
            prop_assert_eq!(page.matches("</style").count(), 1);
            prop_assert!(!page.contains(|character: char| character.is_control() && character != '\n'));
        }
    }
}
