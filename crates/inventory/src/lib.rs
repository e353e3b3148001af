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

pub use error::{InputError, InputLocation, RecordError};

use findings::Location;

/// A security group of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The group. In a template or a plan its id is its name there.
    pub group: SecurityGroup,
    /// The region, where the input or [`Options`] have it.
    pub region: Option<String>,
    /// Where it stands, in a template or a plan.
    pub location: Option<Location>,
}

/// What the input itself does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The region of groups whose region the input does not have.
    pub region: Option<String>,
    /// The account of groups whose account the input does not have.
    pub account: Option<String>,
    /// Values for the parameters of a CloudFormation template, in the place of their defaults.
    pub parameters: BTreeMap<String, String>,
    /// How many bytes a single record, a template or a plan may have. They are held in memory; lists of records are not.
    pub largest_document: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: None, account: None, parameters: BTreeMap::new(), largest_document: 256 * 1024 * 1024 }
    }
}

/// What was in an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// The security groups that were handed out.
    pub groups: u64,
    /// The records that could not be understood.
    pub errors: u64,
    /// Configuration items of other types.
    pub other_resources: u64,
    /// Configuration items of groups that are deleted or no longer recorded.
    pub deleted: u64,
    /// Configuration items with a newer one of the same group beside them.
    pub superseded: u64,
}

/// Takes what is found, one at a time; breaks to end the reading.
pub type Each<'e> = dyn FnMut(Result<Record, RecordError>) -> ControlFlow<()> + 'e;

/// Reads the security groups of `input`, named `file` in messages, and hands them to `each`.
///
/// A record that cannot be understood is handed to `each` as well, and the reading goes on. When `each` breaks, the
/// reading ends without an error.
///
/// # Errors
///
/// When the input is nothing that groups are read from, or is damaged. What was handed out before is not all there is.
pub fn read(input: impl Read, file: &str, options: &Options, each: &mut Each<'_>) -> Result<Stats, InputError> {
    let problem = |problem| InputError::Read { file: file.to_owned(), problem };
    let text = decode::text(input).map_err(problem)?;
    walk::read(text, file, options, each)
}
