//! Rows in the order of their rank, in bounded memory: each rank has a temporary file.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use tempfile::SpooledTempFile;

use super::super::rank::Rank;
use super::row::Row;
use crate::json::in_spool;

/// Size up to which the rows of a rank stay in memory.
const SPOOL_BYTES: usize = 1 << 20;

/// Rows that were added, by rank.
#[derive(Debug, Default)]
pub(super) struct Spools(BTreeMap<Rank, BufWriter<SpooledTempFile>>);

impl Spools {
    pub(super) fn push(&mut self, rank: Rank, row: &Row) -> io::Result<()> {
        let spool = self.0.entry(rank).or_insert_with(|| BufWriter::new(SpooledTempFile::new(SPOOL_BYTES)));
        serde_json::to_writer(&mut *spool, row).map_err(io::Error::from).map_err(in_spool)?;
        spool.write_all(b"\n").map_err(in_spool)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `each` with every row, the most urgent rank first, and within a rank in the order in which they were added.
    pub(super) fn drain(self, mut each: impl FnMut(Row) -> io::Result<()>) -> io::Result<()> {
        for spool in self.0.into_values() {
            let mut file = spool.into_inner().map_err(|error| in_spool(error.into_error()))?;
            file.rewind().map_err(in_spool)?;
            for line in BufReader::new(file).lines() {
                each(serde_json::from_str(&line.map_err(in_spool)?)?)?;
            }
        }
        Ok(())
    }
}
