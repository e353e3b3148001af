//! Names that CloudFormation knows, of the resources that make groups and rules. It rejects a template with any other name,
//! so a misspelt one is not a property that has no effect.

use serde_json::{Map, Value};

/// Attributes of a resource, `Connectors` being one of AWS SAM.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-product-attribute-reference.html>
const ATTRIBUTES: [&str; 10] = [
    "Condition",
    "Connectors",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// Properties of `AWS::EC2::SecurityGroup`, those included that a template cannot set.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html>
pub(super) const OF_GROUP: [&str; 8] =
    ["GroupDescription", "GroupId", "GroupName", "Id", "SecurityGroupEgress", "SecurityGroupIngress", "Tags", "VpcId"];

/// Properties of `AWS::EC2::SecurityGroupIngress` and of `Ingress`, those included that a template cannot set.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupingress.html>
pub(super) const OF_RULE: [&str; 13] = [
    "CidrIp",
    "CidrIpv6",
    "Description",
    "FromPort",
    "GroupId",
    "GroupName",
    "Id",
    "IpProtocol",
    "SourcePrefixListId",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "SourceSecurityGroupOwnerId",
    "ToPort",
];

/// The first key of an object that is none of these names. Functions are no names.
pub(super) fn unknown<'o>(object: &'o Map<String, Value>, names: &[&str]) -> Option<&'o str> {
    let is_unknown = |key: &&str| !names.contains(key) && !key.starts_with("Fn::") && *key != "Ref";
    object.keys().map(String::as_str).find(is_unknown)
}

/// What CloudFormation does not know of a resource with these properties; `None` if it knows everything.
pub(super) fn problem(resource: &Value, properties: &[&str]) -> Option<String> {
    if let Some(key) = unknown(resource.as_object()?, &ATTRIBUTES) {
        let place = if properties.contains(&key) { "below `Properties`" } else { "with its right name" };
        return Some(format!("unknown attribute `{key}`: write it {place}"));
    }
    let key = unknown(resource.get("Properties")?.as_object()?, properties)?;
    let meant = properties.iter().find(|name| name.eq_ignore_ascii_case(key));
    let remedy = meant.map_or_else(|| "remove it, or correct its name".to_owned(), |name| format!("write `{name}`"));
    Some(format!("unknown property `{key}`: {remedy}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"Type": "x", "SecurityGroupIngress": []}),
        Some("unknown attribute `SecurityGroupIngress`: write it below `Properties`"))]
    #[case(json!({"Type": "x", "Propertis": {}}), Some("unknown attribute `Propertis`: write it with its right name"))]
    #[case(json!({"Type": "x", "Properties": {"SecurityGroupingress": []}}),
        Some("unknown property `SecurityGroupingress`: write `SecurityGroupIngress`"))]
    #[case(json!({"Type": "x", "Properties": {"Ingress": []}}),
        Some("unknown property `Ingress`: remove it, or correct its name"))]
    #[case(json!({"Type": "x", "Properties": {"Tags": [], "Fn::Transform": {}}, "Fn::Transform": {}, "DependsOn": "a"}), None)]
    #[case(json!({"Type": "x", "Properties": {"Fn::If": []}}), None)]
    #[case(json!({"Type": "x", "Properties": "x"}), None)]
    #[case(json!({"Type": "x"}), None)]
    fn names_that_cloudformation_rejects_are_found(#[case] resource: Value, #[case] expected: Option<&str>) {
        assert_eq!(problem(&resource, &OF_GROUP).as_deref(), expected);
    }
}
