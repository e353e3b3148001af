//! The policy that a scan judged by: as a sentence for a reader, and as options of the command line.

use exposure::{AddressSet, PortSet, SourceScope, Transport};
use serde::{Serialize, Serializer};

/// The policy of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ScanPolicy {
    /// Stated by options.
    Options(Box<PolicyOptions>),
    /// Taken from a deployed AWS Config rule, in each account and region.
    Rule {
        /// Name of the rule.
        rule: String,
        /// What its parameters state; `None` if they could not be read.
        #[serde(flatten)]
        parameters: Option<Box<PolicyOptions>>,
    },
    /// Not the same in all accounts and regions: [`ScanTarget::policy`](crate::ScanTarget::policy) states it.
    PerTarget {
        /// Always true.
        per_target: bool,
    },
}

/// A policy that options state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyOptions {
    /// Blocked ports.
    #[serde(serialize_with = "serialize_ports")]
    pub ports: PortSet,
    /// Sources that count as an exposure.
    #[serde(serialize_with = "serialize_scope")]
    pub scope: SourceScope,
    /// Ranges that may reach the ports.
    #[serde(rename = "authorized_cidrs", serialize_with = "serialize_addresses")]
    pub authorized: AddressSet,
    /// Absolute path of the file with the exemptions.
    pub exemptions_file: Option<String>,
    /// SSM parameter with the exemptions.
    pub exemptions_parameter: Option<String>,
    /// Key of the tag that exempts a group.
    pub exemption_tag_key: Option<String>,
}

impl PolicyOptions {
    /// A policy with these ports and the scope world, without authorized ranges and exemptions.
    #[must_use]
    pub fn new(ports: PortSet) -> Self {
        Self {
            ports,
            scope: SourceScope::World,
            authorized: AddressSet::default(),
            exemptions_file: None,
            exemptions_parameter: None,
            exemption_tag_key: None,
        }
    }

    fn sentence(&self) -> String {
        let mut sentence = policy_sentence(&self.ports, self.scope);
        if !self.authorized.is_empty() {
            sentence = format!("{sentence}; authorized: {}", networks(&self.authorized).join(", "));
        }
        let named = [
            ("exemptions from", &self.exemptions_file),
            ("exemptions from SSM parameter", &self.exemptions_parameter),
            ("exempt by tag", &self.exemption_tag_key),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                sentence = format!("{sentence}; {name} {value}");
            }
        }
        sentence
    }
}

impl ScanPolicy {
    /// The policy itself, if it is known and the same in all accounts and regions.
    fn stated(&self) -> Option<&PolicyOptions> {
        match self {
            Self::Options(options) => Some(options),
            Self::Rule { parameters, .. } => parameters.as_deref(),
            Self::PerTarget { .. } => None,
        }
    }

    /// Options of `scan`, `explain`, `plan` and `close` that state this policy, each as one word: `--ports=22,3389`.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let options = match self {
            Self::Rule { rule, .. } => return vec![format!("--rule={rule}")],
            Self::PerTarget { .. } => return Vec::new(),
            Self::Options(options) => options,
        };
        let mut words = vec![
            format!("--ports={}", short_ports(&options.ports).join(",")),
            format!("--scope={}", scope_name(options.scope)),
        ];
        if !options.authorized.is_empty() {
            words.push(format!("--authorized-cidr={}", networks(&options.authorized).join(",")));
        }
        let named = [
            ("--exemptions", &options.exemptions_file),
            ("--exemptions-parameter", &options.exemptions_parameter),
            ("--exemption-tag-key", &options.exemption_tag_key),
        ];
        words.extend(named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))));
        words
    }

    /// The policy in a sentence without its full stop: `tcp/22 may not be open to more than a /8 (IPv4) or /16 (IPv6)`.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Options(options) => options.sentence(),
            Self::Rule { rule, parameters: Some(options) } => {
                format!("{}; from AWS Config rule {rule}", options.sentence())
            }
            Self::Rule { rule, parameters: None } => {
                format!("that of AWS Config rule {rule} in each account and region")
            }
            Self::PerTarget { .. } => "not the same in all accounts and regions".to_owned(),
        }
    }

    /// What holds if every group is compliant, in a sentence.
    #[must_use]
    pub fn compliant_sentence(&self) -> String {
        match (self.stated(), self) {
            (Some(options), _) => format!("No {}.", kept_sentence(options.scope, &options.authorized)),
            (None, Self::Rule { rule, .. }) => {
                format!("No blocked port is open further than AWS Config rule {rule} accepts.")
            }
            (None, Self::Options(_) | Self::PerTarget { .. }) => {
                "No blocked port is open further than the policy of its account and region accepts.".to_owned()
            }
        }
    }

    /// Whether a compliant group without exemptions is closed to the whole internet.
    #[must_use]
    pub fn closes_completely(&self) -> bool {
        self.stated().is_some_and(|options| options.scope == SourceScope::Public && options.authorized.is_empty())
    }

    /// Ports of an exposure on one line: `tcp/22`, `22, 3389 (TCP and UDP)`, `all 15 blocked ports`. `names` are those of
    /// [`FoundExposure::ports`](crate::FoundExposure::ports).
    #[must_use]
    pub fn ports_text(&self, names: &[String]) -> String {
        let Ok(ports) = names.join(",").parse::<PortSet>() else { return names.join(", ") };
        if let Some(options) = self.stated()
            && short_ports(&options.ports).len() >= MANY
        {
            if ports == options.ports {
                return format!("all {} blocked ports", count(&Transport::ALL, &options.ports));
            }
            for transport in Transport::ALL {
                let mine = options.ports.ranges_of(transport);
                if ports.ranges().eq(mine.map(|range| (transport, range))) {
                    return format!("all {} blocked {transport} ports", count(&[transport], &options.ports));
                }
            }
        }
        ports_list(&ports)
    }
}

