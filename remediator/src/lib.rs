#![doc = include_str!("../README.md")]

mod error;
mod handler;
mod report;
mod services;

pub use error::InvocationError;
pub use handler::{Answer, Remediator};
pub use services::RemediatorServices;

/// Name of the function in its log.
const SERVICE: &str = "remediator";
