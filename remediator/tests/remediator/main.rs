//! The remediator against an account in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod account;
mod close;
mod quarantine;
mod request;
mod restore;
