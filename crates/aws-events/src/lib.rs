#![doc = include_str!("../README.md")]

pub mod cloudtrail;
pub mod config;
pub mod notice;
mod object;
pub mod sqs;
mod tolerant;

pub use object::Object;
