#![doc = include_str!("../README.md")]

mod config;
mod ec2;
mod error;
#[cfg(feature = "terminal")]
pub mod inventory;
mod log;
mod network_acl;
mod s3;
mod sdk;
mod ssm;
#[cfg(feature = "terminal")]
pub mod terminal;
mod tls;

pub use aws_types::SdkConfig;
pub use config::Config;
pub use ec2::Ec2;
pub use log::init_log;
pub use s3::Bucket;
pub use sdk::{EnvironmentError, MissingVariable, from_env};
pub use ssm::Ssm;
pub use tls::TrustError;
