//! Quarantine and release of network ACLs: examples, and properties of random ACLs, checked by an independent
//! simulator.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod examples;
mod notation;
mod properties;
mod random;
mod refusals;
mod simulator;
