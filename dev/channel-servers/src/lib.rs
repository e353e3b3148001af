#![doc = include_str!("../README.md")]

pub mod clock;
mod control;
pub mod fault;
pub mod gate;
mod http;
mod people;
pub mod pictures;
pub mod render;
mod servers;
pub mod service;
mod tls;
pub mod world;

pub use self::servers::{Ready, Servers};
