//! The adapters against canned replies on the wire.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[cfg(feature = "findings")]
mod beside_findings;
mod bucket;
mod canned;
mod closing_table;
mod config;
mod ec2;
mod ec2_selected;
mod event_bridge;
#[cfg(feature = "terminal")]
mod event_history;
#[cfg(feature = "findings")]
mod executions;
#[cfg(feature = "findings")]
mod finding_table;
#[cfg(feature = "channels")]
mod http_client;
mod network_acl;
mod scheduler;
#[cfg(feature = "channels")]
mod secrets;
#[cfg(feature = "channels")]
mod security_hub;
#[cfg(feature = "findings")]
mod sqs;
mod ssm;
#[cfg(feature = "findings")]
mod state_table;
#[cfg(feature = "channels")]
mod surroundings;
#[cfg(feature = "channels")]
mod topics;
