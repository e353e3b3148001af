//! Policy from the options of a command.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use exposure::{AddressSet, Exemptions, Policy, PortSet, SourceScope};
use findings::{PolicyOptions, ScanPolicy};
use ipnetwork::IpNetwork;
use jiff::Timestamp;
use judgement::{Criteria, RuleParameters};

use crate::args::{PolicyArgs, Scope};
use crate::exit::Usage;
use crate::values::check_host_bits;

/// Default ports, the same as those of the stack.
const DEFAULT_PORTS: &str = "22,3389";

/// Policy and exemptions from options.
#[derive(Debug, Clone)]
pub(crate) struct OptionsPolicy {
    pub(crate) parameters: Arc<RuleParameters>,
    /// Exemptions from `--exemptions`.
    pub(crate) exemptions: Option<Arc<Exemptions>>,
    /// `--exemptions` as an absolute path, so that a printed command works in another directory.
    pub(crate) exemptions_file: Option<String>,
}

impl OptionsPolicy {
    /// Reads the options and the exemptions file.
    pub(crate) fn new(args: &PolicyArgs) -> Result<Self> {
        let exemptions = args.exemptions.as_deref().map(read_exemptions).transpose()?;
        let exemptions_file = args.exemptions.as_deref().map(absolute);
        let ports = if args.ports.is_empty() { DEFAULT_PORTS.to_owned() } else { args.ports.join(",") };
        let ports: PortSet = ports.parse().map_err(|problem| Usage(format!("--ports: {problem}")))?;
        let authorized = authorized(&args.authorized_cidr)?;
        let scope = match args.scope {
            Some(Scope::World) => SourceScope::World,
            Some(Scope::Public) => SourceScope::Public,
            None => SourceScope::default(),
        };
        let exemption_tag_key = not_empty("--exemption-tag-key", args.exemption_tag_key.as_deref())?;
        let policy = Policy { scope, exemption_tag_key, ..Policy::new(ports) }.authorizing(&authorized);
        #[cfg(feature = "aws")]
        let exemptions_parameter = not_empty("--exemptions-parameter", args.exemptions_parameter.as_deref())?;
        #[cfg(not(feature = "aws"))]
        let exemptions_parameter = None;
        let parameters = Arc::new(RuleParameters { policy, authorized, exemptions_parameter });
        Ok(Self { parameters, exemptions, exemptions_file })
    }

    /// The policy as the reports state it.
    pub(crate) fn stated(&self) -> ScanPolicy {
        ScanPolicy::from(stated(&self.parameters, self.exemptions_file.clone()))
    }

    /// Criteria for the groups of files, with exemptions from a file only, not from an SSM parameter.
    pub(crate) fn criteria(&self, at: Timestamp) -> Criteria {
        let exemptions = self.exemptions.clone().unwrap_or_default();
        // A prefix list is read once a scan.
        Criteria { parameters: Arc::clone(&self.parameters), exemptions, at, since: Some(at) }
    }
}

/// Parameters as the reports state them.
pub(crate) fn stated(parameters: &RuleParameters, exemptions_file: Option<String>) -> PolicyOptions {
    let RuleParameters { policy, authorized, exemptions_parameter } = parameters;
    PolicyOptions {
        ports: policy.focus_ports.clone(),
        scope: policy.scope,
        authorized: authorized.clone(),
        exemptions_file,
        exemptions_parameter: exemptions_parameter.clone(),
        exemption_tag_key: policy.exemption_tag_key.clone(),
    }
}

#[cfg(feature = "aws")]
impl PolicyArgs {
    /// Returns true if an option states a part of the policy.
    pub(crate) fn has_options(&self) -> bool {
        let Self {
            ports,
            scope,
            authorized_cidr,
            exemptions,
            exemptions_parameter,
            exemption_tag_key,
            rule: _,
            no_rule: _,
        } = self;
        !ports.is_empty()
            || scope.is_some()
            || !authorized_cidr.is_empty()
            || exemptions.is_some()
            || exemptions_parameter.is_some()
            || exemption_tag_key.is_some()
    }
}

fn authorized(cidrs: &[String]) -> Result<AddressSet, Usage> {
    cidrs
        .iter()
        .map(|cidr| {
            let cidr = cidr.trim();
            let network: IpNetwork = cidr.parse().map_err(|_| {
                Usage(format!("--authorized-cidr: `{cidr}` is not a CIDR such as 192.0.2.0/24 or 2001:db8::/32"))
            })?;
            check_host_bits("--authorized-cidr", cidr, network)?;
            Ok(network)
        })
        .collect()
}

fn not_empty(option: &str, text: Option<&str>) -> Result<Option<String>, Usage> {
    match text.map(str::trim) {
        Some("") => Err(Usage(format!("{option} is empty"))),
        text => Ok(text.map(str::to_owned)),
    }
}

/// The path from the root of the file system; as it is if the current directory is not known.
fn absolute(file: &Path) -> String {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string()
}

fn read_exemptions(file: &Path) -> Result<Arc<Exemptions>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the exemptions file {name}"))?;
    Ok(Arc::new(Exemptions::from_json(&text).with_context(|| format!("{name}"))?))
}
