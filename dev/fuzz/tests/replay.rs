//! Checks the corpora and mutations of them without libFuzzer, as part of `make test`.
//!
//! `PROPTEST_CASES` sets the number of mutations for each target.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Returns the inputs of a target by name: seeds and past findings.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    inputs.sort_unstable();
    assert!(inputs.len() > 4, "{target} has too few inputs");
    inputs
}

/// Returns the words of a libFuzzer dictionary: one per line in quotes, with the escapes `\\`, `\"` and `\xAB`.
fn dictionary(target: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries").join(format!("{target}.dict"));
    let Ok(text) = fs::read_to_string(file) else { return vec![Vec::new()] };
    let word = |line: &str| {
        let mut word = Vec::new();
        let mut rest = line.strip_prefix('"')?.strip_suffix('"')?.bytes();
        while let Some(byte) = rest.next() {
            word.push(match byte {
                b'\\' => match rest.next()? {
                    b'x' => {
                        let digits = [rest.next()?, rest.next()?];
                        u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                    }
                    escaped => escaped,
                },
                byte => byte,
            });
        }
        Some(word)
    };
    text.lines().filter(|line| line.starts_with('"')).map(|line| word(line).expect(line)).collect()
}

/// One mutation of an input.
#[derive(Debug, Clone)]
enum Edit {
    /// Replaces one byte.
    Set(Index, u8),
    /// Inserts bytes.
    Insert(Index, Vec<u8>),
    /// Overwrites bytes with as many others.
    Overwrite(Index, Vec<u8>),
    /// Removes this many bytes.
    Remove(Index, usize),
    /// Repeats a part this many times.
    Repeat(Index, usize, usize),
    /// Continues like another input of the corpus.
    Splice(Index, Index, Index),
}

fn edit(words: Vec<Vec<u8>>) -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let words = select(words).boxed();
    prop_oneof![
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        3 => (at(), words.clone()).prop_map(|(at, word)| Edit::Insert(at, word)),
        3 => (at(), words).prop_map(|(at, word)| Edit::Overwrite(at, word)),
        2 => (at(), 1usize..64).prop_map(|(at, count)| Edit::Remove(at, count)),
        1 => (at(), 1usize..200, 1usize..20).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        1 => (at(), at(), at()).prop_map(|(at, other, from)| Edit::Splice(at, other, from)),
    ]
}

fn edited(mut input: Vec<u8>, edits: &[Edit], corpus: &[(String, Vec<u8>)]) -> Vec<u8> {
    for edit in edits {
        let length = input.len() + 1;
        match edit {
            Edit::Set(at, byte) => {
                if let Some(old) = input.get_mut(at.index(length)) {
                    *old = *byte;
                }
            }
            Edit::Insert(at, word) => {
                let at = at.index(length);
                input.splice(at..at, word.iter().copied());
            }
            Edit::Overwrite(at, word) => {
                let at = at.index(length);
                let end = (at + word.len()).min(input.len());
                input.splice(at..end, word.iter().copied());
            }
            Edit::Remove(at, count) => {
                let at = at.index(length);
                let end = (at + count).min(input.len());
                input.drain(at..end);
            }
            Edit::Repeat(at, count, times) => {
                let at = at.index(length);
                let piece = input[at..(at + count).min(input.len())].repeat(*times);
                input.splice(at..at, piece);
            }
            Edit::Splice(at, other, from) => {
                let other = &corpus[other.index(corpus.len())].1;
                input.truncate(at.index(length));
                input.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
    }
    input
}

/// Checks the corpus of `target`, and then `PROPTEST_CASES` mutations of it.
fn replay(target: &str, check: fn(&[u8])) {
    replay_one_in(1, target, check);
}

/// Checks the same with a fraction of the mutations, for a target that is slow.
fn replay_one_in(share: u32, target: &str, check: fn(&[u8])) {
    let corpus = corpus(target);
    for (name, input) in &corpus {
        println!("{target}/{name}");
        check(input);
    }
    let seeds: Vec<Vec<u8>> = corpus.iter().map(|(_, input)| input.clone()).collect();
    let strategy = (select(seeds), prop::collection::vec(edit(dictionary(target)), 1..6))
        .prop_map(|(seed, edits)| Input(edited(seed, &edits, &corpus)));
    // Without a file of seeds, because findings are added to the corpus.
    let all = ProptestConfig::default();
    let config = ProptestConfig { failure_persistence: None, cases: all.cases.div_ceil(share), ..all };
    proptest!(config, |(input in strategy)| check(&input.0));
}

/// Bytes that are displayed as text where possible.
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[test]
fn event() {
    replay("event", fuzz::event::check);
}

#[test]
fn configuration_item() {
    replay("configuration_item", fuzz::configuration_item::check);
}

#[test]
fn rule_parameters() {
    replay("rule_parameters", fuzz::rule_parameters::check);
}

#[test]
fn exemptions() {
    replay("exemptions", fuzz::exemptions::check);
}

#[test]
fn notice() {
    replay("notice", fuzz::notice::check);
}

#[test]
fn snapshot() {
    replay("snapshot", fuzz::snapshot::check);
}

#[test]
fn request() {
    replay("request", fuzz::request::check);
}

#[test]
fn scan_input() {
    // Slow, because each input is read three times without optimisation.
    replay_one_in(10, "scan_input", fuzz::scan_input::check);
}

#[test]
fn assess() {
    replay("assess", |bytes| {
        if let Ok(case) = fuzz::assess::Case::arbitrary(&mut Unstructured::new(bytes)) {
            fuzz::assess::check(&case);
        }
    });
}
