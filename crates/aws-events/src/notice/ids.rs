//! Ids of resources in events.

use std::collections::BTreeSet;

use exposure::{is_account_id, is_security_group_id};
use serde_json::Value;

/// Returns true if `text` has the form of an id of EC2 with this prefix: 8 to 17 lowercase hexadecimal digits follow.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>
pub(super) fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        (8..=17).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// Adds the ids of security groups in `text`. Each is a word of its own: neither `my-sg-0123456789abcdef0` nor an id with a digit
/// too many is one. Nor is an id in upper case: EC2 writes lower case, and knows no other group by `SG-…`.
pub(super) fn find_groups(text: &str, found: &mut BTreeSet<String>) {
    let words = text.split(|character: char| !(character.is_alphanumeric() || matches!(character, '-' | '_')));
    found.extend(words.filter(|word| is_security_group_id(word)).map(str::to_owned));
}

/// Adds the ids of security groups in the texts and keys of `value`.
pub(super) fn find_groups_within(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => find_groups(text, found),
        Value::Array(values) => values.iter().for_each(|value| find_groups_within(value, found)),
        Value::Object(members) => {
            for (key, value) in members {
                find_groups(key, found);
                find_groups_within(value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The first text that is the id of an account.
pub(super) fn account<'v>(candidates: impl IntoIterator<Item = Option<&'v str>>) -> Option<String> {
    candidates.into_iter().flatten().find(|text| is_account_id(text)).map(str::to_owned)
}

/// The first text that has the form of the name of a region.
pub(super) fn region<'v>(candidates: impl IntoIterator<Item = Option<&'v str>>) -> Option<String> {
    let is_region = |text: &&str| {
        text.contains('-')
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    candidates.into_iter().flatten().find(is_region).map(str::to_owned)
}

/// The parts of an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arn<'v> {
    pub(super) service: &'v str,
    pub(super) region: &'v str,
    pub(super) account: &'v str,
    pub(super) resource: &'v str,
}

impl<'v> Arn<'v> {
    pub(super) fn parse(text: &'v str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let _partition = parts.next()?;
        let [service, region, account, resource] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        Some(Self { service, region, account, resource })
    }

    /// The id of the security group that the ARN names.
    pub(super) fn group(self) -> Option<&'v str> {
        let id = self.resource.strip_prefix("security-group/").filter(|_| self.service == "ec2")?;
        is_security_group_id(id).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alone("sg-0aaaaaaaaaaaaaaaa", &["sg-0aaaaaaaaaaaaaaaa"])]
    #[case::quoted("{ \"sg-0aaaaaaaaaaaaaaaa\"}", &["sg-0aaaaaaaaaaaaaaaa"])]
    #[case::single_quotes("'sg-0aaaaaaaaaaaaaaaa','sg-12345678'", &["sg-0aaaaaaaaaaaaaaaa", "sg-12345678"])]
    #[case::arn("arn:aws:ec2:eu-west-1:111122223333:security-group/sg-12345678", &["sg-12345678"])]
    #[case::sentence("Close sg-12345678.", &["sg-12345678"])]
    #[case::assignment("GroupId=sg-12345678;", &["sg-12345678"])]
    #[case::lines("sg-12345678\nsg-12345678\r\nsg-23456789", &["sg-12345678", "sg-23456789"])]
    #[case::wide("组 sg-12345678。", &["sg-12345678"])]
    #[case::nine_digits("sg-123456789", &["sg-123456789"])]
    #[case::seven_digits("sg-1234567", &[])]
    #[case::eighteen_digits("sg-0aaaaaaaaaaaaaaaaa", &[])]
    #[case::prefixed("xsg-12345678 web-sg-12345678 _sg-12345678 网sg-12345678", &[])]
    #[case::continued("sg-12345678-web sg-12345678_ sg-12345678x sg-12345678é", &[])]
    #[case::upper_case("SG-12345678 sg-ABCDEF01", &[])]
    #[case::rule("sgr-0123456789abcdef0", &[])]
    #[case::empty("", &[])]
    fn an_id_is_a_word(#[case] text: &str, #[case] expected: &[&str]) {
        let mut found = BTreeSet::new();
        find_groups(text, &mut found);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case("arn:aws:ec2:eu-west-1:111122223333:security-group/sg-12345678", Some("sg-12345678"))]
    #[case("arn:aws-cn:ec2:cn-north-1:111122223333:security-group/sg-12345678", Some("sg-12345678"))]
    #[case("arn:aws:ec2:eu-west-1:111122223333:security-group-rule/sgr-12345678", None)]
    #[case("arn:aws:ec2:eu-west-1:111122223333:security-group/sg-web", None)]
    #[case("arn:aws:rds:eu-west-1:111122223333:security-group/sg-12345678", None)]
    #[case("arn:aws:ec2:eu-west-1:111122223333", None)]
    #[case("security-group/sg-12345678", None)]
    fn an_arn_names_its_group(#[case] arn: &str, #[case] expected: Option<&str>) {
        assert_eq!(Arn::parse(arn).and_then(Arn::group), expected);
    }

    #[rstest]
    #[case(Some("us-east-1"), Some("us-east-1"))]
    #[case(Some("us-gov-west-1"), Some("us-gov-west-1"))]
    #[case(Some("US-EAST-1"), None)]
    #[case(Some("useast1"), None)]
    #[case(Some("us east-1"), None)]
    #[case(Some(""), None)]
    #[case(None, None)]
    fn a_region_is_recognised(#[case] text: Option<&str>, #[case] expected: Option<&str>) {
        assert_eq!(region([None, text]).as_deref(), expected);
        assert_eq!(region([text, Some("eu-west-1")]).as_deref(), expected.or(Some("eu-west-1")));
    }

    #[rstest]
    #[case("acl-12345678", true)]
    #[case("acl-0123456789abcdef0", true)]
    #[case("acl-1234567", false)]
    #[case("acl-0123456789abcdef01", false)]
    #[case("acl-1234567G", false)]
    #[case("acl-1234567F", false)]
    #[case("acl-12345 78", false)]
    #[case("12345678", false)]
    fn an_id_has_a_prefix_and_digits(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_id(text, "acl-"), expected);
    }
}
