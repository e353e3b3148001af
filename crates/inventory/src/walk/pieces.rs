//! The way through a long list: pieces of it are read on all cores.
//!
//! A piece begins with a record and ends before another one. Where records begin is guessed from the text between two of
//! them. A piece is used only if it consists of whole records of the expected kind, up to its last byte: then the next one
//! begins with a record, too. The rest of any other piece is read record by record, as if there were no pieces.

use aws_events::Object;
use memchr::memmem::FinderRev;
use serde::de::{Deserialize, IgnoredAny};
use serde_json::Deserializer;

use super::{Kind, Walk};
use crate::buffer::Position;
use crate::collector::Halt;
use crate::configuration_item::Item;
use crate::described_group::DescribedGroup;
use crate::in_order::{self, Jobs, in_order};
use crate::items::{Entry, Keys};
use crate::maker::Maker;

/// Size in bytes of a piece.
const PIECE: usize = 512 * 1024;
/// Size in bytes of text without a seam that is not searched further.
const LONGEST: usize = 32 * PIECE;
/// Number of places that may look like the beginning of a record and are none.
const MOST_LIKENESSES: usize = 64;
/// Number of pieces of an input that may fail before their records are read one by one.
const MOST_FAILURES: u32 = 4;
/// White space of JSON; that of Unicode is more.
const WHITE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The text between two records of a list, up to the first key of the second one.
struct Seam {
    finder: FinderRev<'static>,
    /// Offset of the second record.
    record: usize,
    has_comma: bool,
    kind: Kind,
}

impl Seam {
    /// The seam after the record at the beginning of `text`.
    fn after_first(text: &str, kind: Kind) -> Option<Self> {
        let mut values = Deserializer::from_str(text).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let end = values.byte_offset();
        let rest = text.get(end..)?;
        let white = rest.trim_start_matches(WHITE);
        let record = white.strip_prefix(',').map_or(white, |next| next.trim_start_matches(WHITE));
        let has_comma = white.starts_with(',');
        let separator = rest.len() - record.len();
        let key = record.strip_prefix('{')?.trim_start_matches(WHITE).strip_prefix('"')?;
        let quote = key.find('"').filter(|quote| key.get(..*quote).is_some_and(|key| !key.contains('\\')))?;
        let length = separator + record.len() - key.len() + quote + 1;
        let seam = text.get(end.checked_sub(1)?..end + length)?;
        Some(Self { finder: FinderRev::new(seam).into_owned(), record: separator + 1, has_comma, kind })
    }

    /// Offset of the last record in `text` that is whole.
    fn last_in(&self, text: &[u8]) -> Option<usize> {
        let mut end = text.len();
        for _ in 0..MOST_LIKENESSES {
            let at = self.finder.rfind(text.get(..end)?)?;
            let record = at + self.record;
            if text.get(record..).is_some_and(|text| self.kind.begins(text)) {
                return Some(record);
            }
            end = at + self.finder.needle().len() - 1;
        }
        None
    }

    /// Offset of the record after the one that ends at `end`; that of the end of `text` if no other one is in it.
    fn next(&self, text: &str, end: usize) -> Option<usize> {
        let rest = text.get(end..)?.trim_start_matches(WHITE);
        let rest = if self.has_comma { rest.strip_prefix(',')?.trim_start_matches(WHITE) } else { rest };
        (rest.is_empty() || rest.starts_with('{')).then(|| text.len() - rest.len())
    }
}

impl Kind {
    /// Whether `text` begins with a whole record.
    fn begins(self, text: &[u8]) -> bool {
        fn first<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Option<T> {
            Deserializer::from_slice(text).into_iter::<Object<T>>().next()?.ok().map(|Object(record)| record)
        }
        match self {
            Self::Group => first::<DescribedGroup<'_>>(text).is_some_and(|group| group.is_whole()),
            Self::Item => first::<Item<'_>>(text).is_some_and(|item| item.is_whole()),
        }
    }
}

/// A piece that was read.
struct Piece<T> {
    text: Vec<u8>,
    /// Number of bytes whose records are in `made`.
    used: usize,
    /// Position after these bytes.
    end: Position,
    made: Made<T>,
}

enum Made<T> {
    Groups(Vec<T>),
    Items(Vec<(Position, Option<Entry>)>),
}

/// Reads the groups at the beginning of `text`. Returns the offset after them as well.
fn groups<T>(text: &str, seam: &Seam, maker: Maker<'_, T>) -> (Made<T>, usize) {
    let (mut made, mut at) = (Vec::new(), 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let mut values = Deserializer::from_str(rest).into_iter::<Object<DescribedGroup<'_>>>();
        let Some(Ok(Object(group))) = values.next() else { break };
        let Ok(record) = group.record(maker.options.policy.as_ref()) else { break };
        let Some(next) = seam.next(rest, values.byte_offset()) else { break };
        made.push(maker.make(record));
        at += next;
    }
    (Made::Groups(made), at)
}

