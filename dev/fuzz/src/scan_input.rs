//! An input of `portcullis scan`, in any of its formats.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use exposure::{Exemptions, Policy, Source, Traffic};
use findings::ComplianceType;
use flate2::Compression;
use flate2::write::GzEncoder;
use inventory::{Options, Record, read};
use judgement::Criteria;
use plain_text::error_chain;

/// Larger than any input of libFuzzer, and smaller than a small input can be when decompressed.
const LARGEST_DOCUMENT: usize = 1024 * 1024;
/// Length up to which an input is read again in pieces, and again compressed.
const READ_AGAIN: usize = 16 * 1024;

const GZIP: [u8; 2] = [0x1f, 0x8b];

static CRITERIA: LazyLock<Criteria> = LazyLock::new(|| {
    let policy = Policy::new("22,3389".parse().expect("ports"));
    Criteria::new(policy, Exemptions::default(), "2026-11-21T00:00:00Z".parse().expect("a time"))
});

/// No unrecognised group is compliant. The result does not depend on the pieces in which an input arrives, nor on
/// compression.
pub fn check(data: &[u8]) {
    let whole = found(data, data);
    if data.len() <= READ_AGAIN {
        assert_eq!(whole, found(data, Pieces { rest: data, next: 1 }), "the result differs in pieces");
        if !data.starts_with(&GZIP) {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(data).expect("writing to memory");
            let packed = packed.finish().expect("writing to memory");
            assert_eq!(whole, found(data, packed.as_slice()), "the result differs when compressed");
        }
    }
}

/// Returns all results and errors of an input, in order.
fn found(data: &[u8], input: impl Read) -> Vec<String> {
    // encoding_rs_io may lose the replacement of an incomplete character at the end of UTF-16; the input is an error
    // either way.
    let is_other_text = data.starts_with(&[0xff, 0xfe]) || data.starts_with(&[0xfe, 0xff]) || data.starts_with(&GZIP);
    let mut lines = Vec::new();
    let options = Options { largest_document: LARGEST_DOCUMENT, ..Options::default() };
    let end = read(input, "-", &options, &mut |found| {
        lines.push(match found {
            Ok(record) => {
                let judged = CRITERIA.judge_offline(record.group.clone(), &record.known);
                let result = record.result(&judged.group, &judged.assess());
                if matches!(result.compliance, ComplianceType::Compliant) {
                    assert_eq!(objection(&record), None, "{record:?}");
                }
                format!("{record:?}: {result:?}")
            }
            Err(error) => error.to_string(),
        });
        ControlFlow::Continue(())
    });
    lines.push(match end {
        Ok(stats) => format!("{stats:?}"),
        Err(_) if is_other_text => "refused".to_owned(),
        Err(error) => error_chain(&error),
    });
    lines
}

/// Returns an objection to the result `COMPLIANT` for the group of a record, if there is one.
fn objection(record: &Record) -> Option<&'static str> {
    if record.group.id.is_empty() {
        return Some("it has no id");
    }
    record.group.ingress.iter().find_map(|rule| {
        let carries = match &rule.traffic {
            Traffic::All | Traffic::Unrecognized { .. } => true,
            Traffic::Ports { range, .. } => [22, 3389].iter().any(|port| (range.from()..=range.to()).contains(port)),
            Traffic::Icmp { .. } | Traffic::Other(_) => false,
        };
        let objection = match &rule.source {
            Source::Cidr(network) => (network.prefix() == 0).then_some("it is open to the world"),
            Source::PrefixList(id) => {
                record.known.get(id).is_none().then_some("the entries of a prefix list are unknown")
            }
            Source::SecurityGroup { id, .. } => id.is_empty().then_some("a reference names no group"),
            Source::Unrecognized(text) => record.known.possible(text).is_none().then_some("a source may be anything"),
        };
        objection.filter(|_| carries)
    })
}

/// A reader that returns one byte, then two, and so on up to seven, and starts again.
struct Pieces<'d> {
    rest: &'d [u8],
    next: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.next.min(buffer.len()).min(self.rest.len());
        self.next = self.next % 7 + 1;
        let (piece, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(piece);
        self.rest = rest;
        Ok(length)
    }
}
