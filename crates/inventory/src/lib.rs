#![doc = include_str!("../README.md")]

mod buffer;
mod cloudformation;
mod collector;
mod configuration_item;
mod cursor;
mod decode;
mod described_group;
mod described_rules;
mod document;
mod duplicates;
mod error;
mod terraform;
mod value_end;
mod walk;
mod yaml;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;

use exposure::SecurityGroup;
use findings::Location;

pub use error::{InputError, InputLocation, RecordError};

/// A security group of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The group. In a template or a plan, its id is the name of the resource.
    pub group: SecurityGroup,
    /// Region of the group, from the input or from [`Options`].
    pub region: Option<String>,
    /// Position of the resource, in a template or a plan.
    pub location: Option<Location>,
}

/// Settings of a reading: values that the input does not have, and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Region to assume when the input names none.
    pub region: Option<String>,
    /// Account to assume when the input names none.
    pub account: Option<String>,
    /// Values for the parameters of a CloudFormation template, instead of their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Maximum size in bytes of a single record, a template or a plan, which are held in memory. Lists of records are not.
    pub largest_document: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: None, account: None, parameters: BTreeMap::new(), largest_document: 256 * 1024 * 1024 }
    }
}

/// Counts of the records of an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Security groups that were handed out.
    pub groups: u64,
    /// Records that were not understood.
    pub errors: u64,
    /// Configuration items of other resource types.
    pub other_resources: u64,
    /// Configuration items of groups that are deleted or no longer recorded.
    pub deleted: u64,
    /// Configuration items that a newer one of the same group replaced.
    pub superseded: u64,
}

/// Receives records one at a time; breaks to end the reading.
pub type Each<'e> = dyn FnMut(Result<Record, RecordError>) -> ControlFlow<()> + 'e;

/// Reads the security groups of `input` and hands them to `each`. Messages name the input `file`.
///
/// A record that is not understood is handed to `each` as an error, and the reading goes on. If `each` breaks, the reading
/// ends without an error.
///
/// # Errors
///
/// If the input has no place for security groups, or is damaged. The records that were handed out are not all of it.
pub fn read(input: impl Read, file: &str, options: &Options, each: &mut Each<'_>) -> Result<Stats, InputError> {
    let unreadable = |problem| InputError::Read { file: file.to_owned(), problem };
    let text = decode::text(input).map_err(unreadable)?;
    walk::read(text, file, options, each)
}
