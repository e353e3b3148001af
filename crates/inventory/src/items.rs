//! Configuration items until the end of all inputs, when it is known which of them is the newest of its group.
//!
//! The text of an item waits in a temporary file; memory holds a few bytes per group.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};

use jiff::Timestamp;
use tempfile::SpooledTempFile;

use super::configuration_item::Resource;
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
    /// Keeps the item with the text `json` if it is the newest of its group so far. Returns whether another item of the
    /// group is known.
    pub(super) fn add(
        &mut self,
        resource: &Resource,
        version: (Timestamp, u64),
        json: &str,
        location: &InputLocation,
    ) -> io::Result<bool> {
        // 128 bits, with keys that no input knows: two groups never share them.
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(resource)));
        let key = high << 64 | low;
        let known = self.newest.get(&key).copied();
        if known.is_none_or(|known| version > known.version) {
            let offset = self.write(json, location)?;
            self.newest.insert(key, Newest { version, offset });
        }
        Ok(known.is_some())
    }

    fn write(&mut self, json: &str, location: &InputLocation) -> io::Result<u64> {
        if self.files.last() != Some(&location.file) {
            self.files.push(location.file.clone());
        }
        let file = u64::try_from(self.files.len()).unwrap_or_default();
        let length = u64::try_from(json.len()).unwrap_or_default();
        let offset = self.length;
        let numbers = [file, location.line, location.column, location.record.unwrap_or_default(), length];
        for number in numbers {
            self.spool.write_all(&number.to_le_bytes())?;
        }
        self.spool.write_all(json.as_bytes())?;
        self.length += HEADER + length;
        Ok(offset)
    }

    /// Hands out the newest item of each group, in the order of the inputs.
    pub(super) fn drain<E: From<io::Error>>(
        self,
        mut each: impl FnMut(&str, InputLocation) -> Result<(), E>,
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
                let [.., length] = header(&mut reader)?;
                skip(&mut reader, length)?;
                at += HEADER + length;
            }
            let [file, line, column, record, length] = header(&mut reader)?;
            text.clear();
            (&mut reader).take(length).read_to_string(&mut text)?;
            at += HEADER + length;
            let file = usize::try_from(file).ok().and_then(|file| self.files.get(file.checked_sub(1)?));
            let file = file.cloned().unwrap_or_default();
            each(&text, InputLocation { file, line, column, record: (record > 0).then_some(record) })?;
        }
        Ok(())
    }
}

/// Size in bytes of the numbers before an item.
const HEADER: u64 = 5 * 8;

fn header(reader: &mut impl Read) -> io::Result<[u64; 5]> {
    let mut numbers = [0; 5];
    for number in &mut numbers {
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes)?;
        *number = u64::from_le_bytes(bytes);
    }
    Ok(numbers)
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
