//! Commands or advice that close an exposure.

use std::borrow::Cow;

use exposure::is_security_group_id;
use findings::{FoundExposure, GroupResult, Location, ScanPolicy, ScanRecord, ScanTarget};
use plain_text::printable;
use serde::Serialize;

/// Most pieces of advice for one group.
const MAX_EDITS: usize = 20;

/// How to close a group and its exposures, by the policy and with the credentials of the scan. The command for the whole
/// group is the same for each of its exposures, so it is made once.
#[derive(Debug)]
pub(super) struct Fixes<'r> {
    record: &'r ScanRecord,
    result: &'r GroupResult,
    close: Option<Command>,
}

/// How to close one exposure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fix<'f> {
    /// Command that revokes its rule, and no other.
    Revoke(Command),
    /// Command that closes the whole group.
    Close(&'f Command),
    /// Advice for a group of a template or a plan, which has to be changed at its source.
    Edit(String),
}

impl<'r> Fixes<'r> {
    pub(super) fn new(record: &'r ScanRecord, result: &'r GroupResult) -> Self {
        // A place without a resource is a file that lists what exists.
        let is_listed = result.location.as_ref().is_none_or(|location| location.resource.is_none());
        let is_live = is_listed && is_security_group_id(&result.group_id);
        Self { record, result, close: if is_live { close(record, result) } else { None } }
    }

    /// Command that closes the whole group; `None` for a group that has to be changed at its source.
    pub(super) fn close(&self) -> Option<&Command> {
        self.close.as_ref()
    }

    /// Takes the command that closes the whole group.
    pub(super) fn into_close(self) -> Option<Command> {
        self.close
    }

    /// Command that revokes the rule of the exposure, and no other. There is none without [`Fixes::close`].
    pub(super) fn revoke(&self, exposure: &FoundExposure) -> Option<Command> {
        self.close.as_ref().and_then(|_| revoke(self.record, self.result, exposure))
    }

    /// The narrowest way to close the exposure.
    pub(super) fn of(&self, exposure: &FoundExposure) -> Fix<'_> {
        match &self.close {
            Some(close) => revoke(self.record, self.result, exposure).map_or(Fix::Close(close), Fix::Revoke),
            None => Fix::Edit(self.edit(exposure)),
        }
    }

    /// How to close the whole group on one line: by its only exposure, or by all of them.
    pub(super) fn line(&self) -> String {
        match (self.result.exposures.as_slice(), &self.close) {
            ([exposure], _) => self.of(exposure).line(),
            (_, Some(close)) => close.line(),
            (_, None) => self.edits().join(" "),
        }
    }

    /// Advice to remove the exposures at their source; the same advice once.
    pub(super) fn edits(&self) -> Vec<String> {
        let mut edits = Vec::new();
        for exposure in &self.result.exposures {
            let edit = self.edit(exposure);
            if edits.len() < MAX_EDITS && !edits.contains(&edit) {
                edits.push(edit);
            }
        }
        edits
    }

    /// Advice to remove the exposure at its source.
    fn edit(&self, exposure: &FoundExposure) -> String {
        // A rule that is a resource of its own is changed there, and not in its group.
        let location = exposure.location.as_ref().or(self.result.location.as_ref());
        format!("Remove the source {} from {}, or narrow it.", exposure.source, self.place(location))
    }

    /// Advice to make a group of a template or a plan one that can be judged.
    pub(super) fn edit_to_judge(&self) -> String {
        let place = self.place(self.result.location.as_ref());
        format!("Give {place} values that are known before deployment, or scan the group afterwards.")
    }

    fn place(&self, location: Option<&Location>) -> String {
        let Some(location) = location else { return format!("`{}`", self.result.group_id) };
        let resource = location.resource.as_deref().unwrap_or(&self.result.group_id);
        let line = location.line.map(|line| format!(", line {line}")).unwrap_or_default();
        format!("`{resource}` in {}{line}", location.file_name())
    }
}

impl Fix<'_> {
    /// The fix on one line.
    pub(super) fn line(self) -> String {
        match self {
            Self::Revoke(command) => command.line(),
            Self::Close(command) => command.line(),
            Self::Edit(advice) => advice,
        }
    }
}

/// A command line for a POSIX shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// The program with its subcommand, then each option with its value, quoted as needed.
    pub(super) units: Vec<String>,
}

impl Command {
    /// Quotes the units. `None` if a word has a control character: a terminal might act on it as soon as the command is
    /// pasted.
    fn new<'w>(units: impl IntoIterator<Item = Vec<&'w str>>) -> Option<Self> {
        let word = |word: &str| match word.split_once('=') {
            // The name of an option needs no quotes, and reads better without them.
            Some((name, value)) if name.starts_with("--") => Some(format!("{name}={}", quoted(value)?)),
            _ => quoted(word).map(Cow::into_owned),
        };
        let unit = |words: Vec<&str>| {
            let is_plain = words.iter().all(|word| matches!(printable(word), Cow::Borrowed(_)));
            let words = words.into_iter().map(word).collect::<Option<Vec<_>>>()?;
            is_plain.then(|| words.join(" "))
        };
        Some(Self { units: units.into_iter().map(unit).collect::<Option<_>>()? })
    }

    /// The command on one line.
    pub(super) fn line(&self) -> String {
        self.units.join(" ")
    }
}

