#![doc = include_str!("../README.md")]

pub mod cloudtrail;
pub mod config;
mod object;
pub mod sqs;

pub use object::Object;
