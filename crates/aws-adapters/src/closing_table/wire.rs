//! Requests to `DynamoDB`, whose values carry their type: `{"S": "text"}`.

use aws_traits::state::{StateItem, StatePage};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Partition key: kind of the item and what it belongs to.
pub(crate) const PARTITION: &str = "pk";
/// Sort key: id of the item.
pub(crate) const ID: &str = "sk";
/// When `DynamoDB` deletes the item, in seconds of Unix time.
pub(crate) const EXPIRES: &str = "expires";
/// Members of a set.
const MEMBERS: &str = "members";

/// Adds a member to a set, on the condition that it has room or has the member.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html>
pub(super) fn admission(
    table: &str,
    partition: &str,
    id: &str,
    member: &str,
    most: Option<u32>,
    expires: Timestamp,
) -> String {
    let mut request = json!({
        "TableName": table,
        "Key": key(partition, id),
        "UpdateExpression": "ADD #members :members SET #expires = :expires",
        "ExpressionAttributeNames": {"#members": MEMBERS, "#expires": EXPIRES},
        "ExpressionAttributeValues": {":members": {"SS": [member]}, ":expires": seconds(expires)},
    });
    if let (Some(most), Some(fields)) = (most, request.as_object_mut()) {
        let condition = "attribute_not_exists(#members) OR size(#members) < :most OR contains(#members, :member)";
        fields.insert("ConditionExpression".to_owned(), condition.into());
        if let Some(values) = fields.get_mut("ExpressionAttributeValues").and_then(Value::as_object_mut) {
            values.insert(":most".to_owned(), json!({"N": most.to_string()}));
            values.insert(":member".to_owned(), text(member));
        }
    }
    request.to_string()
}

/// Writes an item.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html>
pub(super) fn put<T: Serialize>(
    table: &str,
    partition: &str,
    item: &StateItem<T>,
    expires: Timestamp,
) -> Result<String, String> {
    let value = serde_json::to_value(&item.value).map_err(|problem| problem.to_string())?;
    let Value::Object(fields) = value else { return Err("the item is no object".to_owned()) };
    let mut attributes: Map<String, Value> = fields.into_iter().map(|(name, value)| (name, typed(value))).collect();
    attributes.extend(key(partition, &item.id));
    attributes.insert(EXPIRES.to_owned(), seconds(expires));
    Ok(json!({"TableName": table, "Item": attributes}).to_string())
}

/// Deletes an item.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html>
pub(super) fn deletion(table: &str, partition: &str, id: &str) -> String {
    json!({"TableName": table, "Key": key(partition, id)}).to_string()
}

/// Reads an item.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html>
pub(super) fn get(table: &str, partition: &str, id: &str) -> String {
    json!({"TableName": table, "Key": key(partition, id), "ConsistentRead": true}).to_string()
}

/// Reads a page of the items of a partition.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>
pub(super) fn query(table: &str, partition: &str, from: Option<&str>) -> String {
    let mut request = json!({
        "TableName": table,
        "ConsistentRead": true,
        "KeyConditionExpression": "#pk = :pk",
        "ExpressionAttributeNames": {"#pk": PARTITION},
        "ExpressionAttributeValues": {":pk": text(partition)},
    });
    if let (Some(from), Some(fields)) = (from, request.as_object_mut()) {
        fields.insert("ExclusiveStartKey".to_owned(), key(partition, from).into());
    }
    request.to_string()
}

/// The item of an answer to [`get`], if there is one.
pub(super) fn item<T: DeserializeOwned>(answer: &str) -> Result<Option<T>, String> {
    let answer: Answer = serde_json::from_str(answer).map_err(|problem| problem.to_string())?;
    answer.item.map(value_of).transpose()
}

/// The items of an answer to [`query`], and the id after which the next page begins.
pub(super) fn page<T: DeserializeOwned>(answer: &str) -> Result<StatePage<T>, String> {
    let Answer { items, last_evaluated_key, .. } =
        serde_json::from_str(answer).map_err(|problem| problem.to_string())?;
    let id_of = |item: &Attributes| Some(item.get(ID)?.get("S")?.as_str()?.to_owned());
    let items = items.into_iter().map(|item| {
        let id = id_of(&item).ok_or_else(|| format!("`{ID}` is missing"))?;
        let value = value_of(item).map_err(|problem| format!("item `{id}` cannot be read: {problem}"))?;
        Ok(StateItem { id, value })
    });
    Ok((items.collect::<Result<_, String>>()?, last_evaluated_key.as_ref().and_then(id_of)))
}

type Attributes = Map<String, Value>;

/// What is read of an answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    item: Option<Attributes>,
    #[serde(default)]
    items: Vec<Attributes>,
    last_evaluated_key: Option<Attributes>,
}

fn value_of<T: DeserializeOwned>(attributes: Attributes) -> Result<T, String> {
    let fields = attributes.into_iter().map(|(name, value)| Ok((name, untyped(value)?)));
    let fields = fields.collect::<Result<Map<_, _>, String>>()?;
    serde_json::from_value(Value::Object(fields)).map_err(|problem| problem.to_string())
}

fn key(partition: &str, id: &str) -> Map<String, Value> {
    [(PARTITION.to_owned(), text(partition)), (ID.to_owned(), text(id))].into_iter().collect()
}

fn text(text: &str) -> Value {
    json!({"S": text})
}

fn seconds(time: Timestamp) -> Value {
    json!({"N": time.as_second().to_string()})
}

/// A value with its type, as a [`StateTable`](aws_traits::state::StateTable) reads it.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>
fn typed(value: Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(value) => json!({"BOOL": value}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        Value::Array(values) => json!({"L": values.into_iter().map(typed).collect::<Vec<_>>()}),
        Value::Object(fields) => {
            json!({"M": fields.into_iter().map(|(name, value)| (name, typed(value))).collect::<Map<_, _>>()})
        }
    }
}

/// The value without its type, as [`typed`] and [`StateTable`](aws_traits::state::StateTable) write it.
fn untyped(value: Value) -> Result<Value, String> {
    let Value::Object(typed) = value else { return Err("a value has no type".to_owned()) };
    let Some((kind, value)) = typed.into_iter().next() else { return Err("a value has no type".to_owned()) };
    Ok(match (kind.as_str(), value) {
        ("NULL", _) => Value::Null,
        ("N", Value::String(digits)) => Value::Number(digits.parse().map_err(|_| format!("{digits} is no number"))?),
        ("BOOL", value @ Value::Bool(_)) | ("S", value @ Value::String(_)) | ("SS", value @ Value::Array(_)) => value,
        ("L", Value::Array(values)) => values.into_iter().map(untyped).collect::<Result<_, _>>()?,
        ("M", Value::Object(fields)) => {
            let fields = fields.into_iter().map(|(name, value)| Ok((name, untyped(value)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        (kind, _) => return Err(format!("a value has the type {kind}")),
    })
}
