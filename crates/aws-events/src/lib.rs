#![doc = include_str!("../README.md")]

pub mod cloudtrail;
pub mod config;
mod object;
pub mod sqs;
mod tolerant;

pub use object::Object;