impl From<PolicyOptions> for ScanPolicy {
    fn from(options: PolicyOptions) -> Self {
        Self::Options(Box::new(options))
    }
}

/// Number of blocked ports from which on a rule that opens all of them does not list them.
const MANY: usize = 4;

/// The core of a policy in a sentence without its full stop.
#[must_use]
pub fn policy_sentence(ports: &PortSet, scope: SourceScope) -> String {
    let limit = match scope {
        SourceScope::World => "more than a /8 (IPv4) or /16 (IPv6)",
        SourceScope::Public => "any internet address",
    };
    format!("{} may not be open to {limit}", ports_list(ports))
}

/// What holds of a compliant group, in a sentence without its first word and its full stop: no `blocked port is open to …`.
#[must_use]
pub fn kept_sentence(scope: SourceScope, authorized: &AddressSet) -> String {
    let limit = match scope {
        SourceScope::World => "more than a /8 of IPv4 or a /16 of IPv6",
        SourceScope::Public => "any internet address",
    };
    let authorized = if authorized.is_empty() { "" } else { " outside the authorized ranges" };
    format!("blocked port is open to {limit}{authorized} (scope {})", scope_name(scope))
}

/// Ports in a sentence: `22, 3389 (TCP and UDP), tcp/5432`.
#[must_use]
pub fn ports_list(ports: &PortSet) -> String {
    let words = short_ports(ports);
    let (mut both, mut one): (Vec<String>, Vec<String>) = words.into_iter().partition(|word| !word.contains('/'));
    if let Some(last) = both.last_mut() {
        last.push_str(" (TCP and UDP)");
    }
    both.append(&mut one);
    both.join(", ")
}

/// Number of ports that are in the set with any of the transports.
fn count(transports: &[Transport], ports: &PortSet) -> usize {
    // TCP and UDP have most ports in common.
    let mut all = PortSet::default();
    for range in transports.iter().flat_map(|transport| ports.ranges_of(*transport)) {
        all.insert(Transport::Tcp, range);
    }
    all.ranges().map(|(_, range)| usize::from(range.to() - range.from()) + 1).sum()
}

/// Ports as `--ports` takes them, in the shortest form: `22` means TCP and UDP.
fn short_ports(ports: &PortSet) -> Vec<String> {
    let [mut tcp, mut udp] = Transport::ALL.map(|transport| ports.ranges_of(transport).collect::<Vec<_>>());
    let both: Vec<_> = tcp.iter().copied().filter(|range| udp.contains(range)).collect();
    tcp.retain(|range| !both.contains(range));
    udp.retain(|range| !both.contains(range));
    let both = both.into_iter().map(|range| range.to_string());
    let tcp = tcp.into_iter().map(|range| format!("tcp/{range}"));
    both.chain(tcp).chain(udp.into_iter().map(|range| format!("udp/{range}"))).collect()
}

fn networks(addresses: &AddressSet) -> Vec<String> {
    addresses.networks().iter().map(ToString::to_string).collect()
}

/// Name of a scope on the command line.
#[must_use]
pub fn scope_name(scope: SourceScope) -> &'static str {
    match scope {
        SourceScope::World => "world",
        SourceScope::Public => "public",
    }
}

fn serialize_ports<S: Serializer>(ports: &PortSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ports.ranges().map(|(transport, range)| format!("{transport}/{range}")))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde prescribes the signature")]
fn serialize_scope<S: Serializer>(scope: &SourceScope, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(scope_name(*scope))
}

