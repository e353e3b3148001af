//! Addresses of resources: `module.network["eu"].aws_security_group.web[0]`.

/// Parts of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Modules from the outside in, such as `network["eu"]`.
    pub(super) modules: Vec<Part>,
    /// `aws_security_group`.
    pub(super) kind: String,
    /// `web[0]`.
    pub(super) name: Part,
}

/// Address of a block in the configuration, which has no keys: `module.network.aws_security_group.web`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Block {
    /// Modules from the outside in.
    pub(super) modules: Vec<String>,
    pub(super) kind: String,
    pub(super) name: String,
}

/// A name, and its key from `count` or `for_each`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) key: Option<String>,
}

impl Part {
    fn new(text: &str) -> Self {
        match text.split_once('[') {
            Some((name, key)) => {
                Self { name: name.to_owned(), key: Some(key.strip_suffix(']').unwrap_or(key).to_owned()) }
            }
            None => Self { name: text.to_owned(), key: None },
        }
    }
}

/// Splits an address or a reference at its dots. Keys may contain dots and brackets.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = vec![String::new()];
    let (mut in_key, mut in_text, mut is_escaped) = (false, false, false);
    for character in text.chars() {
        if character == '.' && !in_key {
            parts.push(String::new());
            continue;
        }
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' if in_key => in_text = !in_text,
            '[' if !in_text => in_key = true,
            ']' if !in_text => in_key = false,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts.iter().map(|part| Part::new(part)).collect()
}

impl Address {
    pub(super) fn new(address: &str) -> Self {
        let mut parts = parts(address).into_iter();
        let mut modules = Vec::new();
        while let Some(part) = parts.next() {
            if part.name == "module" {
                modules.extend(parts.next());
            } else {
                return Self { modules, kind: part.name, name: parts.next().unwrap_or_default() };
            }
        }
        Self { modules, kind: String::new(), name: Part::default() }
    }

    pub(super) fn block(&self) -> Block {
        Block { modules: names(&self.modules), kind: self.kind.clone(), name: self.name.name.clone() }
    }
}

pub(super) fn names(modules: &[Part]) -> Vec<String> {
    modules.iter().map(|module| module.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, key: Option<&str>) -> Part {
        Part { name: name.to_owned(), key: key.map(str::to_owned) }
    }

    #[test]
    fn keys_may_have_dots_and_brackets_in_them() {
        let address = Address::new(r#"module.a["x.y]\"["].module.b[1].aws_security_group.web["k.l"]"#);
        assert_eq!(address.modules, [part("a", Some(r#""x.y]\"[""#)), part("b", Some("1"))]);
        assert_eq!((address.kind.as_str(), address.name), ("aws_security_group", part("web", Some(r#""k.l""#))));
    }

    #[test]
    fn most_addresses_have_no_keys() {
        let address = Address::new("aws_security_group.web");
        assert_eq!((address.modules, address.kind.as_str()), (vec![], "aws_security_group"));
        assert_eq!(address.name, part("web", None));
    }
}
