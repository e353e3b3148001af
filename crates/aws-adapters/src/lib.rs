#![doc = include_str!("../README.md")]

mod aws_service;
mod bucket;
#[cfg(feature = "channels")]
mod call_error;
#[cfg(feature = "channels")]
mod caller;
mod closing_table;
mod config;
mod ec2;
mod error;
mod event_bridge;
mod executions;
#[cfg(feature = "findings")]
mod finding_table;
#[cfg(feature = "channels")]
mod http_client;
mod log;
mod network_acl;
mod once;
mod sdk;
#[cfg(feature = "channels")]
mod secret_store;
#[cfg(feature = "channels")]
mod security_hub;
mod services;
#[cfg(feature = "state")]
mod sqs;
mod ssm;
#[cfg(feature = "state")]
mod state_table;
#[cfg(feature = "channels")]
mod surroundings;
#[cfg(feature = "terminal")]
pub mod terminal;
mod tls;
#[cfg(feature = "channels")]
mod topics;

pub use aws_types::SdkConfig;
pub use bucket::Bucket;
pub use closing_table::ClosingTable;
pub use config::Config;
pub use ec2::Ec2;
pub use event_bridge::{EventBridge, Scheduler};
#[cfg(feature = "findings")]
pub use finding_table::{FindingTable, RETENTION_DAYS};
#[cfg(feature = "channels")]
pub use http_client::HttpClient;
pub use log::init_log;
pub use sdk::{EnvironmentError, MissingVariable, from_env};
#[cfg(feature = "channels")]
pub use secret_store::SecretStore;
#[cfg(feature = "channels")]
pub use security_hub::SecurityHubClient;
pub use services::LambdaServices;
#[cfg(feature = "state")]
pub use sqs::Sqs;
pub use ssm::Ssm;
#[cfg(feature = "state")]
pub use state_table::AccountTable;
#[cfg(feature = "channels")]
pub use surroundings::Surroundings;
pub use tls::TrustError;
#[cfg(feature = "channels")]
pub use topics::Topics;
