//! A program that ends at one of its calls.

use std::cell::Cell;
use std::future::pending;

use tokio::sync::Notify;

/// When the program ends: before or after the call with this number is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    pub(crate) at_call: usize,
    pub(crate) after: bool,
}

/// The calls of a program until its end.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) calls: Cell<usize>,
    pub(crate) death: Cell<Option<Death>>,
    /// It has ended.
    pub(crate) dead: Notify,
}

impl Life {
    /// Counts a call, and ends the program if its time has come.
    pub(crate) async fn call<T>(&self, carry_out: impl Future<Output = T>) -> T {
        // Others get their turn at every call.
        tokio::task::yield_now().await;
        let number = self.calls.get();
        self.calls.set(number + 1);
        match self.death.get() {
            Some(Death { at_call, after }) if at_call == number => {
                if after {
                    carry_out.await;
                }
                self.death.set(None);
                self.dead.notify_one();
                pending().await
            }
            _ => carry_out.await,
        }
    }
}
