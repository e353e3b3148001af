//! The search for positions and rule numbers.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::entry::{AclAction, NetworkAcl};
use super::insertion::{Draft, InsertionPoint};
use super::lane::Lane;
use super::quarantine::{AclError, AclPlan, AclShortage};

/// The drafts of one lane for each possible position, indexed by the distance from the first entry that admits the
/// internet: 0 is directly ahead of it, 1 is one entry further up. They are computed on first use.
#[derive(Debug)]
pub(super) struct Candidates<'l, 'a> {
    lane: &'l Lane<'a>,
    drafts: Vec<OnceCell<Vec<Draft>>>,
}

impl<'l, 'a> Candidates<'l, 'a> {
    pub(super) fn new(lane: &'l Lane<'a>) -> Self {
        let positions = if lane.exposed.is_empty() { 1 } else { lane.first_admitting + 1 };
        Self { lane, drafts: (0..positions).map(|_| OnceCell::new()).collect() }
    }

    /// Returns the distance of the position at the top of the list.
    fn top(&self) -> usize {
        self.drafts.len() - 1
    }

    /// Returns the drafts for the position at this distance.
    fn drafts(&self, up: usize) -> &[Draft] {
        let draft = || InsertionPoint::new(self.lane, self.top().saturating_sub(up)).drafts();
        self.drafts.get(up).map_or(&[], |cell| cell.get_or_init(draft))
    }

    /// Returns the smallest number of drafts among the positions that were examined.
    fn fewest(&self) -> usize {
        self.drafts.iter().filter_map(OnceCell::get).map(Vec::len).min().unwrap_or(0)
    }

    /// Returns the window of rule numbers for the position at this distance.
    fn window(&self, up: usize) -> Window {
        let ahead = self.top().checked_sub(up + 1).and_then(|ahead| self.lane.entries.get(ahead));
        Window {
            above: ahead.map_or(0, |ahead| ahead.entry.number),
            below: self.lane.entry_to_precede().map_or(1, |entry| entry.number),
            needed: self.drafts(up).len(),
        }
    }
}

/// A number of rule numbers needed between two bounds, both exclusive.
#[derive(Debug, Clone, Copy)]
struct Window {
    above: u16,
    below: u16,
    needed: usize,
}

/// The search for a position in each lane where the drafts fit into the free rule numbers.
#[derive(Debug)]
pub(super) struct Search<'l, 'a> {
    pub(super) acl: &'l NetworkAcl,
    pub(super) used: BTreeSet<u16>,
    pub(super) limit: usize,
    pub(super) v4: Candidates<'l, 'a>,
    pub(super) v6: Candidates<'l, 'a>,
}

impl Search<'_, '_> {
    pub(super) fn run(&self) -> Result<AclPlan, AclError> {
        // No position can help then, and with a long list of ports the search would take long.
        if !self.shortages([self.v4.lane.fewest_denies(), self.v6.lane.fewest_denies()]).is_empty() {
            return Err(self.quota([self.v4.drafts(0).len(), self.v6.drafts(0).len()]));
        }
        let (top_v4, top_v6) = (self.v4.top(), self.v6.top());
        for up in 0..=top_v4 + top_v6 {
            for up_v4 in up.saturating_sub(top_v6)..=up.min(top_v4) {
                let ups = [up_v4, up - up_v4];
                let windows = self.windows(ups);
                if !self.shortages(windows.map(|window| window.needed)).is_empty() {
                    continue;
                }
                if let Some(numbers) = self.assign(windows) {
                    return Ok(self.plan(ups, numbers));
                }
            }
        }
        Err(self.refusal())
    }

    fn windows(&self, [up_v4, up_v6]: [usize; 2]) -> [Window; 2] {
        [self.v4.window(up_v4), self.v6.window(up_v6)]
    }

