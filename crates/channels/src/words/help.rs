//! Links and commands that help with a finding. They consist of the parts of its key, which are never markup.

use findings::console;
use findings::finding::{Finding, State};

/// A link. Label and URL have no characters that a format would escape but `&` and `#` in the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub label: &'static str,
    /// The URL.
    pub url: String,
}

/// Pages of the AWS console for a finding.
#[must_use]
pub fn links(finding: &Finding) -> Vec<Link> {
    let key = finding.key();
    let region = key.region();
    let (host, group) = (console(region), key.group_id());
    vec![
        Link {
            label: "Security group",
            url: format!("https://{host}/ec2/home?region={region}#SecurityGroup:groupId={group}"),
        },
        Link {
            label: "AWS Config",
            url: format!(
                "https://{host}/config/home?region={region}#/resources/timeline?resourceId={group}\
                 &resourceType=AWS::EC2::SecurityGroup"
            ),
        },
    ]
}

/// Commands of `portcullis` that help, the most useful first: none for a finding that is over.
#[must_use]
pub fn commands(finding: &Finding) -> Vec<String> {
    let key = finding.key();
    let (group, region) = (key.group_id(), key.region());
    match finding.state() {
        State::Open => vec![
            format!("portcullis close {group} --region={region}"),
            format!("portcullis explain {group} --region={region} --who"),
        ],
        State::Exempt => vec![format!("portcullis explain {group} --region={region} --who")],
        State::NeverOpen | State::Closed => Vec::new(),
    }
}
