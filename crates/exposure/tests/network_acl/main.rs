//! Quarantine and release of network ACLs: examples, then properties over random ACLs against a simulator of its own.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod examples;
mod notation;
mod properties;
mod random;
mod refusals;
mod simulator;
