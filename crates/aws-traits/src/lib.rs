#![doc = include_str!("../README.md")]

pub mod config;
pub mod ec2;
mod error;
#[cfg(feature = "fakes")]
pub mod fakes;
mod lookups;
pub mod network_acl;
pub mod s3;
pub mod ssm;

pub use error::AwsError;
pub use lookups::{LookupError, Lookups, Warm};
