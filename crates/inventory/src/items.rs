//! Configuration items until the end of all inputs, when it is known which of them is the newest of its group.
//!
//! The parts of an item that matter wait in a temporary file; memory holds a few bytes per group.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};

use jiff::Timestamp;
use tempfile::SpooledTempFile;

use super::configuration_item::{Parts, Resource};
use super::error::InputLocation;

/// Size in bytes up to which the items stay in memory.
const SPOOL_BYTES: usize = 8 << 20;

/// The newest item of a group so far.
#[derive(Debug, Clone, Copy)]
struct Newest {
    version: (Timestamp, u64),
    /// Position of the item in the temporary file.
    offset: u64,
}

/// Items of groups, by account, region and id.
#[derive(Debug)]
pub(super) struct Items {
    newest: HashMap<u128, Newest>,
    hashers: [RandomState; 2],
    spool: BufWriter<SpooledTempFile>,
    length: u64,
    /// Names of the inputs; items refer to them by their number.
    files: Vec<String>,
}

impl Default for Items {
    fn default() -> Self {
        Self {
            newest: HashMap::new(),
            hashers: [RandomState::new(), RandomState::new()],
            spool: BufWriter::new(SpooledTempFile::new(SPOOL_BYTES)),
            length: 0,
            files: Vec::new(),
        }
    }
}

impl Items {
    /// Keeps the item with these parts if it is the newest of its group so far. Returns whether another item of the group is
    /// known.
    pub(super) fn add(
        &mut self,
        resource: &Resource<'_>,
        version: (Timestamp, u64),
        parts: Parts<'_>,
        location: &InputLocation,
    ) -> io::Result<bool> {
        // 128 bits, with keys that no input knows: two groups never share them.
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(resource)));
        let key = high << 64 | low;
        let known = self.newest.get(&key).copied();
        if known.is_none_or(|known| version > known.version) {
            let offset = self.write(parts, location)?;
            self.newest.insert(key, Newest { version, offset });
        }
        Ok(known.is_some())
    }

    fn write(&mut self, parts: Parts<'_>, location: &InputLocation) -> io::Result<u64> {
        if self.files.last() != Some(&location.file) {
            self.files.push(location.file.clone());
        }
        let file = u64::try_from(self.files.len()).unwrap_or_default();
        let is_gone = u64::from(parts.is_gone);
        let lengths = parts.texts.map(|text| text.map_or(NONE, |text| u64::try_from(text.len()).unwrap_or(NONE)));
        let header = Header {
            place: [file, location.line, location.column, location.record.unwrap_or_default()],
            is_gone,
            lengths,
        };
        let offset = self.length;
        header.write(&mut self.spool)?;
        for text in parts.texts.into_iter().flatten() {
            self.spool.write_all(text.as_bytes())?;
        }
        self.length += HEADER + header.length();
        Ok(offset)
    }

    /// Hands out the newest item of each group, in the order of the inputs.
    pub(super) fn drain<E: From<io::Error>>(
        self,
        mut each: impl FnMut(Parts<'_>, InputLocation) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut newest: Vec<u64> = self.newest.into_values().map(|newest| newest.offset).collect();
        newest.sort_unstable();
        let mut spool = self.spool.into_inner().map_err(io::IntoInnerError::into_error)?;
        spool.rewind()?;
        let mut reader = BufReader::new(spool);
        let mut at = 0;
        let mut text = String::new();
        for offset in newest {
            while at < offset {
                let length = Header::read(&mut reader)?.length();
                skip(&mut reader, length)?;
                at += HEADER + length;
            }
            let header = Header::read(&mut reader)?;
            text.clear();
            (&mut reader).take(header.length()).read_to_string(&mut text)?;
            at += HEADER + header.length();
            let [file, line, column, record] = header.place;
            let file = usize::try_from(file).ok().and_then(|file| self.files.get(file.checked_sub(1)?));
            let file = file.cloned().unwrap_or_default();
            let parts = Parts { texts: header.texts(&text), is_gone: header.is_gone > 0 };
            each(parts, InputLocation { file, line, column, record: (record > 0).then_some(record) })?;
        }
        Ok(())
    }
}

/// Length of a text that is missing.
const NONE: u64 = u64::MAX;
/// Size in bytes of a header.
const HEADER: u64 = 10 * 8;

/// Numbers before the texts of an item.
#[derive(Debug, Clone, Copy)]
struct Header {
    /// Number of the file, line, column, number of the record.
    place: [u64; 4],
    is_gone: u64,
    lengths: [u64; 5],
}

impl Header {
    /// Length of all texts.
    fn length(&self) -> u64 {
        self.lengths.into_iter().filter(|length| *length != NONE).sum()
    }

    fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let numbers = self.place.into_iter().chain([self.is_gone]).chain(self.lengths);
        numbers.map(u64::to_le_bytes).try_for_each(|bytes| writer.write_all(&bytes))
    }

    fn read(reader: &mut impl Read) -> io::Result<Self> {
        let mut header = Self { place: [0; 4], is_gone: 0, lengths: [0; 5] };
        let is_gone = std::slice::from_mut(&mut header.is_gone);
        for number in header.place.iter_mut().chain(is_gone).chain(&mut header.lengths) {
            let mut bytes = [0; 8];
            reader.read_exact(&mut bytes)?;
            *number = u64::from_le_bytes(bytes);
        }
        Ok(header)
    }

    /// The texts in `text`, which stand there one after the other.
    fn texts<'t>(&self, mut text: &'t str) -> [Option<&'t str>; 5] {
        self.lengths.map(|length| {
            let length = usize::try_from(length).ok().filter(|_| length != NONE)?;
            let (first, rest) = text.split_at_checked(length)?;
            text = rest;
            Some(first)
        })
    }
}

fn skip(reader: &mut impl BufRead, mut count: u64) -> io::Result<()> {
    while count > 0 {
        let available = reader.fill_buf()?.len();
        if available == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let step = available.min(usize::try_from(count).unwrap_or(usize::MAX));
        reader.consume(step);
        count -= u64::try_from(step).unwrap_or_default();
    }
    Ok(())
}
