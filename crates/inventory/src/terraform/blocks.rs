//! Instances of blocks: which keys each has, and where the resources are that others refer to.

use std::collections::{BTreeSet, HashMap};

use super::address::{Address, Block};

/// Resources of a plan that others refer to, with their addresses, by their block in the configuration.
#[derive(Debug)]
pub(super) struct Blocks<'g> {
    pub(super) blocks: HashMap<Block, Vec<(&'g str, Address)>>,
    pub(super) kinds: Vec<&'static str>,
}

impl<'g> Blocks<'g> {
    pub(super) fn new(addresses: impl IntoIterator<Item = &'g str>, kinds: &[&'static str]) -> Self {
        let mut blocks: HashMap<_, Vec<_>> = HashMap::new();
        for text in addresses {
            let address = Address::new(text);
            blocks.entry(address.block()).or_default().push((text, address));
        }
        Self { blocks, kinds: kinds.to_vec() }
    }
}

/// Keys of the instances of blocks, by the address without the last key.
#[derive(Debug, Default)]
pub(super) struct Instances(HashMap<String, BTreeSet<String>>);

impl Instances {
    pub(super) fn new<'a>(addresses: impl Iterator<Item = &'a str>) -> Self {
        let mut keys: HashMap<String, BTreeSet<String>> = HashMap::new();
        for address in addresses.map(Address::new) {
            for (count, part) in address.modules.iter().chain([&address.name]).enumerate() {
                if let Some(key) = &part.key {
                    keys.entry(path(&address, count)).or_default().insert(key.clone());
                }
            }
        }
        Self(keys)
    }

    /// The key of a part of an address, and all keys that its block has there.
    pub(super) fn of(&self, address: &Address, count: usize) -> Option<(String, BTreeSet<String>)> {
        let part = address.modules.get(count).unwrap_or(&address.name);
        let keys = self.0.get(&path(address, count)).cloned().unwrap_or_default();
        Some((part.key.clone()?, keys))
    }
}

/// Names the block of the part with the number `count` in an address.
fn path(address: &Address, count: usize) -> String {
    let around = address.modules.get(..count).unwrap_or_default();
    match address.modules.get(count) {
        Some(module) => format!("{around:?} {}", module.name),
        None => format!("{around:?} {}.{}", address.kind, address.name.name),
    }
}

/// The key of the module with this number, or of the resource.
pub(super) fn key_at(address: &Address, index: usize) -> Option<&String> {
    address.modules.get(index).unwrap_or(&address.name).key.as_ref()
}
