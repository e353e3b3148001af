//! Properties of the reading: it never panics, a truncated input is never accepted, and a group is the same in every format.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice, reason = "tests")]

use std::io::Write;
use std::ops::ControlFlow;

use exposure::{Exemptions, IngressRule, Policy, Source, SourceScope, Traffic};
use findings::GroupResult;
use flate2::Compression;
use flate2::write::GzEncoder;
use inventory::{InputError, Options, Record, Stats, read};
use ipnetwork::IpNetwork;
use judgement::Criteria;
use proptest::prelude::*;
use proptest::sample::select as sample;
use rstest::rstest;
use serde_json::{Map, Value, json};

const GROUPS: &str = include_str!("samples/describe-security-groups.json");
const RULES: &str = include_str!("samples/describe-security-group-rules.json");
const EVENT: &str = include_str!("../../aws-events/tests/samples/config-change-event.json");
const SNAPSHOT: &str = include_str!("samples/config-snapshot.json");
const SELECTED: &str = include_str!("samples/select-resource-config.json");
const TEMPLATE: &str = include_str!("samples/template.yaml");

fn scan(input: &[u8]) -> Result<(Vec<Record>, Stats), InputError> {
    let mut records = Vec::new();
    let stats = read(input, "-", &Options::default(), &mut |found| {
        records.extend(found);
        ControlFlow::Continue(())
    })?;
    Ok((records, stats))
}

#[rstest]
#[case(GROUPS)]
#[case(RULES)]
#[case(EVENT)]
#[case(SNAPSHOT)]
#[case(SELECTED)]
#[case(r#"{"Resources":{"A":{"Type":"AWS::EC2::SecurityGroup"},"B":{"Type":"AWS::EC2::SecurityGroup"}}}"#)]
#[case(r#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[]}}}"#)]
fn no_beginning_of_a_document_passes_for_the_whole(#[case] document: &str) {
    let document = document.trim_end();
    assert!(scan(document.as_bytes()).is_ok());
    for length in 0..document.len() {
        assert!(scan(&document.as_bytes()[..length]).is_err(), "{}", &document[..length]);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(document.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    for length in 0..packed.len() {
        assert!(scan(&packed[..length]).is_err(), "{length} bytes of gzip");
    }
}

/// Fragments of inputs in any order.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = sample(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        " ",
        "null",
        "true",
        "-1",
        "22",
        "1e999",
        "\"SecurityGroups\":[",
        "\"GroupId\":\"sg-1\"",
        "\"IpPermissions\":[]",
        "\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\"}]",
        "\"NextToken\":\"x\"",
        "{\"resourceType\":\"AWS::EC2::SecurityGroup\"",
        "\"configuration\":\"{}\"",
        "\"Resources\":{",
        "\"Type\":",
        "\"AWS::EC2::SecurityGroup\"",
        "\"AWS::EC2::SecurityGroupIngress\"",
        "\"Properties\":{",
        "{\"Ref\":\"A\"}",
        "\"SecurityGroupIngress\":",
        "\"planned_values\":{",
        "\"root_module\":{",
        "\"resources\":[",
        "\"child_modules\":[",
        "\"configuration\":{",
        "Resources:\n",
        "  A:\n",
        "    Type: AWS::EC2::SecurityGroup\n",
        "- ",
        "!Ref ",
        "!If ",
        "&a ",
        "*a",
        "<<: ",
        "\"invokingEvent\":\"{\\\"a\\\":1}\"",
        "\"Results\":[\"",
        "\u{feff}",
        "\u{0}",
        "é",
        "# x\n",
        "---\n",
    ]);
    proptest::collection::vec(fragment, 0..40).prop_map(|fragments| fragments.concat())
}

/// A rule that every format can express.
#[derive(Debug, Clone)]
struct Rule {
    protocol: &'static str,
    ports: Option<(u16, u16)>,
    source: Source,
}

