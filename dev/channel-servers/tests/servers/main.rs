//! The servers, called by the real channels over the network.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod control;
mod faults;
mod pictures;
mod program;
mod rendered;
mod stories;
mod support;
