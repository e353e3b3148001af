#![doc = include_str!("../README.md")]

mod bucket;
mod config;
mod ec2;
mod error;
mod event_bridge;
#[cfg(feature = "findings")]
mod finding_table;
mod log;
mod network_acl;
mod once;
mod sdk;
mod services;
mod ssm;
#[cfg(feature = "terminal")]
pub mod terminal;
mod tls;

pub use aws_types::SdkConfig;
pub use bucket::Bucket;
pub use config::Config;
pub use ec2::Ec2;
pub use event_bridge::EventBridge;
#[cfg(feature = "findings")]
pub use finding_table::FindingTable;
pub use log::init_log;
pub use sdk::{EnvironmentError, MissingVariable, from_env};
pub use services::LambdaServices;
pub use ssm::Ssm;
pub use tls::TrustError;
