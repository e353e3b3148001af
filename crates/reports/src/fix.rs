//! Commands or advice that close an exposure.

use std::borrow::Cow;

use exposure::is_security_group_id;
use findings::{FoundExposure, GroupResult};
use plain_text::printable;
use serde::Serialize;

/// How to close an exposure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fix {
    /// Two commands, either of which suffices: `revoke` revokes one rule, `close` closes the whole group.
    Commands { revoke: Option<String>, close: String },
    /// Advice for a group of a template or a plan, which has to be changed at its source.
    Edit(String),
}

impl Fix {
    /// How to close `exposure`, or the whole group if it is `None`.
    pub(super) fn of(result: &GroupResult, exposure: Option<&FoundExposure>) -> Self {
        if result.location.is_none() && is_security_group_id(&result.group_id) {
            let close = command(&["portcullis", "close", &result.group_id], result.region.as_deref());
            if let Some(close) = close {
                return Self::Commands { revoke: exposure.and_then(|exposure| revoke(result, exposure)), close };
            }
        }
        // A rule that is a resource of its own is changed there, and not in its group.
        let location = exposure.and_then(|exposure| exposure.location.as_ref()).or(result.location.as_ref());
        let place = location.map_or_else(
            || format!("`{}`", result.group_id),
            |location| {
                let resource = location.resource.as_deref().unwrap_or(&result.group_id);
                let line = location.line.map(|line| format!(", line {line}")).unwrap_or_default();
                format!("`{resource}` in {}{line}", location.file)
            },
        );
        Self::Edit(match exposure {
            Some(exposure) => format!("Remove the source {} from {place}, or narrow it.", exposure.source),
            None => format!("Give {place} values that are known before deployment, or scan the group afterwards."),
        })
    }

    /// The fix on one line.
    pub(super) fn line(&self) -> &str {
        match self {
            Self::Commands { revoke: Some(revoke), .. } => revoke,
            Self::Commands { close, .. } => close,
            Self::Edit(advice) => advice,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IpPermission<'e> {
    ip_protocol: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_ranges: Option<[IpRange<'e>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_ranges: Option<[Ipv6Range<'e>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_list_ids: Option<[PrefixListId<'e>; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IpRange<'e> {
    cidr_ip: &'e str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ipv6Range<'e> {
    cidr_ipv6: &'e str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PrefixListId<'e> {
    prefix_list_id: &'e str,
}

/// Command that revokes a single rule: by id if it is known, else by its content.
fn revoke(result: &GroupResult, exposure: &FoundExposure) -> Option<String> {
    let start = ["aws", "ec2", "revoke-security-group-ingress", "--group-id", &result.group_id];
    let permission;
    let rule = if let Some(id) = &exposure.rule_id {
        ["--security-group-rule-ids", id]
    } else {
        permission = serde_json::to_string(&[permission_of(exposure)?]).ok()?;
        ["--ip-permissions", &permission]
    };
    command(&[start.as_slice(), &rule].concat(), result.region.as_deref())
}

fn permission_of(exposure: &FoundExposure) -> Option<IpPermission<'_>> {
    let source = exposure.source.as_str();
    let is_network = source.contains('/');
    let is_ipv6 = source.contains(':');
    let is_prefix_list = source.starts_with("pl-");
    (is_network || is_prefix_list).then(|| IpPermission {
        ip_protocol: &exposure.protocol,
        from_port: exposure.from_port,
        to_port: exposure.to_port,
        ip_ranges: (is_network && !is_ipv6).then_some([IpRange { cidr_ip: source }]),
        ipv6_ranges: (is_network && is_ipv6).then_some([Ipv6Range { cidr_ipv6: source }]),
        prefix_list_ids: is_prefix_list.then_some([PrefixListId { prefix_list_id: source }]),
    })
}

/// Command line for a POSIX shell, with all words quoted as needed. `None` if a word has a control character: a terminal
/// might act on it as soon as the command is pasted.
fn command(words: &[&str], region: Option<&str>) -> Option<String> {
    let region = region.map(|region| ["--region", region]);
    let words: Vec<&str> = words.iter().copied().chain(region.into_iter().flatten()).collect();
    if words.iter().any(|word| matches!(printable(word), Cow::Owned(_))) {
        return None;
    }
    shlex::try_join(words).ok()
}

#[cfg(test)]
mod tests {
    use exposure::Reach;
    use findings::{ComplianceType, Location, Openness};
    use rstest::rstest;

    use super::*;

    fn group(region: Option<&str>) -> GroupResult {
        GroupResult {
            group_id: "sg-0aaaaaaaaaaaaaaaa".into(),
            group_name: None,
            vpc_id: None,
            account: None,
            region: region.map(str::to_owned),
            compliance: ComplianceType::NonCompliant,
            openness: Openness::World,
            exposures: Vec::new(),
            exempted: Vec::new(),
            unjudged: Vec::new(),
            severity: None,
            context: None,
            location: None,
        }
    }

    fn exposure(rule_id: Option<&str>, source: &str) -> FoundExposure {
        FoundExposure {
            rule_id: rule_id.map(str::to_owned),
            protocol: "tcp".into(),
            from_port: Some(22),
            to_port: Some(22),
            source: source.into(),
            ports: vec!["tcp/22".into()],
            reach: Reach::World,
            description: None,
            location: None,
        }
    }

    #[rstest]
    #[case::by_id(Some("sgr-0bbbbbbbbbbbbbbbb"), "0.0.0.0/0", "--security-group-rule-ids sgr-0bbbbbbbbbbbbbbbb")]
    #[case::ipv4(
        None,
        "0.0.0.0/0",
        r#"--ip-permissions '[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]'"#
    )]
    #[case::ipv6(
        None,
        "::/0",
        r#"--ip-permissions '[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"Ipv6Ranges":[{"CidrIpv6":"::/0"}]}]'"#
    )]
    #[case::prefix_list(
        None,
        "pl-0123",
        r#"--ip-permissions '[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"PrefixListIds":[{"PrefixListId":"pl-0123"}]}]'"#
    )]
    fn a_rule_is_revoked_alone(#[case] rule_id: Option<&str>, #[case] source: &str, #[case] rule: &str) {
        let fix = Fix::of(&group(Some("eu-west-1")), Some(&exposure(rule_id, source)));
        assert_eq!(
            fix.line(),
            format!("aws ec2 revoke-security-group-ingress --group-id sg-0aaaaaaaaaaaaaaaa {rule} --region eu-west-1")
        );
    }

