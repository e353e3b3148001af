//! Inputs that are near to one that is read: what they are, and the command that makes the right one. A message says it.

use serde_json::{Map, Value};

/// Number of keys that a message shows.
const SHOWN: usize = 5;

/// What an object without security groups is.
pub(super) fn object(json: &str) -> String {
    let object: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    let has = |key: &str| object.contains_key(key);
    if has("@level") && has("@message") {
        return "the log of `terraform plan -json` (save the plan with -out=FILE, and use `terraform show -json FILE`)"
            .to_owned();
    }
    if has("lineage") && has("terraform_version") {
        return "a raw Terraform state file, whose format is internal to Terraform".to_owned();
    }
    if object.get("resource").is_some_and(|resource| resource.is_object() || resource.is_array()) {
        return "a configuration of Terraform (plan it with -out=FILE, and use `terraform show -json FILE`)".to_owned();
    }
    if has("configurationItemSummary") {
        return "an oversized notification of AWS Config, whose configuration item is in a file of its own".to_owned();
    }
    if has("messageType") {
        return "a notification of AWS Config without a configuration item".to_owned();
    }
    let keys = keys(&object);
    if ["\"SecurityGroups\"", "\"SecurityGroupRules\""].iter().any(|list| json.contains(list)) {
        return format!("an object {keys} around answers of EC2 (unpack them: jq '.. | .SecurityGroups? // empty')");
    }
    format!("an object {keys}")
}

/// The first keys of an object: ``with the keys `a`, `b` ``.
fn keys(object: &Map<String, Value>) -> String {
    let mut keys: Vec<String> = object
        .keys()
        .take(SHOWN)
        .map(|key| format!("`{}`", key.chars().take(40).flat_map(char::escape_debug).collect::<String>()))
        .collect();
    if object.len() > SHOWN {
        keys.push("…".to_owned());
    }
    if keys.is_empty() { "without keys".to_owned() } else { format!("with the keys {}", keys.join(", ")) }
}

/// What an input is whose first line was written by a tool around the command; `None` if it is none of these.
pub(super) fn wrapped(first_line: &str) -> Option<&'static str> {
    if first_line.starts_with("[command]") {
        return Some(
            "the output of the wrapper of setup-terraform (set `terraform_wrapper: false` for the action, or remove \
             the lines around the JSON)",
        );
    }
    let of_terragrunt = ["[terragrunt]", " STDOUT terraform: ", " STDOUT tofu: ", " tf-path=", " tfBinary="];
    of_terragrunt.iter().any(|mark| first_line.contains(mark)).then_some(
        "the log of Terragrunt (use `terragrunt show -json FILE` with TG_TF_FORWARD_STDOUT=true and TG_LOG_DISABLE=true)",
    )
}

/// The remedy for a record that is malformed because of the tool that wrote it; `None` if it is not known.
pub(super) fn remedy(json: &str) -> Option<&'static str> {
    json.contains("\"Amazon.EC2.Model.").then_some("write it by ConvertTo-Json -Depth 6")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("[command]/opt/terraform-bin show -json plan", Some("setup-terraform"))]
    #[case("[terragrunt] 2024/05/01 10:00:00 Reading", Some("Terragrunt"))]
    #[case("10:00:00.123 STDOUT terraform: {", Some("Terragrunt"))]
    #[case("time=2024-05-01T10:00:00Z level=info prefix=app tf-path=tofu msg={", Some("Terragrunt"))]
    #[case("[{\"GroupId\": \"sg-1\"}]", None)]
    #[case("Resources:", None)]
    fn the_first_line_may_tell_the_tool(#[case] line: &str, #[case] tool: Option<&str>) {
        assert_eq!(wrapped(line).is_some_and(|found| found.contains(tool.unwrap_or_default())), tool.is_some());
    }
}
