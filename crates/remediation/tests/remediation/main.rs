//! The remediation against an account in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod account;
mod close;
mod close_failures;
mod comparison;
mod grace;
mod holds;
mod inputs;
mod log;
mod model;
mod network_acl;
mod owner;
mod pace;
mod payments;
mod quarantine;
mod quarantine_failures;
mod quarantine_owners;
mod quota;
mod reevaluation;
mod request;
mod restore;
mod restore_failures;
