//! Conditions of a template, as far as the values that the caller gives decide them.
//!
//! A default does not decide: it stands for a value that is not known otherwise, while both branches of a condition are
//! written out in the template, and a deployment may choose either of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scope::Scope;
use super::value::{Choice, Resolved, function};
use crate::tree;

/// Maximum number of conditions and functions that lie within one another.
const DEEPEST: u8 = 32;

/// The conditions that are decided, by name.
pub(super) fn decided(section: Option<&Value>, scope: &Scope<'_>) -> BTreeMap<String, bool> {
    let Some(conditions) = section.and_then(Value::as_object) else { return BTreeMap::new() };
    // A condition that occurs twice has the mark of the section, and is left open with all others.
    if !tree::repeated_here(conditions).is_empty() {
        return BTreeMap::new();
    }
    let mut search = Search { section: conditions, scope, known: BTreeMap::new() };
    for name in conditions.keys() {
        search.named(name, 0);
    }
    search.known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

struct Search<'c, 's, 't> {
    section: &'c serde_json::Map<String, Value>,
    scope: &'s Scope<'t>,
    /// Conditions that were looked at; `None` if the value is open.
    known: BTreeMap<&'c str, Option<bool>>,
}

impl<'c> Search<'c, '_, '_> {
    fn named(&mut self, name: &'c str, depth: u8) -> Option<bool> {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        // Open while it is looked at, so that a condition that refers to itself has an end.
        self.known.insert(name, None);
        let node = self.section.get(name).filter(|node| tree::repeated_within(node).is_none())?;
        let value = self.value(node, depth);
        self.known.insert(name, value);
        value
    }

    fn value(&mut self, node: &'c Value, depth: u8) -> Option<bool> {
        let depth = Some(depth + 1).filter(|depth| *depth <= DEEPEST)?;
        let (name, argument) = function(node)?;
        let arguments = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, arguments) {
            ("Condition", _) => self.named(argument.as_str()?, depth),
            ("Fn::Equals", [one, other]) => {
                let text = |node| match self.scope.resolve(node, &Choice::default()) {
                    Resolved::Text(text) => Some(text),
                    _ => None,
                };
                Some(text(one)? == text(other)?)
            }
            ("Fn::Not", [condition]) => self.value(condition, depth).map(|value| !value),
            ("Fn::And", [_, _, ..]) => self.any_is(false, arguments, depth).map(|found| !found),
            ("Fn::Or", [_, _, ..]) => self.any_is(true, arguments, depth),
            _ => None,
        }
    }

    /// Whether one of the conditions has this value; `None` if that is open.
    fn any_is(&mut self, wanted: bool, conditions: &'c [Value], depth: u8) -> Option<bool> {
        let mut is_certain = true;
        for condition in conditions {
            match self.value(condition, depth) {
                Some(value) if value == wanted => return Some(true),
                Some(_) => {}
                None => is_certain = false,
            }
        }
        is_certain.then_some(false)
    }
}
