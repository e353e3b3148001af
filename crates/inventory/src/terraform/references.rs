//! The resources that an expression in the configuration of a plan may refer to.
//!
//! A plan shows the names in an expression, and not what it does with them: `a ? web.id : db.id` and `[web.id, db.id]`
//! look the same. It shows no `locals`. So all that an expression may refer to is found, and it is certain only if that is
//! a single resource.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use serde_json::Value;

use super::address::{Address, Block, Part, parts};
use super::blocks::{Blocks, Instances, key_at};
use super::configuration::{Configuration, heads};
use super::referenced::{Memory, Referenced};

/// Maximum number of expressions that a value may pass through.
const DEEPEST: usize = 32;

/// Resources that make security groups that are no resources of the plan.
const IMPLICIT: [&str; 7] = [
    "aws_cloudformation_stack",
    "aws_default_vpc",
    "aws_directory_service_directory",
    "aws_eks_cluster",
    "aws_vpc",
    "aws_workspaces_directory",
    "data.aws_security_group",
];

/// The group that AWS makes with a VPC, and the resource that adopts it.
const DEFAULT_GROUP: &str = "default_security_group_id";
const DEFAULT_GROUP_KIND: &str = "aws_default_security_group";

/// Key of an instance of a resource or a module, as far as it is known.
#[derive(Debug, Clone)]
enum Key {
    Is(Option<String>),
    /// The key of the instance that refers to it; for `count.index` with all keys that the referring block has.
    Like(String, Option<BTreeSet<String>>),
    Any,
}

/// A module or a resource on the way to a resource.
#[derive(Debug, Clone)]
struct Step {
    name: String,
    key: Key,
}

/// Where an expression stands.
#[derive(Debug, Clone)]
struct Scope<'p> {
    modules: Vec<Step>,
    /// Key of the resource or of the module call that the expression belongs to, and all keys of its block.
    key: Option<(String, BTreeSet<String>)>,
    /// The block that the expression belongs to, for its `for_each`.
    block: Option<&'p Value>,
}

/// Looks for the resources that an attribute of the resource at `address` refers to. If the configuration does not show it,
/// it may be any.
pub(super) fn referenced<'g>(
    configuration: Option<&Configuration<'_>>,
    instances: &Instances,
    address: &str,
    attribute: &str,
    targets: &Blocks<'g>,
    memory: &Memory<'g>,
) -> Referenced<'g> {
    let address = Address::new(address);
    let expression = configuration.and_then(|configuration| {
        let block = configuration.resource(&address.block())?;
        Some((configuration, block, block.get("expressions")?.get(attribute)?))
    });
    let Some((configuration, block, expression)) = expression else {
        let all = || Rc::new(targets.blocks.values().flatten().map(|(name, _)| *name).collect());
        let (all, _) = memory.borrow_mut().entry(String::new()).or_insert_with(|| (all(), true)).clone();
        return Referenced { shared: vec![all], may_be_other: true, ..Referenced::default() };
    };
    let step = |part: &Part| Step { name: part.name.clone(), key: Key::Is(part.key.clone()) };
    let scope = Scope {
        modules: address.modules.iter().map(step).collect(),
        key: instances.of(&address, address.modules.len()),
        block: Some(block),
    };
    let found = Referenced { count: heads(expression).len(), ..Referenced::default() };
    let mut search = Search {
        configuration,
        instances,
        rule: &address,
        targets,
        memory,
        seen: HashSet::new(),
        is_in_local: false,
        found,
    };
    search.expression(expression, &scope, 0);
    search.found
}

struct Search<'s, 'p, 'g> {
    configuration: &'s Configuration<'p>,
    instances: &'s Instances,
    /// Address of the resource with the first expression.
    rule: &'s Address,
    targets: &'s Blocks<'g>,
    memory: &'s Memory<'g>,
    /// Whether a local value is being followed.
    is_in_local: bool,
    /// What was followed already.
    seen: HashSet<String>,
    found: Referenced<'g>,
}

