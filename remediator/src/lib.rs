#![doc = include_str!("../README.md")]

mod error;
mod handler;

pub use error::InvocationError;
pub use handler::{Answer, Remediator};
