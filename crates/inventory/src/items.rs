//! Configuration items until the end of all inputs, when it is known which of them is the newest of its group.
//!
//! The parts of an item that matter wait in a temporary file; memory holds a few bytes per group.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use super::configuration_item::{Item, Parts, Version};
use super::error::InputLocation;

/// Size in bytes up to which the items stay in memory.
const SPOOL_BYTES: usize = 8 << 20;

/// The newest item of a group so far.
#[derive(Debug, Clone, Copy)]
struct Newest {
    version: Version,
    /// Position of the item in the temporary file.
    offset: u64,
    /// Hash of the content.
    content: u64,
}

/// Makes keys of account, region and id of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys([RandomState; 2]);

/// An item that is ready to wait.
#[derive(Debug)]
pub(super) struct Entry {
    key: u128,
    pub(super) version: Version,
    /// Hash of the content.
    content: u64,
    is_gone: bool,
    lengths: [u64; 5],
    /// The texts, one after the other.
    text: String,
}

impl Keys {
    /// Hash of the content of an item. Different hashes are of different texts, which may mean the same.
    fn content(&self, parts: &Parts<'_>) -> u64 {
        let [hasher, _] = &self.0;
        hasher.hash_one((parts.is_gone, parts.texts))
    }

    /// The entry of an item. `None` if the item does not say which group it is about, or when.
    pub(super) fn entry(&self, item: &Item<'_>) -> Option<Entry> {
        let resource = item.resource()?;
        // 128 bits, with keys that no input knows: two groups never share them.
        let [high, low] = self.0.each_ref().map(|hasher| u128::from(hasher.hash_one(&resource)));
        let parts = item.parts();
        let content = self.content(&parts);
        let Parts { texts, is_gone } = parts;
        Some(Entry {
            key: high << 64 | low,
            version: item.version()?,
            content,
            is_gone,
            lengths: texts.map(|text| text.map_or(NONE, |text| u64::try_from(text.len()).unwrap_or(NONE))),
            text: texts.into_iter().flatten().collect(),
        })
    }
}

/// Items of groups, by account, region and id.
#[derive(Debug)]
pub(super) struct Items {
    newest: HashMap<u128, Newest>,
    /// Positions of items with another content than the newest of their group, and of the same time.
    rivals: HashMap<u128, Vec<u64>>,
    keys: Keys,
    spool: BufWriter<SpooledTempFile>,
    length: u64,
    /// Names of the inputs; items refer to them by their number.
    files: Vec<String>,
}

impl Default for Items {
    fn default() -> Self {
        Self {
            newest: HashMap::new(),
            rivals: HashMap::new(),
            keys: Keys::default(),
            spool: BufWriter::new(SpooledTempFile::new(SPOOL_BYTES)),
            length: 0,
            files: Vec::new(),
        }
    }
}

impl Items {
    /// What the keys of these items are made with.
    pub(super) fn keys(&self) -> Keys {
        self.keys.clone()
    }

    /// Keeps the item if it is the newest of its group so far, or may be. Returns whether another item of the group is known.
    pub(super) fn add(&mut self, entry: &Entry, location: &InputLocation) -> io::Result<bool> {
        let Some(known) = self.newest.get(&entry.key).copied() else {
            self.replace(entry, location)?;
            return Ok(false);
        };
        match entry.version.compare(&known.version) {
            Ordering::Greater => {
                self.rivals.remove(&entry.key);
                self.replace(entry, location)?;
            }
            Ordering::Equal if entry.content != known.content => {
                let offset = self.write(entry, location)?;
                self.rivals.entry(entry.key).or_default().push(offset);
            }
            Ordering::Equal | Ordering::Less => {}
        }
        Ok(true)
    }

    fn replace(&mut self, entry: &Entry, location: &InputLocation) -> io::Result<()> {
        let offset = self.write(entry, location)?;
        self.newest.insert(entry.key, Newest { version: entry.version, offset, content: entry.content });
        Ok(())
    }