    /// Returns the reason why no position fits.
    fn refusal(&self) -> AclError {
        let fewest = [self.v4.fewest(), self.v6.fewest()];
        if !self.shortages(fewest).is_empty() {
            return self.quota(fewest);
        }
        // At the top of the list every lower number is usable. The lane whose admitting entry has the lower number has
        // fewer of them.
        let windows = self.windows([self.v4.top(), self.v6.top()]);
        let [v4, v6] = windows;
        let (v4_entry, v6_entry) = (self.v4.lane.entry_to_precede(), self.v6.lane.entry_to_precede());
        let ((first, first_entry), (second, second_entry)) =
            if v4.below <= v6.below { ((v4, v4_entry), (v6, v6_entry)) } else { ((v6, v6_entry), (v4, v4_entry)) };
        for (below, needed, entry) in
            [(first.below, first.needed, first_entry), (second.below, first.needed + second.needed, second_entry)]
        {
            let free = self.free(0, below);
            if let Some(entry) = entry.filter(|_| needed > free) {
                return AclError::NoRoom { acl: self.acl.id.clone(), entry: Box::new(entry.clone()), needed, free };
            }
        }
        // The numbers suffice only where the entries exceed the quota.
        self.quota(windows.map(|window| window.needed))
    }

    /// Returns the families whose quota this many additional entries exceed.
    fn shortages(&self, needed: [usize; 2]) -> Vec<AclShortage> {
        let lanes = [self.v4.lane, self.v6.lane];
        let shortages = lanes.into_iter().zip(needed).map(|(lane, needed)| AclShortage {
            family: lane.family,
            needed,
            present: lane.entries.len() + 1,
            limit: self.limit,
        });
        shortages.filter(|short| short.needed > 0 && short.present + short.needed > short.limit).collect()
    }

    fn quota(&self, needed: [usize; 2]) -> AclError {
        AclError::Quota { acl: self.acl.id.clone(), shortages: self.shortages(needed) }
    }

    /// Returns the number of free rule numbers between the bounds, both exclusive.
    fn free(&self, above: u16, below: u16) -> usize {
        let first = above.saturating_add(1);
        let below = below.max(first);
        usize::from(below - first) - self.used.range(first..below).count()
    }

    /// Assigns free rule numbers to both windows, as high as possible, ascending. Returns `None` if they do not
    /// suffice.
    fn assign(&self, windows: [Window; 2]) -> Option<[Vec<u16>; 2]> {
        if windows.iter().any(|window| self.free(window.above, window.below) < window.needed) {
            return None;
        }
        let [v4, v6] = windows;
        let (mut of_v4, mut of_v6) = (Vec::new(), Vec::new());
        for number in (1..v4.below.max(v6.below)).rev() {
            let open = |window: Window, so_far: &Vec<u16>| so_far.len() < window.needed;
            let (open_v4, open_v6) = (open(v4, &of_v4), open(v6, &of_v6));
            if !open_v4 && !open_v6 {
                break;
            }
            if (open_v4 && number <= v4.above) || (open_v6 && number <= v6.above) {
                return None;
            }
            if self.used.contains(&number) {
                continue;
            }
            // The family with the higher lower bound has fewer numbers left, so it chooses first.
            let (can_v4, can_v6) =
                (open_v4 && (..v4.below).contains(&number), open_v6 && (..v6.below).contains(&number));
            if can_v4 && (!can_v6 || v4.above >= v6.above) {
                of_v4.push(number);
            } else if can_v6 {
                of_v6.push(number);
            }
        }
        (of_v4.len() == v4.needed && of_v6.len() == v6.needed).then(|| {
            of_v4.reverse();
            of_v6.reverse();
            [of_v4, of_v6]
        })
    }

    /// Returns the plan that gives these numbers to the drafts at these distances.
    fn plan(&self, [up_v4, up_v6]: [usize; 2], [of_v4, of_v6]: [Vec<u16>; 2]) -> AclPlan {
        let v4 = self.v4.drafts(up_v4).iter().zip(of_v4);
        let v6 = self.v6.drafts(up_v6).iter().zip(of_v6);
        let mut add: Vec<_> = v4.chain(v6).map(|(draft, number)| draft.clone().numbered(number)).collect();
        add.sort_by_key(|entry| entry.action == AclAction::Deny);
        AclPlan { add }
    }
}