fn rule() -> impl Strategy<Value = Rule> {
    let traffic = prop_oneof![
        (sample(vec!["tcp", "udp"]), any::<u16>(), any::<u16>())
            .prop_map(|(protocol, one, other)| (protocol, Some((one.min(other), one.max(other))))),
        sample(vec!["-1", "47"]).prop_map(|protocol| (protocol, None)),
    ];
    let cidr = |text: String| Source::Cidr(text.parse::<IpNetwork>().unwrap());
    let source = prop_oneof![
        (any::<[u8; 4]>(), 0..=32u8).prop_map(move |(ip, prefix)| {
            let network = IpNetwork::new(std::net::Ipv4Addr::from(ip).into(), prefix).unwrap();
            cidr(format!("{}/{prefix}", network.network()))
        }),
        (any::<[u8; 16]>(), 0..=128u8).prop_map(move |(ip, prefix)| {
            let network = IpNetwork::new(std::net::Ipv6Addr::from(ip).into(), prefix).unwrap();
            cidr(format!("{}/{prefix}", network.network()))
        }),
        "pl-[0-9a-f]{8}".prop_map(Source::PrefixList),
        "sg-[0-9a-f]{8}".prop_map(|id| Source::SecurityGroup { id, account_id: None }),
    ];
    (traffic, source).prop_map(|((protocol, ports), source)| Rule { protocol, ports, source })
}

impl Rule {
    fn ingress(&self) -> IngressRule {
        let port = |port: u16| i64::from(port);
        let traffic =
            Traffic::parse(self.protocol, self.ports.map(|ports| port(ports.0)), self.ports.map(|ports| port(ports.1)));
        IngressRule::new(traffic, self.source.clone())
    }

    /// The rule with these keys for ports and sources: IPv4, IPv6, prefix list, group.
    fn object(&self, protocol: &str, ports: [&str; 2], sources: [&str; 4], source: impl Fn(Value) -> Value) -> Value {
        let mut object = Map::new();
        object.insert(protocol.to_owned(), self.protocol.into());
        if let Some((from, to)) = self.ports {
            object.insert(ports[0].to_owned(), from.into());
            object.insert(ports[1].to_owned(), to.into());
        }
        let (key, text) = match &self.source {
            Source::Cidr(network) => (sources[usize::from(network.is_ipv6())], network.to_string()),
            Source::PrefixList(id) => (sources[2], id.clone()),
            Source::SecurityGroup { id, .. } => (sources[3], id.clone()),
            Source::Unrecognized(_) => panic!("not generated"),
        };
        object.insert(key.to_owned(), source(text.into()));
        object.into()
    }

    fn described(&self) -> Value {
        let key = match &self.source {
            Source::Cidr(network) if network.is_ipv4() => "CidrIp",
            Source::Cidr(_) => "CidrIpv6",
            Source::PrefixList(_) => "PrefixListId",
            Source::SecurityGroup { .. } | Source::Unrecognized(_) => "GroupId",
        };
        let lists = ["IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"];
        with_all(&lists, self.object("IpProtocol", ["FromPort", "ToPort"], lists, |text| json!([{ key: text }])))
    }

    fn listed(&self) -> Value {
        let keys = ["CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo"];
        let is_group = matches!(self.source, Source::SecurityGroup { .. });
        let mut rule = self.object("IpProtocol", ["FromPort", "ToPort"], keys, |text| {
            if is_group { json!({ "GroupId": text }) } else { text }
        });
        (rule["GroupId"], rule["IsEgress"]) = ("sg-1".into(), false.into());
        rule
    }

    fn recorded(&self) -> Value {
        let key = match &self.source {
            Source::Cidr(network) if network.is_ipv4() => "cidrIp",
            Source::Cidr(_) => "cidrIpv6",
            Source::PrefixList(_) => "prefixListId",
            Source::SecurityGroup { .. } | Source::Unrecognized(_) => "groupId",
        };
        let lists = ["ipv4Ranges", "ipv6Ranges", "prefixListIds", "userIdGroupPairs"];
        with_all(&lists, self.object("ipProtocol", ["fromPort", "toPort"], lists, |text| json!([{ key: text }])))
    }

    fn templated(&self) -> Value {
        let keys = ["CidrIp", "CidrIpv6", "SourcePrefixListId", "SourceSecurityGroupId"];
        self.object("IpProtocol", ["FromPort", "ToPort"], keys, |text| text)
    }

