//! Names that tell groups and rules apart, and that stay the same when lines move or a scan is repeated.

use crate::{FoundExposure, GroupResult, UnjudgedRule};

impl GroupResult {
    /// `account/region/group id`, without the parts that are not known.
    #[must_use]
    pub fn qualified_name(&self) -> String {
        let parts = [self.account.as_deref(), self.region.as_deref(), Some(self.group_id.as_str())];
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    }
}

impl FoundExposure {
    /// Key of the rule within its group: its id, else its traffic and source.
    #[must_use]
    pub fn key(&self) -> String {
        self.rule_id.clone().unwrap_or_else(|| format!("{} from {}", self.traffic(), self.source))
    }
}

impl UnjudgedRule {
    /// Key of the rule within its group: its id, else its source.
    #[must_use]
    pub fn key(&self) -> &str {
        self.rule_id.as_ref().unwrap_or(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use exposure::Reach;

    use super::*;

    #[test]
    fn a_rule_without_an_id_is_known_by_its_traffic_and_source() {
        let exposure = FoundExposure {
            rule_id: None,
            protocol: "tcp".into(),
            from_port: Some(20),
            to_port: Some(25),
            source: "0.0.0.0/0".into(),
            ports: vec!["tcp/22".into()],
            reach: Reach::World,
            description: None,
            location: None,
        };
        assert_eq!(exposure.key(), "tcp 20-25 from 0.0.0.0/0");
        assert_eq!(FoundExposure { rule_id: Some("sgr-1".into()), ..exposure }.key(), "sgr-1");
        let unjudged = UnjudgedRule { rule_id: None, source: "pl-1".into(), reason: "denied".into(), location: None };
        assert_eq!(unjudged.key(), "pl-1");
        assert_eq!(UnjudgedRule { rule_id: Some("sgr-1".into()), ..unjudged }.key(), "sgr-1");
    }
}
