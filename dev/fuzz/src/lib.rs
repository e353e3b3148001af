//! Properties that must hold for every input: one module per kind of input, each with a `check` that panics on a
//! violation.
//!
//! libFuzzer calls them through `fuzz_targets/`. `tests/replay.rs` calls them for the corpora in the repository, and
//! for mutations of these. docs/fuzzing.md explains how to run either.

pub mod assess;
pub mod configuration_item;
pub mod event;
pub mod exemptions;
pub mod notice;
pub mod request;
pub mod rule_parameters;
pub mod scan_input;
pub mod snapshot;

mod account;
mod oracle;
