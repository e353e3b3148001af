#![doc = include_str!("../README.md")]

pub mod config;
pub mod ec2;
mod error;
pub mod events;
#[cfg(feature = "fakes")]
pub mod fakes;
pub mod network_acl;
pub mod object_store;
pub mod schedules;
mod services;
pub mod sqs;
pub mod ssm;
pub mod state;
pub mod surroundings;

pub use error::AwsError;
pub use services::Services;
