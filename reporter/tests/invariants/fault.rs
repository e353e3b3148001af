//! What can go wrong, where, and when.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use findings::store as findings_store;

/// A service that is told of findings, or asked for what that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Chat,
    Hook,
    Teams,
    Cloud,
    Server,
    Pager,
    Receiver,
    Topic,
    Hub,
    Secrets,
}

/// The places that hear of findings.
pub(crate) const CHANNELS: [Place; 9] = [
    Place::Chat,
    Place::Hook,
    Place::Teams,
    Place::Cloud,
    Place::Server,
    Place::Pager,
    Place::Receiver,
    Place::Topic,
    Place::Hub,
];

impl Place {
    /// Name of the channel in the routing document.
    pub(crate) fn channel(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Hook => "hook",
            Self::Teams => "teams",
            Self::Cloud => "cloud",
            Self::Server => "server",
            Self::Pager => "pager",
            Self::Receiver => "receiver",
            Self::Topic => "topic",
            Self::Hub => "hub",
            Self::Secrets => "",
        }
    }
}

/// What becomes of a call of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no connection.
    NoConnection,
    /// Too many calls, with the seconds to wait if the service says so.
    Throttled(Option<u16>),
    /// The same, with a date.
    ThrottledUntil(u16),
    /// Not available, with the seconds to wait.
    Unavailable(u16),
    /// An error of the service, which may have carried the call out.
    Error { carried_out: bool },
    /// No answer in time.
    Hang { carried_out: bool },
    /// The connection ends.
    Cut { carried_out: bool },
    /// No answer in time, and the call is carried out so many seconds later.
    Late(u16),
    /// The credentials are refused.
    Unauthorized,
}

/// What becomes of a call of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreFault {
    Throttled,
    AnswerLost,
    Overtaken,
}

impl From<StoreFault> for findings_store::Fault {
    fn from(fault: StoreFault) -> Self {
        match fault {
            StoreFault::Throttled => Self::Throttled,
            StoreFault::AnswerLost => Self::AnswerLost,
            StoreFault::Overtaken => Self::Overtaken,
        }
    }
}

/// The faults to come.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Of the next calls of each service.
    pub(crate) services: RefCell<BTreeMap<Place, VecDeque<Option<Fault>>>>,
    /// Of all calls of a service, until it comes back.
    pub(crate) down: RefCell<Option<(Place, Fault)>>,
    /// Of the next calls of the store.
    pub(crate) store: RefCell<VecDeque<Option<StoreFault>>>,
    /// Of the next calls of the queues: whether a call that fails was carried out.
    pub(crate) queues: RefCell<VecDeque<Option<bool>>>,
    /// The calls before or after which the program ends, by their number: whether the call is carried out.
    pub(crate) deaths: RefCell<BTreeMap<usize, bool>>,
}

impl Faults {
    pub(crate) fn of(&self, place: Place) -> Option<Fault> {
        if let Some((_, fault)) = self.down.borrow().filter(|(down, _)| *down == place) {
            return Some(fault);
        }
        self.services.borrow_mut().get_mut(&place)?.pop_front()?
    }

    /// All is well again, but for what is down.
    pub(crate) fn clear(&self) {
        self.services.borrow_mut().clear();
        self.store.borrow_mut().clear();
        self.queues.borrow_mut().clear();
        self.deaths.borrow_mut().clear();
    }
}