    #[test]
    fn the_group_is_closed_as_a_whole() {
        let fix = Fix::of(&group(Some("eu-west-1")), None);
        assert_eq!(fix.line(), "portcullis close sg-0aaaaaaaaaaaaaaaa --region eu-west-1");
    }

    #[test]
    fn a_shell_sees_hostile_text_as_one_word() {
        let fix = Fix::of(&group(Some("eu-west-1; rm -rf $HOME 'x'")), None);
        let words = shlex::split(fix.line()).unwrap();
        assert_eq!(words, ["portcullis", "close", "sg-0aaaaaaaaaaaaaaaa", "--region", "eu-west-1; rm -rf $HOME 'x'"]);
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_in_a_command() {
        let fix = Fix::of(&group(Some("eu-west-1\u{1b}]0;x\u{7}")), None);
        assert!(matches!(fix, Fix::Edit(_)), "{fix:?}");
    }

    #[test]
    fn a_group_of_a_template_is_edited_there() {
        let location = Location { file: "web.yaml".into(), resource: Some("Web".into()), line: Some(3) };
        let result = GroupResult { location: Some(location), ..group(None) };
        let fix = Fix::of(&result, Some(&exposure(None, "0.0.0.0/0")));
        assert_eq!(fix.line(), "Remove the source 0.0.0.0/0 from `Web` in web.yaml, line 3, or narrow it.");
    }

    #[test]
    fn a_rule_that_is_a_resource_of_its_own_is_edited_there() {
        let location = |resource: &str, line| Location {
            file: "web.yaml".into(),
            resource: Some(resource.into()),
            line: Some(line),
        };
        let result = GroupResult { location: Some(location("Web", 3)), ..group(None) };
        let exposure = FoundExposure { location: Some(location("Ssh", 14)), ..exposure(None, "0.0.0.0/0") };
        let fix = Fix::of(&result, Some(&exposure));
        assert_eq!(fix.line(), "Remove the source 0.0.0.0/0 from `Ssh` in web.yaml, line 14, or narrow it.");
    }
}
