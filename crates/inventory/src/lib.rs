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
mod foreign;
mod found;
mod hidden;
mod in_order;
mod items;
mod maker;
mod parameters;
mod record;
mod scan;
mod terraform;
mod tree;
mod value_end;
mod waiting;
mod walk;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;

use exposure::Policy;

pub use error::{InputError, InputLocation, RecordError};
pub use found::Found;
pub use hidden::{Hidden, UnknownKindError};
pub use parameters::{ParameterValue, ParametersError, parameters};
pub use record::{Origin, Record};
pub use scan::Scan;

/// Settings of a reading: values that the input does not have, and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Region to assume when the input names none.
    pub region: Option<String>,
    /// Account to assume when the input names none.
    pub account: Option<String>,
    /// Values for the parameters of a CloudFormation template, instead of their defaults.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Whether templates that a template names by a path are read from the files beside it.
    pub local_templates: bool,
    /// The policy by which the groups are judged. If it is given, rules and tags that it ignores may be left out of the
    /// records: of most groups in a long list, nothing has to be copied.
    pub policy: Option<Policy>,
    /// Whether the exemptions that templates state in their metadata count.
    pub exemptions: bool,
    /// Maximum size in bytes of a single record, a template or a plan, which are held in memory. Lists of records are not.
    pub largest_document: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            region: None,
            account: None,
            parameters: BTreeMap::new(),
            local_templates: false,
            policy: None,
            exemptions: true,
            largest_document: 256 * 1024 * 1024,
        }
    }
}

/// Counts of the records of an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Security groups that were handed out.
    pub groups: u64,
    /// Those of them that are assumed to have no rules: the plan shows their rules as known only after apply, which
    /// Terraform does for a new group in any case.
    pub assumed: u64,
    /// Records that were not understood.
    pub errors: u64,
    /// Configuration items of other resource types.
    pub other_resources: u64,
    /// Configuration items of groups that are deleted or no longer recorded.
    pub deleted: u64,
    /// Configuration items that a newer one of the same group replaced.
    pub superseded: u64,
}

/// Makes of a record what the caller wants of it, such as a result of its judgement. Runs on any thread.
pub type Make<'m, T> = dyn Fn(Record) -> T + Sync + 'm;

/// Receives what was made of the records, one at a time and in their order; breaks to end the reading.
pub type Each<'e, T = Record> = dyn FnMut(Result<T, RecordError>) -> ControlFlow<()> + 'e;

/// Reads the security groups of a single input and hands them to `each`, as a [`Scan`] does.
///
/// # Errors
///
/// If the input has no place for security groups, or is damaged. The records that were handed out are not all of it.
pub fn read(input: impl Read, file: &str, options: &Options, each: &mut Each<'_>) -> Result<Stats, InputError> {
    let mut scan = Scan::new(options, &|record| record);
    scan.read(input, file, each)?;
    scan.finish(each)
}