    fn inline(&self) -> Value {
        let keys = ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups"];
        self.object("protocol", ["from_port", "to_port"], keys, |text| json!([text]))
    }

    fn separate(&self) -> Value {
        let keys = ["cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"];
        let mut rule = self.object("ip_protocol", ["from_port", "to_port"], keys, |text| text);
        rule["security_group_id"] = "sg-1".into();
        rule
    }
}

/// AWS returns every list of a permission.
fn with_all(lists: &[&str], mut permission: Value) -> Value {
    for list in lists.iter().filter(|list| permission.get(*list).is_none()).collect::<Vec<_>>() {
        permission[*list] = json!([]);
    }
    permission
}

fn inputs(rules: &[Rule]) -> Vec<String> {
    let all = |of: fn(&Rule) -> Value| rules.iter().map(of).collect::<Vec<_>>();
    let groups = json!({"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": all(Rule::described)}]});
    let configuration = json!({"groupId": "sg-1", "ipPermissions": all(Rule::recorded)});
    let item = json!({
        "resourceType": "AWS::EC2::SecurityGroup", "resourceId": "sg-1", "configurationItemStatus": "OK",
        "configuration": configuration,
    });
    let event = json!({"configurationItem": item}).to_string();
    let template = json!({"Resources": {"sg-1": {
        "Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": all(Rule::templated)}
    }}});
    let separate_ingress: Map<String, Value> = rules
        .iter()
        .enumerate()
        .map(|(number, rule)| {
            let mut properties = rule.templated();
            properties["GroupId"] = "sg-1".into();
            let resource = json!({"Type": "AWS::EC2::SecurityGroupIngress", "Properties": properties});
            (format!("Rule{number:03}"), resource)
        })
        .collect();
    let group = |ingress: Value| {
        json!({
            "address": "aws_security_group.a", "mode": "managed", "type": "aws_security_group", "name": "a",
            "values": {"id": "sg-1", "ingress": ingress}
        })
    };
    let separate = rules.iter().enumerate().map(|(number, rule)| {
        json!({
            "address": format!("aws_vpc_security_group_ingress_rule.a[{number}]"), "mode": "managed",
            "type": "aws_vpc_security_group_ingress_rule", "name": "a", "values": rule.separate()
        })
    });
    let plan = |resources: Vec<Value>| json!({"planned_values": {"root_module": {"resources": resources}}}).to_string();
    vec![
        format!("{groups:#}"),
        json!({"SecurityGroupRules": all(Rule::listed)}).to_string(),
        configuration.to_string(),
        json!({"configurationItems": [item]}).to_string(),
        json!({"invokingEvent": event}).to_string(),
        template.to_string(),
        json!({ "Resources": separate_ingress }).to_string(),
        plan(vec![group(all(Rule::inline).into())]),
        plan([group(json!([]))].into_iter().chain(separate).collect()),
        format!("# JSON is YAML\n{template}"),
        format!("# JSON is YAML\n{groups}"),
    ]
}

/// A permission of EC2: a rule of few ports and sources, whole or as a query or a tool leaves it.
fn permission() -> impl Strategy<Value = Value> {
    let traffic = prop_oneof![
        3 => Just(("tcp", Some((22, 22)))),
        4 => sample(vec![("tcp", Some((443, 443))), ("udp", Some((0, 65535))), ("-1", None), ("47", None), ("tcp", Some((90_000, 0))), ("x", None)]),
    ];
    let source = sample(vec![
        ("IpRanges", json!([{"CidrIp": "0.0.0.0/0", "Description": "all"}])),
        ("IpRanges", json!([{"CidrIp": "192.0.2.0/24"}, {"CidrIp": "10.0.0.0/8"}, {"CidrIp": "8.0.0.0/8"}])),
        ("IpRanges", json!([{"CidrIp": "everywhere"}])),
        ("IpRanges", json!(["0.0.0.0/0", "198.51.100.1/32"])),
        ("Ipv6Ranges", json!([{"CidrIpv6": "::/0"}, {"CidrIpv6": "fd00::/8"}])),
        ("PrefixListIds", json!([{"PrefixListId": "pl-1"}])),
        ("UserIdGroupPairs", json!([{"GroupId": "sg-2"}, {"UserId": "111122223333"}])),
        ("UserIdGroupPairs", Value::Null),
    ]);
    let left_out = sample(vec![None, None, None, Some("IpRanges"), Some("Ipv6Ranges"), Some("UserIdGroupPairs")]);
    (traffic, source, left_out).prop_map(|((protocol, ports), (list, sources), left_out)| {
        let lists = ["IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"];
        let mut permission = with_all(&lists, json!({ "IpProtocol": protocol, list: sources }));
        if let Some((from, to)) = ports {
            (permission["FromPort"], permission["ToPort"]) = (json!(from), json!(to));
        }
        if let Some(left_out) = left_out {
            permission.as_object_mut().unwrap().remove(left_out);
        }
        permission
    })
}

