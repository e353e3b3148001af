#![doc = include_str!("../README.md")]

mod announce;
mod answer;
mod asked;
mod attempts;
mod handler;
mod incoming;
mod lists;
mod live;
mod quarantines;
mod releases;
mod services;
mod settings;
mod starter;
mod whereabouts;

pub use handler::{NotAnswered, Responder};
pub use incoming::Incoming;
pub use services::ResponderServices;
pub use settings::{InspectorResponse, Mode, Modes, Settings, UnknownValue};

/// Name of the function in its log.
const SERVICE: &str = "responder";
