//! What no input may make Portcullis do: one module per kind of input, each with a `check` that panics when it did.
//!
//! libFuzzer calls them by way of `fuzz_targets/`; `tests/replay.rs` calls them for the checked-in corpora, and for
//! inputs that are made of these. docs/fuzzing.md says how to run either.

pub mod assess;
pub mod configuration_item;
pub mod event;
pub mod exemptions;
pub mod request;
pub mod rule_parameters;
pub mod scan_input;
pub mod snapshot;

mod account;
mod oracle;
