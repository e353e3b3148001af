//! The `configuration` of a plan: resources and modules, with the attributes that they set.

use std::collections::HashMap;

use serde_json::Value;

use super::address::{Address, Block};

/// Configuration of the root module and of all modules that it calls.
#[derive(Debug)]
pub(super) struct Configuration<'p> {
    root: &'p Value,
    /// Resources and data sources, whose kind begins with `data.` here.
    resources: HashMap<Block, &'p Value>,
}

/// Collects the resources of a module and of the modules that it calls.
fn collect<'p>(module: &'p Value, path: &mut Vec<String>, resources: &mut HashMap<Block, &'p Value>) {
    for resource in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| resource.get(key).and_then(Value::as_str);
        if let (Some(mode), Some(kind), Some(name)) = (text("mode"), text("type"), text("name")) {
            let kind = if mode == "managed" { kind.to_owned() } else { format!("{mode}.{kind}") };
            let block = Block { modules: path.clone(), kind, name: name.to_owned() };
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
        self.resource(&Address::new(address).block())
            .is_none_or(|resource| resource.get("expressions").is_some_and(|all| all.get(attribute).is_some()))
    }

    /// A module, by the names of the modules around it and its own.
    pub(super) fn module<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> Option<&'p Value> {
        names.try_fold(self.root, |module, name| module.get("module_calls")?.get(name)?.get("module"))
    }

    pub(super) fn resource(&self, block: &Block) -> Option<&'p Value> {
        self.resources.get(block).copied()
    }

    /// Kinds of the resources in a module itself.
    pub(super) fn kinds_in(&self, modules: &[String]) -> impl Iterator<Item = &str> {
        self.resources.keys().filter(move |block| block.modules == modules).map(|block| block.kind.as_str())
    }
}

/// The references of an expression. Terraform writes each with all its beginnings after it: `web[0].id`, `web[0]`, `web`.
pub(super) fn heads(expression: &Value) -> Vec<&str> {
    let mut last = "";
    let mut heads = Vec::new();
    for reference in expression.get("references").and_then(Value::as_array).into_iter().flatten() {
        let Some(reference) = reference.as_str() else { continue };
        let rest = last.strip_prefix(reference);
        if !rest.is_some_and(|rest| rest.starts_with(['.', '['])) {
            heads.push(reference);
        }
        last = reference;
    }
    heads
}
