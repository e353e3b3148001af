//! A document of JSON whose members are in the order in which they were sent.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A value of JSON.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    /// Text, number, truth value or `null`.
    Scalar(Value),
}

impl Node {
    /// Whether a reader learns nothing from it, as from `null` and an empty list.
    pub(super) fn says_nothing(&self) -> bool {
        match self {
            Self::Object(members) => members.is_empty(),
            Self::Array(elements) => elements.is_empty(),
            Self::Scalar(value) => value.is_null() || *value == Value::Bool(false) || value.as_u64() == Some(0),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::Scalar(Value::Null)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Node::Array(elements))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Scalar(text.into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Scalar(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Scalar(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Scalar(number.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_keep_their_order_and_values() {
        let text = r#"{"z": [1, -1, 0.5, "x", true, null], "a": {"c": {}, "b": []}}"#;
        let scalars = [json!(1), json!(-1), json!(0.5), json!("x"), json!(true), Value::Null];
        let inner = vec![("c".to_owned(), Node::Object(Vec::new())), ("b".to_owned(), Node::Array(Vec::new()))];
        let expected = Node::Object(vec![
            ("z".to_owned(), Node::Array(scalars.map(Node::Scalar).into())),
            ("a".to_owned(), Node::Object(inner)),
        ]);
        assert_eq!(serde_json::from_str::<Node>(text).ok(), Some(expected));
    }

    #[test]
    fn null_false_zero_and_what_is_empty_say_nothing() {
        let silent: Vec<Node> = serde_json::from_str("[null, false, 0, [], {}]").unwrap_or_default();
        assert_eq!(silent.iter().filter(|node| node.says_nothing()).count(), 5);
        let telling: Vec<Node> = serde_json::from_str(r#"["", true, 1, [0], {"a": 0}]"#).unwrap_or_default();
        assert_eq!((telling.len(), telling.iter().filter(|node| node.says_nothing()).count()), (5, 0));
    }
}
