//! The `configuration` of a plan: attributes that are set, and the resources that they refer to.

use std::collections::HashMap;

use serde_json::Value;

use super::address::{Address, Block, Part, names, parts};

/// Maximum number of modules that a value may pass through.
const DEEPEST: usize = 16;

/// Resources of a plan that others refer to, with their addresses, by their block in the configuration.
#[derive(Debug)]
pub(super) struct Blocks<'g> {
    blocks: HashMap<Block, Vec<(&'g str, Address)>>,
    kinds: Vec<&'static str>,
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

/// Configuration of the root module and of all modules that it calls.
#[derive(Debug)]
pub(super) struct Configuration<'p> {
    root: &'p Value,
    resources: HashMap<Block, &'p Value>,
}

/// Collects the managed resources of a module and of the modules that it calls.
fn collect<'p>(module: &'p Value, path: &mut Vec<String>, resources: &mut HashMap<Block, &'p Value>) {
    for resource in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| resource.get(key).and_then(Value::as_str);
        if let (Some("managed"), Some(kind), Some(name)) = (text("mode"), text("type"), text("name")) {
            let block = Block { modules: path.clone(), kind: kind.to_owned(), name: name.to_owned() };
            resources.entry(block).or_insert(resource);
        }
    }
    for (name, call) in module.get("module_calls").and_then(Value::as_object).into_iter().flatten() {
        if let Some(called) = call.get("module") {
            path.push(name.clone());
            collect(called, path, resources);
            path.pop();
        }
    }
}

impl<'p> Configuration<'p> {
    pub(super) fn new(configuration: &'p Value) -> Self {
        let root = configuration.get("root_module").unwrap_or(&Value::Null);
        let mut resources = HashMap::new();
        collect(root, &mut Vec::new(), &mut resources);
        Self { root, resources }
    }

    /// Whether the resource at `address` sets `attribute`, or may set it.
    pub(super) fn has(&self, address: &str, attribute: &str) -> bool {
        // A resource that is not in the configuration may set any attribute.
        self.resource(&Address::new(address))
            .is_none_or(|resource| resource.get("expressions").is_some_and(|all| all.get(attribute).is_some()))
    }

    /// The resource that the attribute of the resource at `address` refers to, if it is certain.
    pub(super) fn referenced<'g>(&self, address: &str, attribute: &str, groups: &Blocks<'g>) -> Option<&'g str> {
        let address = Address::new(address);
        let expression = self.resource(&address)?.get("expressions")?.get(attribute)?;
        self.follow(expression, &address.modules, &address, groups, 0)
    }

    /// The group that an expression in `modules` refers to: through variables outwards, through outputs inwards.
    fn follow<'g>(
        &self,
        expression: &Value,
        modules: &[Part],
        rule: &Address,
        groups: &Blocks<'g>,
        depth: usize,
    ) -> Option<&'g str> {
        if depth > DEEPEST {
            return None;
        }
        let references: Vec<&str> =
            expression.get("references")?.as_array()?.iter().filter_map(Value::as_str).collect();
        // The longest reference comes first: `aws_security_group.web[0].id`, `aws_security_group.web[0]`, `aws_security_group.web`.
        for reference in &references {
            match parts(reference).as_slice() {
                [kind, name, ..] if groups.kinds.contains(&kind.name.as_str()) => {
                    let by_key = references
                        .iter()
                        .any(|other| matches!(*other, "count.index" | "each.key") || other.starts_with("each.value"));
                    let key = name.key.as_ref().or(if by_key { rule.name.key.as_ref() } else { None });
                    return chosen(modules, &kind.name, &name.name, key, rule, groups);
                }
                [word, call, output, ..] if word.name == "module" => {
                    let module = self.module(modules)?.get("module_calls")?.get(&call.name)?.get("module")?;
                    let expression = module.get("outputs")?.get(&output.name)?.get("expression")?;
                    let inner: Vec<Part> = modules.iter().chain([call]).cloned().collect();
                    return self.follow(expression, &inner, rule, groups, depth + 1);
                }
                [word, name, ..] if word.name == "var" => {
                    let (call, outer) = modules.split_last()?;
                    let call = self.module(outer)?.get("module_calls")?.get(&call.name)?;
                    let expression = call.get("expressions")?.get(&name.name)?;
                    return self.follow(expression, outer, rule, groups, depth + 1);
                }
                _ => {}
            }
        }
        None
    }

    fn module(&self, modules: &[Part]) -> Option<&'p Value> {
        modules.iter().try_fold(self.root, |module, part| module.get("module_calls")?.get(&part.name)?.get("module"))
    }

    fn resource(&self, address: &Address) -> Option<&'p Value> {
        self.resources.get(&address.block()).copied()
    }
}

/// The group `kind.name[key]` in a module, if it is certain. A module with several instances has one such group each, and a
/// rule refers to the group of its own instance.
fn chosen<'g>(
    modules: &[Part],
    kind: &str,
    name: &str,
    key: Option<&String>,
    rule: &Address,
    groups: &Blocks<'g>,
) -> Option<&'g str> {
    let block = Block { modules: names(modules), kind: kind.to_owned(), name: name.to_owned() };
    // Compares the instances of the modules that both share.
    let is_same_instance = |group: &Address| {
        let mut shared = group.modules.iter().zip(&rule.modules).take_while(|(one, other)| one.name == other.name);
        shared.all(|(one, other)| one.key == other.key)
    };
    let found: Vec<_> = groups.blocks.get(&block)?.iter().filter(|(_, group)| is_same_instance(group)).collect();
    match found.as_slice() {
        [(group, _)] => Some(*group),
        several => {
            let mut keyed = several.iter().filter(|(_, group)| key.is_some() && group.name.key.as_ref() == key);
            match (keyed.next(), keyed.next()) {
                (Some((group, _)), None) => Some(*group),
                _ => None,
            }
        }
    }
}
