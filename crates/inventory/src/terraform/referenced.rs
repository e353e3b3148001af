//! What was found for an expression.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// What an expression may refer to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Referenced<'g> {
    /// Names of resources of the plan.
    pub(super) found: BTreeSet<&'g str>,
    /// Further ones, in sets that other expressions share: a plan may have thousands of groups and of rules for any of them.
    pub(super) shared: Vec<Rc<BTreeSet<&'g str>>>,
    /// Whether it may refer to something else instead.
    pub(super) may_be_other: bool,
    /// Number of references in the expression itself.
    pub(super) count: usize,
}

impl<'g> Referenced<'g> {
    /// Adds resources that other expressions may refer to as well.
    pub(super) fn add(&mut self, set: Rc<BTreeSet<&'g str>>) {
        if set.len() > 1 {
            self.shared.push(set);
        } else {
            self.found.extend(set.iter());
        }
    }

    /// The resource that the expression refers to, if it is certain.
    pub(super) fn certain(&self) -> Option<&'g str> {
        let shared = self.shared.iter().flat_map(|set| set.iter().take(2));
        let all: BTreeSet<&'g str> = self.found.iter().take(2).chain(shared).copied().collect();
        all.first().copied().filter(|_| all.len() == 1 && !self.may_be_other)
    }
}

/// What was found before, by where it was looked for.
pub(super) type Memory<'g> = RefCell<HashMap<String, (Rc<BTreeSet<&'g str>>, bool)>>;