fn serialize_addresses<S: Serializer>(addresses: &AddressSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(networks(addresses))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn policy(ports: &str) -> PolicyOptions {
        PolicyOptions::new(ports.parse().unwrap())
    }

    #[rstest]
    #[case("22,3389", "--ports=22,3389", "22, 3389 (TCP and UDP)")]
    #[case("tcp/22", "--ports=tcp/22", "tcp/22")]
    #[case("22,tcp/5432,udp/53-54", "--ports=22,tcp/5432,udp/53-54", "22 (TCP and UDP), tcp/5432, udp/53-54")]
    #[case("8000-8100,udp/8050-9000", "--ports=tcp/8000-8100,udp/8000-9000", "tcp/8000-8100, udp/8000-9000")]
    fn ports_are_short_and_mean_the_same(#[case] given: &str, #[case] option: &str, #[case] text: &str) {
        let ports: PortSet = given.parse().unwrap();
        let words = ScanPolicy::from(policy(given)).options();
        assert_eq!(words, [option, "--scope=world"]);
        assert_eq!(option.trim_start_matches("--ports=").parse::<PortSet>().unwrap(), ports);
        assert_eq!(ports_list(&ports), text);
    }

    #[test]
    fn every_part_of_a_policy_is_in_its_options_and_in_its_sentence() {
        let authorized = ["203.0.113.0/24", "2001:db8::/32"].iter().map(|cidr| cidr.parse().unwrap()).collect();
        let all = ScanPolicy::from(PolicyOptions {
            scope: SourceScope::Public,
            authorized,
            exemptions_file: Some("/srv/my exemptions.json".into()),
            exemptions_parameter: Some("/portcullis/exemptions".into()),
            exemption_tag_key: Some("-Exempt".into()),
            ..policy("tcp/22")
        });
        let words = all.options();
        assert_eq!(
            words,
            [
                "--ports=tcp/22",
                "--scope=public",
                "--authorized-cidr=203.0.113.0/24,2001:db8::/32",
                "--exemptions=/srv/my exemptions.json",
                "--exemptions-parameter=/portcullis/exemptions",
                "--exemption-tag-key=-Exempt",
            ]
        );
        assert_eq!(
            all.sentence(),
            "tcp/22 may not be open to any internet address; authorized: 203.0.113.0/24, 2001:db8::/32; exemptions from \
             /srv/my exemptions.json; exemptions from SSM parameter /portcullis/exemptions; exempt by tag -Exempt"
        );
    }

    #[test]
    fn the_policy_of_a_rule_is_stated_where_it_is_known() {
        let options = PolicyOptions { scope: SourceScope::Public, ..policy("tcp/22") };
        let known = ScanPolicy::Rule { rule: "portcullis".into(), parameters: Some(Box::new(options)) };
        let sentence = "tcp/22 may not be open to any internet address; from AWS Config rule portcullis";
        assert_eq!(known.sentence(), sentence);
        assert_eq!(known.compliant_sentence(), "No blocked port is open to any internet address (scope public).");
        assert!(known.closes_completely());
        let json = serde_json::to_value(&known).unwrap();
        assert_eq!((json["rule"].as_str(), json["ports"][0].as_str()), (Some("portcullis"), Some("tcp/22")));
        let unknown = ScanPolicy::Rule { rule: "portcullis".into(), parameters: None };
        assert_eq!(unknown.sentence(), "that of AWS Config rule portcullis in each account and region");
        assert!(!unknown.closes_completely());
        assert_eq!(serde_json::to_value(&unknown).unwrap(), serde_json::json!({ "rule": "portcullis" }));
        for rule in [known, unknown] {
            assert_eq!(rule.options(), ["--rule=portcullis"]);
        }
    }

    #[test]
    fn the_sentence_names_the_limit_of_the_scope() {
        let world = ScanPolicy::from(policy("tcp/22"));
        assert_eq!(world.sentence(), "tcp/22 may not be open to more than a /8 (IPv4) or /16 (IPv6)");
        assert!(!world.closes_completely());
        let public = ScanPolicy::from(PolicyOptions { scope: SourceScope::Public, ..policy("tcp/22") });
        assert_eq!(public.compliant_sentence(), "No blocked port is open to any internet address (scope public).");
        assert!(public.closes_completely());
    }

    #[rstest]
    #[case::all("22,23,25,3389", &["tcp/22-23", "tcp/25", "tcp/3389", "udp/22-23", "udp/25", "udp/3389"], "22-23, 25, 3389 (TCP and UDP)")]
    #[case::many("22,25,110,3389", &["tcp/22", "tcp/25", "tcp/110", "tcp/3389", "udp/22", "udp/25", "udp/110", "udp/3389"], "all 4 blocked ports")]
    #[case::transport("22,25,110,3389", &["tcp/22", "tcp/25", "tcp/110", "tcp/3389"], "all 4 blocked tcp ports")]
    #[case::some("22,25,110,3389", &["tcp/22", "tcp/25"], "tcp/22, tcp/25")]
    #[case::ranges("20,21,22,23,80-89,443,3389", &["tcp/20-23", "tcp/80-89", "tcp/443", "tcp/3389"], "all 16 blocked tcp ports")]
    #[case::few("22,3389", &["tcp/22", "tcp/3389", "udp/22", "udp/3389"], "22, 3389 (TCP and UDP)")]
    fn ports_of_a_rule_fit_one_line(#[case] blocked: &str, #[case] open: &[&str], #[case] text: &str) {
        let open: Vec<String> = open.iter().map(|port| (*port).to_owned()).collect();
        assert_eq!(ScanPolicy::from(policy(blocked)).ports_text(&open), text);
    }
}
