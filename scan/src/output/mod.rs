//! The reports: each takes one group at a time, and a summary at the end.

use std::io;

use crate::result::{GroupResult, Summary};

/// A report in the making.
pub trait Report {
    /// Adds a group.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn group(&mut self, result: &GroupResult) -> io::Result<()>;

    /// Ends the report.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn finish(self: Box<Self>, summary: &Summary) -> io::Result<()>;
}
