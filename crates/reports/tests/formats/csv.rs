//! Behaviour of the CSV report.

use reports::Format;

use crate::full;
use crate::results::HOSTILE;

#[test]
fn a_csv_is_read_back_as_it_was_written() {
    let text = full(Format::Csv);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    // Seven exposures, two undecided groups, two parts that were not scanned.
    assert_eq!(lines.len(), 11);
    let hostile = lines.iter().find(|line| &line[column("group_id")] == "sg-0000000000000008").unwrap();
    assert_eq!(hostile[column("group_name")], format!("'{HOSTILE}"));
    assert_eq!(&lines[2][column("protocol")], "-1");
    assert_eq!(lines.iter().filter(|line| &line[column("compliance")] == "NOT_SCANNED").count(), 2);
}
