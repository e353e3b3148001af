#![doc = include_str!("../README.md")]

mod address;
mod channel;
mod document;
mod json;
mod owners;
mod ownership;
mod pattern;
mod problem;
mod reader;
mod resolve;
mod route;
mod secret;
mod severities;
mod subject;
mod ticket_owners;
mod url;

pub use address::{Address, AddressError, OwnerKind};
pub use channel::{Channel, ChannelKind, Endpoint, Jira, JiraFlavour};
pub use document::{Burst, DOCUMENT_MAX, Digest, Document};
pub use owners::{Alias, Owners};
pub use ownership::{Owner, OwnerSource, Ownership, RejectedOwner, ownership, tag_value};
pub use pattern::Pattern;
pub use problem::{DocumentError, Problem};
pub use resolve::{Delivery, Outcome, Resolution, Ticket, Timing, Why, resolve};
pub use route::{Match, Route};
pub use secret::SecretRef;
pub use severities::Severities;
pub use subject::{StateFilter, Subject};
pub use ticket_owners::{BusinessUnit, TicketOwners, TicketSettings};