/// The policy as options for a shell. Control characters are made printable: it is there to be read.
pub(super) fn policy_options(policy: &ScanPolicy) -> String {
    let options = policy.options();
    match Command::new(options.iter().map(|option| vec![option.as_str()])) {
        Some(command) => command.line(),
        None => printable(&options.join(" ")).into_owned(),
    }
}

/// A word as a shell takes it. Commas mean nothing to a shell within a word, and lists read better without quotes.
fn quoted(word: &str) -> Option<Cow<'_, str>> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,@+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) { Some(Cow::Borrowed(word)) } else { shlex::try_quote(word).ok() }
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

/// Command that closes the group. It states the whole policy: with another one, it would close other rules.
fn close(record: &ScanRecord, result: &GroupResult) -> Option<Command> {
    let mut options = Vec::new();
    if let Some(region) = &result.region {
        options.push(format!("--region={region}"));
    }
    if let Some(target) = access(record, result) {
        options.extend(target.profile.as_ref().map(|profile| format!("--profile={profile}")));
        options.extend(target.assumed_role.as_ref().map(|role| format!("--assume-role-arn={role}")));
    }
    let policy = record.policy_in(result.account.as_deref(), result.region.as_deref());
    if matches!(policy, ScanPolicy::PerTarget { .. }) {
        // The policy of this group is not known, and with another one the command would close other rules.
        return None;
    }
    options.extend(policy.options());
    let start = vec!["portcullis", "close", result.group_id.as_str()];
    Command::new([start].into_iter().chain(options.iter().map(|option| vec![option.as_str()])))
}

/// Command that revokes a single rule: by id if it is known, else by its content. There is none if the account was read
/// by an assumed role, because the AWS CLI has no option for one.
fn revoke(record: &ScanRecord, result: &GroupResult, exposure: &FoundExposure) -> Option<Command> {
    let target = access(record, result);
    if target.is_some_and(|target| target.assumed_role.is_some()) {
        return None;
    }
    let permission;
    let rule = if let Some(id) = &exposure.rule_id {
        vec!["--security-group-rule-ids", id]
    } else {
        permission = serde_json::to_string(&[permission_of(exposure)?]).ok()?;
        vec!["--ip-permissions", &permission]
    };
    let start = vec!["aws", "ec2", "revoke-security-group-ingress"];
    let region = result.region.as_deref().map(|region| vec!["--region", region]);
    let profile = target.and_then(|target| target.profile.as_deref()).map(|profile| vec!["--profile", profile]);
    let units = [start, vec!["--group-id", &result.group_id], rule];
    Command::new(units.into_iter().chain(region).chain(profile))
}

/// Credentials that the account of the group was read with.
fn access<'r>(record: &'r ScanRecord, result: &GroupResult) -> Option<&'r ScanTarget> {
    result.account.as_deref().and_then(|account| record.access_to(account))
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

#[cfg(test)]
mod tests {
    use exposure::Reach;
    use exposure::SourceScope;
    use findings::{ComplianceType, Location, Openness, PolicyOptions};
    use rstest::rstest;

    use super::*;

    fn record() -> ScanRecord {
        ScanRecord::of_files(ScanPolicy::from(PolicyOptions::new("tcp/22".parse().unwrap())), vec!["a.json".into()])
    }

    /// A record of a scan of the account of `group`.
    fn live(profile: Option<&str>, role: Option<&str>) -> ScanRecord {
        let target = ScanTarget {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            profile: profile.map(str::to_owned),
            assumed_role: role.map(str::to_owned),
            caller_arn: None,
            policy: None,
        };
        ScanRecord { inputs: Vec::new(), targets: vec![target].into(), ..record() }
    }

