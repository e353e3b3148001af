//! What the tests of several kinds of input share.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::Read;
use std::ops::ControlFlow;

use inventory::{InputError, Options, Record, RecordError, Scan, Stats};

pub(crate) type Found = (Vec<Record>, Vec<RecordError>, Stats);

/// Reads an input.
pub(crate) fn read_one(input: impl Read, file: &str, options: &Options) -> Result<Found, InputError> {
    read_all([(file.to_owned(), input)], options)
}

/// Reads inputs, each with the name of its file, in one scan.
pub(crate) fn read_all(
    inputs: impl IntoIterator<Item = (String, impl Read)>,
    options: &Options,
) -> Result<Found, InputError> {
    let (mut records, mut errors) = (Vec::new(), Vec::new());
    let mut each = |found| {
        match found {
            Ok(record) => records.push(record),
            Err(error) => errors.push(error),
        }
        ControlFlow::Continue(())
    };
    let mut scan = Scan::new(options, &|record| record);
    for (file, input) in inputs {
        scan.read(input, &file, &mut each)?;
    }
    let stats = scan.finish(&mut each)?;
    Ok((records, errors, stats))
}

/// The rules of a group, such as `tcp/22 from 0.0.0.0/0`.
pub(crate) fn rules(record: &Record) -> Vec<String> {
    record.group.ingress.iter().map(|rule| format!("{} from {}", rule.traffic, rule.source)).collect()
}
