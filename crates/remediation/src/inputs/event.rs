//! Reads the details of events. They are read without regard to case and nesting, since AWS documents neither for all of them;
//! only ids and names are taken from them.

use std::collections::BTreeSet;

use serde_json::Value;

/// Most prefix lists in an event: a call changes one.
const MOST: usize = 10;

/// Calls that change the entries of a prefix list.
const CALLS: [&str; 2] = ["ModifyManagedPrefixList", "RestoreManagedPrefixListVersion"];

/// Visits every member of every object, at any depth.
fn visit<'v>(value: &'v Value, visitor: &mut impl FnMut(&'v str, &'v Value)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                visitor(key, value);
                visit(value, visitor);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| visit(value, visitor)),
        _ => {}
    }
}

/// The members with this key, whatever its case is.
fn members<'v>(value: &'v Value, wanted: &str) -> Vec<&'v Value> {
    let mut found = Vec::new();
    visit(value, &mut |key, value| {
        if key.eq_ignore_ascii_case(wanted) {
            found.push(value);
        }
    });
    found
}

/// Returns true if the detail of a `Parameter Store Change` is about the parameter `name`.
pub(super) fn is_name_of(detail: &Value, name: &str) -> bool {
    members(detail, "name").into_iter().any(|value| value.as_str() == Some(name))
}

/// Ids of the prefix lists that the call in the detail of an `AWS API Call via CloudTrail` has changed, or why there is none.
pub(super) fn prefix_lists(detail: &Value) -> Result<Vec<String>, &'static str> {
    let is_call = |value: &&Value| value.as_str().is_some_and(|name| CALLS.contains(&name));
    if !members(detail, "eventName").iter().any(is_call) {
        return Err("the event is not a change of a prefix list");
    }
    if members(detail, "errorCode").into_iter().any(|code| !code.is_null()) {
        return Err("the call failed");
    }
    let requests = members(detail, "requestParameters");
    let ids = requests.into_iter().flat_map(|request| members(request, "prefixListId"));
    let ids: BTreeSet<String> = ids.filter_map(Value::as_str).filter(|id| is_id(id)).map(str::to_owned).collect();
    match ids.len() {
        0 => Err("the event names no prefix list"),
        1..=MOST => Ok(ids.into_iter().collect()),
        _ => Err("the event names more prefix lists than a call can change"),
    }
}

fn is_id(text: &str) -> bool {
    text.strip_prefix("pl-")
        .is_some_and(|digits| (8..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const LIST: &str = "pl-0123456789abcdef0";

    #[rstest]
    #[case::flat(json!({"prefixListId": LIST, "addEntries": [{"cidr": "0.0.0.0/0"}]}))]
    #[case::nested(json!({"ModifyManagedPrefixListRequest": {"PrefixListId": LIST, "AddEntry": {"Cidr": "0.0.0.0/0", "tag": "1"}}}))]
    #[case::in_a_list(json!({"items": [{"PREFIXLISTID": LIST}]}))]
    fn the_list_is_found_in_any_form(#[case] request: Value) {
        let detail = json!({"eventName": "ModifyManagedPrefixList", "requestParameters": request, "errorCode": null});
        assert_eq!(prefix_lists(&detail), Ok(vec![LIST.to_owned()]));
        assert_eq!(prefix_lists(&json!({"detail": detail})), Ok(vec![LIST.to_owned()]));
    }

    #[rstest]
    #[case::failed(json!({"eventName": "ModifyManagedPrefixList", "errorCode": "UnauthorizedOperation",
        "requestParameters": {"prefixListId": LIST}}), "the call failed")]
    #[case::another_call(json!({"eventName": "DeleteManagedPrefixList", "requestParameters": {"prefixListId": LIST}}),
        "the event is not a change of a prefix list")]
    #[case::no_id(json!({"eventName": "ModifyManagedPrefixList", "requestParameters": {"prefixListId": "pl-x"}}),
        "the event names no prefix list")]
    #[case::in_the_answer_only(json!({"eventName": "RestoreManagedPrefixListVersion", "requestParameters": null,
        "responseElements": {"prefixList": {"prefixListId": LIST}}}), "the event names no prefix list")]
    #[case::nothing(json!({}), "the event is not a change of a prefix list")]
    fn what_changes_no_list_is_told(#[case] detail: Value, #[case] expected: &str) {
        assert_eq!(prefix_lists(&detail), Err(expected));
    }

    #[rstest]
    #[case(json!({"name": "/portcullis/exemptions", "type": "String", "operation": "Update"}), true)]
    #[case(json!({"Name": "/portcullis/exemptions"}), true)]
    #[case(json!({"detail": {"name": "/portcullis/exemptions"}}), true)]
    #[case(json!({"name": "/portcullis/exemptions2"}), false)]
    #[case(json!({"description": "/portcullis/exemptions"}), false)]
    #[case(json!("/portcullis/exemptions"), false)]
    fn the_parameter_is_known_by_its_name(#[case] detail: Value, #[case] expected: bool) {
        assert_eq!(is_name_of(&detail, "/portcullis/exemptions"), expected);
    }
}