/// The results for the groups of an input. `knows` tells whether the reading is given the policy.
fn judged(input: &str, policy: &Policy, knows: bool) -> Vec<GroupResult> {
    let exemptions = Exemptions::default();
    let criteria = Criteria::new(policy.clone(), exemptions, "2026-11-29T00:00:00Z".parse().unwrap());
    let options = Options { policy: knows.then(|| policy.clone()), ..Options::default() };
    let mut results = Vec::new();
    read(input.as_bytes(), "-", &options, &mut |record| {
        let record = record.unwrap();
        results.push(record.result(&record.group, &criteria.assess_offline(&record.group, &record.known)));
        ControlFlow::Continue(())
    })
    .unwrap();
    results
}

proptest! {
    /// What a reading leaves out that knows the policy changes no result.
    #[test]
    fn a_group_is_judged_alike_whether_the_reading_knows_the_policy(
        permissions in proptest::collection::vec(permission(), 0..5),
        scope in sample(vec![SourceScope::World, SourceScope::Public]),
        authorized in sample(vec![vec![], vec!["8.0.0.0/8"], vec!["0.0.0.0/1", "::/0"]]),
        tag in sample(vec!["", "2026-12-31 trial", "2026-01-01 over", "31.12.2026"]),
    ) {
        let authorized = authorized.iter().map(|cidr| cidr.parse().unwrap()).collect();
        let policy = Policy { scope, exemption_tag_key: Some("exempt".to_owned()), ..Policy::new("22".parse().unwrap()) };
        let policy = policy.authorizing(&authorized);
        let tags = json!([{"Key": "Name", "Value": "a"}, {"Key": "exempt", "Value": tag}]);
        let group = json!({"GroupId": "sg-1", "IpPermissions": permissions, "Tags": tags});
        let input = json!({ "SecurityGroups": [group] }).to_string();
        prop_assert_eq!(judged(&input, &policy, true), judged(&input, &policy, false), "{}", input);
    }

    #[test]
    fn no_bytes_make_the_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan(&bytes);
    }

    #[test]
    fn no_pieces_of_an_input_make_the_reading_panic(text in fragments()) {
        let _ = scan(text.as_bytes());
    }

    #[test]
    fn no_damage_to_an_input_makes_the_reading_panic(
        document in sample(vec![GROUPS, RULES, EVENT, SNAPSHOT, SELECTED, TEMPLATE]),
        at in any::<proptest::sample::Index>(),
        with in any::<u8>(),
    ) {
        let mut bytes = document.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = with;
        let _ = scan(&bytes);
        bytes.remove(at);
        let _ = scan(&bytes);
    }

    #[test]
    fn the_rules_of_a_group_are_the_same_in_every_format(rules in proptest::collection::vec(rule(), 1..6)) {
        let expected: Vec<IngressRule> = rules.iter().map(Rule::ingress).collect();
        for input in inputs(&rules) {
            let (records, stats) = scan(input.as_bytes()).unwrap();
            prop_assert_eq!((records.len(), stats.errors), (1, 0), "{}", input);
            let group = &records[0].group;
            prop_assert_eq!(&group.id, "sg-1");
            // Templates and plans drop duplicates; EC2 never has any.
            for rule in &expected {
                prop_assert!(group.ingress.contains(rule), "{:?} of {}", rule, input);
            }
            prop_assert!(group.ingress.iter().all(|rule| expected.contains(rule)), "{}", input);
        }
    }
}
