//! The groups that are resources of a plan, by what refers to them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use findings::Location;

use super::GROUPS;
use super::blocks::Blocks;
use super::plan::{FoundRule, Plan, current};
use super::referenced::Memory;
use super::resource::Resource;

/// Index of the groups that are resources of the plan.
pub(super) struct GroupIndex<'k> {
    pub(super) by_block: Blocks<'k>,
    by_id: HashMap<String, Vec<&'k str>>,
    pub(super) memory: Memory<'k>,
    /// Rules that each group of a set may have or not, and the place of each set in this list.
    pub(super) possible: Vec<Possible<'k>>,
    places: HashMap<*const BTreeSet<&'k str>, usize>,
}

/// A set of groups, and rules that each of them may have or not, with the resources that make them.
pub(super) struct Possible<'k> {
    pub(super) groups: Rc<BTreeSet<&'k str>>,
    pub(super) rules: Vec<(FoundRule, Location)>,
}

impl Possible<'_> {
    /// Maximum number of rules that are kept. Beyond, each group has one of which nothing is known: thousands of groups that
    /// may have thousands of rules each do not fit into memory.
    pub(super) fn most(&self) -> usize {
        50_000_usize.checked_div(self.groups.len()).unwrap_or_default().clamp(10, 1_000)
    }
}

impl<'k> GroupIndex<'k> {
    pub(super) fn new(plan: &Plan<'_>, keys: &'k [String], resources: &[Resource<'_>]) -> Self {
        let mut by_id: HashMap<_, Vec<_>> = HashMap::new();
        for key in keys {
            if let Some(group) = plan.groups.get(key) {
                by_id.entry(group.record.group.id.clone()).or_default().push(key.as_str());
            }
        }
        // A reference means the current object, never a deposed one.
        let current: HashSet<&str> = current(resources).map(|resource| resource.address).collect();
        let current = keys.iter().map(String::as_str).filter(|key| current.contains(key));
        let by_block = Blocks::new(current, &GROUPS);
        Self { by_block, by_id, memory: Memory::default(), possible: Vec::new(), places: HashMap::new() }
    }

    /// Keys of the groups with this id.
    pub(super) fn with_id(&self, id: &str) -> &[&'k str] {
        self.by_id.get(id).map_or(&[], Vec::as_slice)
    }

    /// Notes rules that each group of a set may have or not.
    pub(super) fn share(&mut self, groups: Rc<BTreeSet<&'k str>>, rules: &[FoundRule], location: &Location) {
        let next = self.possible.len();
        let place = *self.places.entry(Rc::as_ptr(&groups)).or_insert(next);
        if place == next {
            self.possible.push(Possible { groups, rules: Vec::new() });
        }
        let Some(shared) = self.possible.get_mut(place) else { return };
        let free = (shared.most() + 1).saturating_sub(shared.rules.len());
        shared.rules.extend(rules.iter().take(free).map(|rule| (rule.clone(), location.clone())));
    }
}