/// Reads the items at the beginning of `text`. Returns the offset after them as well.
fn items<T>(text: &str, seam: &Seam, keys: &Keys) -> (Made<T>, usize) {
    let (mut made, mut at, mut position) = (Vec::new(), 0, Position::START);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let mut values = Deserializer::from_str(rest).into_iter::<Object<Item<'_>>>();
        let Some(Ok(Object(item))) = values.next() else { break };
        let entry = if item.is_of_other_type() { None } else { keys.entry(&item) };
        if !item.is_item() || entry.is_none() && !item.is_of_other_type() {
            break;
        }
        let Some(next) = seam.next(rest, values.byte_offset()) else { break };
        made.push((position, entry));
        position = position.after(rest.as_bytes().get(..next).unwrap_or_default());
        at += next;
    }
    (Made::Items(made), at)
}

fn piece<T>(text: Vec<u8>, seam: &Seam, maker: Maker<'_, T>, keys: &Keys) -> Piece<T> {
    // Bytes that are not UTF-8 are left to those who name their place.
    let valid = std::str::from_utf8(&text).unwrap_or_default();
    let (made, used) = match seam.kind {
        Kind::Group => groups(valid, seam, maker),
        Kind::Item => items(valid, seam, keys),
    };
    let end = Position::START.after(text.get(..used).unwrap_or_default());
    Piece { text, used, end, made }
}

/// The pieces of a list.
struct Pieces<'w, 'r, 's, 'o, 'e, 'f, T> {
    walk: &'w mut Walk<'r, 's, 'o, 'e, 'f, T>,
    seam: &'w Seam,
    /// Bytes that belong to no piece yet.
    rest: Vec<u8>,
    /// Whether all pieces were handed out.
    is_over: bool,
    /// Position of the next piece to take.
    position: Position,
    /// Bytes of pieces that are not used.
    left: Option<Vec<u8>>,
}

impl<T: Send> Jobs for Pieces<'_, '_, '_, '_, '_, '_, T> {
    type Job = Vec<u8>;
    type Done = Piece<T>;

    fn next(&mut self) -> Result<Option<Vec<u8>>, Halt> {
        while !self.is_over {
            self.rest.reserve(PIECE);
            self.is_over = !self.walk.cursor.read_ahead(&mut self.rest, PIECE) || self.rest.len() > LONGEST;
            if let Some(cut) = self.seam.last_in(&self.rest) {
                let rest = self.rest.split_off(cut);
                return Ok(Some(std::mem::replace(&mut self.rest, rest)));
            }
        }
        Ok(None)
    }

    fn take(&mut self, done: Piece<T>) -> Result<(), Halt> {
        let Piece { mut text, used, end, made } = done;
        if let Some(left) = &mut self.left {
            left.append(&mut text);
            return Ok(());
        }
        match made {
            Made::Groups(made) => {
                for made in made {
                    self.walk.cursor.records += 1;
                    self.walk.collector.hand_out(Ok(made))?;
                }
            }
            Made::Items(items) => {
                for (position, entry) in items {
                    let location = self.walk.cursor.location_at(self.position.then(position));
                    self.walk.cursor.records += 1;
                    match entry {
                        Some(entry) => self.walk.collector.entry(&entry, &location)?,
                        None => self.walk.collector.other_resource(),
                    }
                }
            }
        }
        self.position = self.position.then(end);
        if used < text.len() {
            self.left = Some(text.split_off(used));
            self.is_over = true;
            self.walk.failures += 1;
        }
        Ok(())
    }
}

impl<T: Send> Walk<'_, '_, '_, '_, '_, T> {
    /// Reads what it can of a list whose next record begins here. What remains begins with a record, too.
    pub(super) fn pieces(&mut self) -> Result<(), Halt> {
        let Some(kind) = self.expected else { return Ok(()) };
        if self.failures >= MOST_FAILURES || !self.cursor.is_long() || !in_order::is_worthwhile() {
            return Ok(());
        }
        let Some(seam) = Seam::after_first(self.cursor.rest(), kind) else { return Ok(()) };
        let (maker, keys) = (self.collector.scan.maker, self.collector.scan.items.keys());
        let (rest, position) = self.cursor.take();
        let mut pieces = Pieces { walk: self, seam: &seam, rest, is_over: false, position, left: None };
        in_order(&mut pieces, |text| piece(text, &seam, maker, &keys))?;
        let Pieces { mut rest, position, left, .. } = pieces;
        let mut bytes = left.unwrap_or_default();
        bytes.append(&mut rest);
        self.cursor.give_back(bytes, position);
        Ok(())
    }
}
