//! `portcullis plan`, `close`, `restore` and `snapshots`: the remediation of the stack, from the command line.

mod account;
mod changes;
mod close;
mod confirmation;
mod how;
mod lookup;
mod printer;
mod problem;
mod restore;
mod selection;
mod services;
mod snapshots;
mod tally;
mod undo;

pub(crate) use self::close::{close, plan};
pub(crate) use self::restore::restore;
pub(crate) use self::selection::Named;
pub(crate) use self::snapshots::snapshots;