    fn group(region: Option<&str>) -> GroupResult {
        GroupResult {
            group_id: "sg-0aaaaaaaaaaaaaaaa".into(),
            group_name: None,
            vpc_id: None,
            account: Some("123456789012".into()),
            region: region.map(str::to_owned),
            compliance: ComplianceType::NonCompliant,
            openness: Openness::World,
            exposures: Vec::new(),
            exempted: Vec::new(),
            unjudged: Vec::new(),
            severity: None,
            context: None,
            location: None,
            snippet: None,
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

    /// Command that closes the whole group.
    fn closing(record: &ScanRecord, group: &GroupResult) -> String {
        Fixes::new(record, group).close().map(Command::line).unwrap()
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
        let (record, group) = (record(), group(Some("eu-west-1")));
        assert_eq!(
            Fixes::new(&record, &group).of(&exposure(rule_id, source)).line(),
            format!("aws ec2 revoke-security-group-ingress --group-id sg-0aaaaaaaaaaaaaaaa {rule} --region eu-west-1")
        );
    }

    #[test]
    fn the_group_is_closed_as_a_whole_by_the_policy_of_the_scan() {
        assert_eq!(
            closing(&record(), &group(Some("eu-west-1"))),
            "portcullis close sg-0aaaaaaaaaaaaaaaa --region=eu-west-1 --ports=tcp/22 --scope=world"
        );
        let policy = ScanPolicy::from(PolicyOptions {
            scope: SourceScope::Public,
            authorized: ["203.0.113.0/24".parse().unwrap()].into_iter().collect(),
            exemptions_file: Some("/srv/my exemptions.json".into()),
            ..PolicyOptions::new("22,3389".parse().unwrap())
        });
        assert_eq!(
            closing(&ScanRecord { policy, ..record() }, &group(None)),
            "portcullis close sg-0aaaaaaaaaaaaaaaa --ports=22,3389 --scope=public --authorized-cidr=203.0.113.0/24 \
             --exemptions='/srv/my exemptions.json'"
        );
        let record =
            ScanRecord { policy: ScanPolicy::Rule { rule: "portcullis".into(), parameters: None }, ..record() };
        assert_eq!(closing(&record, &group(None)), "portcullis close sg-0aaaaaaaaaaaaaaaa --rule=portcullis");
    }

    #[test]
    fn commands_use_the_credentials_of_the_scan() {
        let exposure = exposure(Some("sgr-1"), "0.0.0.0/0");
        let group = group(Some("eu-west-1"));
        let commands = |record: &ScanRecord| {
            let revoke = Fixes::new(record, &group).revoke(&exposure);
            (revoke.map(|command| command.line()), closing(record, &group))
        };
        let (revoke, close) = commands(&live(Some("audit"), None));
        assert!(revoke.unwrap().ends_with(" --region eu-west-1 --profile audit"));
        assert!(close.contains(" --region=eu-west-1 --profile=audit --ports="), "{close}");
        let role = "arn:aws:iam::123456789012:role/audit";
        let assumed = live(Some("audit"), Some(role));
        let (revoke, close) = commands(&assumed);
        assert_eq!(revoke, None, "the AWS CLI has no option for a role");
        assert!(close.contains(&format!(" --profile=audit --assume-role-arn={role} ")), "{close}");
        assert_eq!(Fixes::new(&assumed, &group).of(&exposure).line(), close, "the whole group is closed instead");
    }

    #[test]
    fn a_shell_sees_hostile_text_as_one_word() {
        let line = closing(&record(), &group(Some("eu-west-1; rm -rf $HOME 'x'")));
        let words = shlex::split(&line).unwrap();
        assert_eq!(words.get(3).map(String::as_str), Some("--region=eu-west-1; rm -rf $HOME 'x'"));
        assert_eq!(words.len(), 6);
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_in_a_command() {
        let (record, group) = (record(), group(Some("eu-west-1\u{1b}]0;x\u{7}")));
        let fixes = Fixes::new(&record, &group);
        assert_eq!(fixes.close(), None);
        assert_eq!(fixes.revoke(&exposure(None, "0.0.0.0/0")), None);
    }

    #[test]
    fn a_group_of_a_template_is_edited_there() {
        let location = Location { file: "web.yaml".into(), resource: Some("Web".into()), line: Some(3) };
        let result = GroupResult { location: Some(location), ..group(None) };
        let (record, ssh) = (record(), exposure(None, "0.0.0.0/0"));
        let fixes = Fixes::new(&record, &result);
        assert_eq!(fixes.close(), None);
        assert_eq!(fixes.of(&ssh).line(), "Remove the source 0.0.0.0/0 from `Web` in web.yaml, line 3, or narrow it.");
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
        assert_eq!(
            Fixes::new(&record(), &result).of(&exposure).line(),
            "Remove the source 0.0.0.0/0 from `Ssh` in web.yaml, line 14, or narrow it."
        );
    }

    #[test]
    fn the_exposures_of_a_group_of_a_template_are_all_edited() {
        let location = Location { file: "web.yaml".into(), resource: Some("Web".into()), line: None };
        let exposures = ["0.0.0.0/0", "0.0.0.0/0", "::/0"].map(|source| exposure(None, source)).to_vec();
        let result = GroupResult { location: Some(location), exposures, ..group(None) };
        let record = record();
        assert_eq!(
            Fixes::new(&record, &result).line(),
            "Remove the source 0.0.0.0/0 from `Web` in web.yaml, or narrow it. Remove the source ::/0 from `Web` in \
             web.yaml, or narrow it."
        );
    }
}
