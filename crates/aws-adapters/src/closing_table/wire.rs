//! Requests to `DynamoDB`, whose values carry their type: `{"S": "text"}`.

use aws_traits::state::StateItem;
use jiff::Timestamp;
use serde::Serialize;
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
pub(super) fn note<T: Serialize>(
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