impl<'p, 'g> Search<'_, 'p, 'g> {
    fn expression(&mut self, expression: &'p Value, scope: &Scope<'p>, depth: usize) {
        if depth > DEEPEST {
            self.found.may_be_other = true;
            return;
        }
        let heads = heads(expression);
        let has = |name: &str| heads.iter().any(|head| *head == name || head.starts_with(&format!("{name}.")));
        let key = match &scope.key {
            Some((key, _)) if has("each.key") && !has("each.value") => Key::Like(key.clone(), None),
            Some((key, all)) if has("count.index") => Key::Like(key.clone(), Some(all.clone())),
            _ => Key::Any,
        };
        for head in heads {
            self.reference(&parts(head), scope, &key, depth);
        }
    }

    /// Follows a reference. An instance that it does not name has the key `otherwise`.
    fn reference(&mut self, reference: &[Part], scope: &Scope<'p>, otherwise: &Key, depth: usize) {
        let step = |part: &Part| Step {
            name: part.name.clone(),
            key: part.key.clone().map_or_else(|| otherwise.clone(), |key| Key::Is(Some(key))),
        };
        match reference {
            [word, call, rest @ ..] if word.name == "module" => {
                let modules: Vec<Step> = scope.modules.iter().cloned().chain([step(call)]).collect();
                self.outputs(modules, rest.first().map(|output| output.name.as_str()), depth);
            }
            [word, name, ..] if word.name == "var" => self.variable(&name.name, &scope.modules, depth),
            [word, ..] if word.name == "local" => self.local(&scope.modules, depth),
            [word, member, ..] if word.name == "each" && member.name == "value" => {
                if let Some(list) = scope.block.and_then(|block| block.get("for_each_expression")) {
                    self.each_value(list, scope, depth);
                } else {
                    self.found.may_be_other = true;
                    self.local(&scope.modules, depth);
                }
            }
            [word, ..] if ["count", "each", "path", "terraform", "self"].contains(&word.name.as_str()) => {}
            [kind, name, ..] if self.targets.kinds.contains(&kind.name.as_str()) => {
                self.resource(&scope.modules, &kind.name, Some(&step(name)));
            }
            [word, kind, name, ..] if word.name == "data" => {
                self.other(&format!("data.{}", kind.name), name, reference, scope, depth);
            }
            [kind, name, ..] => self.other(&kind.name, name, reference, scope, depth),
            _ => {}
        }
    }

    /// Follows the values of a `for_each`. If it is over a single block of resources, its keys are those of the block.
    fn each_value(&mut self, list: &'p Value, scope: &Scope<'p>, depth: usize) {
        let heads = heads(list);
        let key = match (&scope.key, heads.as_slice()) {
            (Some((key, _)), [_]) => Key::Like(key.clone(), None),
            _ => Key::Any,
        };
        let outside = Scope { block: None, ..scope.clone() };
        for head in heads {
            self.reference(&parts(head), &outside, &key, depth + 1);
        }
    }

    /// Follows an output of a module into it, or all of them.
    fn outputs(&mut self, modules: Vec<Step>, name: Option<&str>, depth: usize) {
        let module = self.configuration.module(modules.iter().map(|module| module.name.as_str()));
        let Some(outputs) = module.and_then(|module| module.get("outputs")).and_then(Value::as_object) else {
            self.found.may_be_other |= module.is_none();
            return;
        };
        if !self.seen.insert(format!("{modules:?} outputs {name:?}")) {
            return;
        }
        let scope = Scope { modules, key: None, block: None };
        for (_, output) in outputs.iter().filter(|(output, _)| name.is_none_or(|name| name == *output)) {
            if let Some(expression) = output.get("expression") {
                self.expression(expression, &scope, depth + 1);
            }
        }
    }

    /// Follows a variable to the call of its module.
    fn variable(&mut self, name: &str, modules: &[Step], depth: usize) {
        let Some((call, scope)) = self.call(modules) else { return };
        let expression = call.get("expressions").and_then(|all| all.get(name));
        if let Some(expression) = expression.filter(|_| self.seen.insert(format!("{modules:?} var {name}"))) {
            self.expression(expression, &scope, depth + 1);
        }
    }

    /// The call of a module, and where it stands.
    fn call(&self, modules: &[Step]) -> Option<(&'p Value, Scope<'p>)> {
        let (last, outer) = modules.split_last()?;
        let outer_module = self.configuration.module(outer.iter().map(|module| module.name.as_str()))?;
        let call = outer_module.get("module_calls")?.get(&last.name)?;
        let key = match &last.key {
            Key::Is(Some(_)) => self
                .instances
                .of(self.rule, outer.len())
                .filter(|(key, _)| matches!(&last.key, Key::Is(Some(last)) if last == key)),
            Key::Is(None) | Key::Like(..) | Key::Any => None,
        };
        Some((call, Scope { modules: outer.to_vec(), key, block: Some(call) }))
    }

    /// A local value may be made of anything in its module, and of all that the module is given.
    fn local(&mut self, modules: &[Step], depth: usize) {
        let place = format!("{modules:?} local");
        if self.is_in_local {
            return self.anything_in(modules, place, depth);
        }
        let known = self.memory.borrow().get(&place).cloned();
        let (set, may_be_other) = known.unwrap_or_else(|| {
            let (seen, found) = (std::mem::take(&mut self.seen), std::mem::take(&mut self.found));
            self.is_in_local = true;
            self.anything_in(modules, place.clone(), depth);
            self.is_in_local = false;
            self.seen = seen;
            let inner = std::mem::replace(&mut self.found, found);
            let set = inner.shared.iter().flat_map(|set| set.iter()).copied().chain(inner.found).collect();
            let result = (Rc::new(set), inner.may_be_other);
            self.memory.borrow_mut().insert(place, result.clone());
            result
        });
        self.found.add(set);
        self.found.may_be_other |= may_be_other;
    }

    fn anything_in(&mut self, modules: &[Step], place: String, depth: usize) {
        if !self.seen.insert(place) {
            return;
        }
        let names: Vec<String> = modules.iter().map(|module| module.name.clone()).collect();
        for kind in self.targets.kinds.clone() {
            self.resource(modules, kind, None);
        }
        if self.configuration.kinds_in(&names).any(|kind| IMPLICIT.contains(&kind)) {
            self.default_groups();
        }
        let module = self.configuration.module(names.iter().map(String::as_str));
        for name in
            module.and_then(|module| module.get("module_calls")).and_then(Value::as_object).into_iter().flatten()
        {
            let call = Step { name: name.0.clone(), key: Key::Any };
            self.outputs(modules.iter().cloned().chain([call]).collect(), None, depth);
        }
        let Some((call, _)) = self.call(modules) else { return };
        for name in call.get("expressions").and_then(Value::as_object).into_iter().flatten() {
            self.variable(name.0, modules, depth);
        }
    }

    /// Another resource, which may pass on what it was given.
    fn other(&mut self, kind: &str, name: &Part, reference: &[Part], scope: &Scope<'p>, depth: usize) {
        self.found.may_be_other = true;
        if reference.iter().any(|part| part.name == DEFAULT_GROUP) {
            self.default_groups();
        }
        let modules: Vec<String> = scope.modules.iter().map(|module| module.name.clone()).collect();
        let block = Block { modules, kind: kind.to_owned(), name: name.name.clone() };
        let resource = self.configuration.resource(&block);
        let expressions = resource.and_then(|resource| resource.get("expressions"));
        if let Some(expressions) = expressions.filter(|_| self.seen.insert(format!("{:?} {block:?}", scope.modules))) {
            let inner = Scope { key: None, block: resource, ..scope.clone() };
            self.within(expressions, &inner, depth + 1);
        }
    }

    /// Follows all expressions in a value.
    fn within(&mut self, value: &'p Value, scope: &Scope<'p>, depth: usize) {
        match value {
            Value::Object(object) if object.contains_key("references") => self.expression(value, scope, depth),
            Value::Object(object) => object.values().for_each(|value| self.within(value, scope, depth)),
            Value::Array(list) => list.iter().for_each(|value| self.within(value, scope, depth)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Adds the groups that adopt the default group of a VPC.
    fn default_groups(&mut self) {
        self.found.may_be_other = true;
        let blocks = self.targets.blocks.iter().filter(|(block, _)| block.kind == DEFAULT_GROUP_KIND);
        self.found.found.extend(blocks.flat_map(|(_, all)| all).map(|(name, _)| *name));
    }

    /// Adds the resources of a kind in a module: those of one block, or all.
    fn resource(&mut self, modules: &[Step], kind: &str, name: Option<&Step>) {
        let is_like = modules.iter().chain(name).any(|step| matches!(step.key, Key::Like(..)));
        if is_like {
            let found = self.resources(modules, kind, name);
            return self.found.found.extend(found);
        }
        let place = format!("{modules:?} {kind} {name:?}");
        let known = self.memory.borrow().get(&place).cloned();
        let (set, _) = known.unwrap_or_else(|| {
            let set = (Rc::new(self.resources(modules, kind, name)), false);
            self.memory.borrow_mut().insert(place, set.clone());
            set
        });
        self.found.add(set);
    }

    fn resources(&self, modules: &[Step], kind: &str, name: Option<&Step>) -> BTreeSet<&'g str> {
        let names = || modules.iter().map(|module| module.name.clone());
        let mut found: Vec<&(&str, Address)> = if let Some(name) = name {
            let block = Block { modules: names().collect(), kind: kind.to_owned(), name: name.name.clone() };
            self.targets.blocks.get(&block).into_iter().flatten().collect()
        } else {
            let is_in = |block: &Block| block.kind == kind && block.modules.iter().cloned().eq(names());
            let blocks = self.targets.blocks.iter().filter(|(block, _)| is_in(block));
            blocks.flat_map(|(_, all)| all).collect()
        };
        let steps: Vec<&Key> = modules.iter().chain(name).map(|step| &step.key).collect();
        for (index, key) in steps.iter().enumerate() {
            if let Key::Is(key) = key {
                found.retain(|(_, address)| key_at(address, index) == key.as_ref());
            }
        }
        for (index, key) in steps.iter().enumerate() {
            let Key::Like(key, all) = key else { continue };
            let keys: BTreeSet<String> =
                found.iter().filter_map(|(_, address)| key_at(address, index).cloned()).collect();
            // `count.index + 1` looks like `count.index`, which is usual if there are as many of both.
            if keys.contains(key) && all.as_ref().is_none_or(|all| *all == keys) {
                found.retain(|(_, address)| key_at(address, index) == Some(key));
            }
        }
        found.into_iter().map(|(name, _)| *name).collect()
    }
}