    fn write(&mut self, entry: &Entry, location: &InputLocation) -> io::Result<u64> {
        if self.files.last() != Some(&location.file) {
            self.files.push(location.file.clone());
        }
        let file = u64::try_from(self.files.len()).unwrap_or_default();
        let place = [file, location.line, location.column, location.record.unwrap_or_default()];
        let header = Header { place, is_gone: u64::from(entry.is_gone), lengths: entry.lengths };
        let offset = self.length;
        header.write(&mut self.spool)?;
        self.spool.write_all(entry.text.as_bytes())?;
        self.length += HEADER + header.length();
        Ok(offset)
    }

    /// Size of what is kept, which grows with each item.
    pub(super) fn size(&self) -> u64 {
        self.length
    }

    /// Ends the waiting.
    pub(super) fn into_newest(self) -> io::Result<NewestItems> {
        let mut spool = BufReader::new(self.spool.into_inner().map_err(io::IntoInnerError::into_error)?);
        let mut disputed = HashSet::new();
        for (key, rivals) in &self.rivals {
            let Some(Newest { offset, .. }) = self.newest.get(key) else { continue };
            let newest = Stored::at(&mut spool, *offset)?;
            for rival in rivals {
                if !newest.parts().is_same_as(Stored::at(&mut spool, *rival)?.parts()) {
                    disputed.insert(*offset);
                }
            }
        }
        let mut offsets: Vec<u64> = self.newest.into_values().map(|newest| newest.offset).collect();
        offsets.sort_unstable();
        spool.rewind()?;
        Ok(NewestItems { offsets: offsets.into_iter(), disputed, spool, at: 0, files: self.files })
    }
}

/// The newest item of each group, in the order of the inputs.
pub(super) struct NewestItems {
    offsets: std::vec::IntoIter<u64>,
    /// Positions of items that another one of the same time contradicts.
    disputed: HashSet<u64>,
    spool: BufReader<SpooledTempFile>,
    at: u64,
    files: Vec<String>,
}

impl NewestItems {
    pub(super) fn next(&mut self) -> io::Result<Option<StoredItem>> {
        let Some(offset) = self.offsets.next() else { return Ok(None) };
        while self.at < offset {
            let length = Header::read(&mut self.spool)?.length();
            skip(&mut self.spool, length)?;
            self.at += HEADER + length;
        }
        let stored = Stored::read(&mut self.spool)?;
        self.at += HEADER + stored.header.length();
        let [file, line, column, record] = stored.header.place;
        let file = usize::try_from(file).ok().and_then(|file| self.files.get(file.checked_sub(1)?));
        let file = file.cloned().unwrap_or_default();
        let location = InputLocation { file, line, column, record: (record > 0).then_some(record) };
        Ok(Some(StoredItem { stored, location, is_disputed: self.disputed.contains(&offset) }))
    }
}

/// An item in the temporary file.
#[derive(Debug)]
struct Stored {
    header: Header,
    text: String,
}

impl Stored {
    fn read(spool: &mut impl Read) -> io::Result<Self> {
        let header = Header::read(spool)?;
        let mut text = String::new();
        spool.take(header.length()).read_to_string(&mut text)?;
        Ok(Self { header, text })
    }

    fn at(spool: &mut (impl Read + Seek), offset: u64) -> io::Result<Self> {
        spool.seek(SeekFrom::Start(offset))?;
        Self::read(spool)
    }

    fn parts(&self) -> Parts<'_> {
        Parts { texts: self.header.texts(&self.text), is_gone: self.header.is_gone > 0 }
    }
}

/// An item that has waited.
#[derive(Debug)]
pub(super) struct StoredItem {
    stored: Stored,
    pub(super) location: InputLocation,
    /// Whether an item of the same time has another content, so that it is not known which of them counts.
    pub(super) is_disputed: bool,
}

impl StoredItem {
    pub(super) fn parts(&self) -> Parts<'_> {
        self.stored.parts()
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
