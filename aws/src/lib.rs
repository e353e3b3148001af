#![doc = include_str!("../README.md")]

pub mod config;
pub mod ec2;
mod error;
#[cfg(feature = "fakes")]
pub mod fakes;
#[cfg(feature = "terminal")]
pub mod inventory;
mod log;
mod lookups;
pub mod network_acl;
pub mod s3;
mod sdk;
pub mod ssm;
#[cfg(feature = "terminal")]
pub mod terminal;

pub use aws_types::SdkConfig;
pub use error::AwsError;
pub use log::init_log;
pub use lookups::{LookupError, Lookups, Warm};
pub use sdk::{MissingVariable, from_env};
