//! How much traffic a rule admits, whatever the policy blocks of it.

use crate::finding::RuleContent;
use crate::{FoundExposure, GroupResult};

/// Breadth of a rule. The widest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Breadth {
    /// All protocols and ports.
    AllTraffic,
    /// Several ports, or a protocol with all its ports.
    Range,
    /// One port.
    Port,
}

impl FoundExposure {
    /// Breadth of the rule.
    #[must_use]
    pub fn breadth(&self) -> Breadth {
        match (self.protocol.as_str(), self.from_port, self.to_port) {
            ("-1", ..) => Breadth::AllTraffic,
            (_, Some(from), Some(to)) if from == to && from >= 0 => Breadth::Port,
            _ => Breadth::Range,
        }
    }

    /// Traffic that the rule admits: `tcp 20-25`, `all tcp ports`, `all traffic`.
    #[must_use]
    pub fn traffic(&self) -> String {
        traffic(&self.protocol, self.from_port, self.to_port)
    }
}

impl RuleContent {
    /// Traffic that the rule admits, as of an exposure that was found.
    #[must_use]
    pub fn traffic(&self) -> String {
        traffic(self.protocol.as_str(), self.from_port, self.to_port)
    }
}

fn traffic(protocol: &str, from_port: Option<i64>, to_port: Option<i64>) -> String {
    match (protocol, from_port, to_port) {
        ("-1", ..) => "all traffic".to_owned(),
        (protocol, Some(0), Some(65_535)) => format!("all {protocol} ports"),
        (protocol, Some(from), Some(to)) if from == to && from >= 0 => format!("{protocol} {from}"),
        (protocol, Some(from), Some(to)) if from >= 0 => format!("{protocol} {from}-{to}"),
        (protocol @ ("tcp" | "udp"), ..) => format!("all {protocol} ports"),
        (protocol, ..) => protocol.to_owned(),
    }
}

impl GroupResult {
    /// Breadth of the widest exposure; `None` if there is none.
    #[must_use]
    pub fn breadth(&self) -> Option<Breadth> {
        self.exposures.iter().map(FoundExposure::breadth).min()
    }
}

#[cfg(test)]
mod tests {
    use exposure::Reach;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all("-1", None, None, Breadth::AllTraffic, "all traffic")]
    #[case::all_with_ports("-1", Some(-1), Some(-1), Breadth::AllTraffic, "all traffic")]
    #[case::one_port("tcp", Some(22), Some(22), Breadth::Port, "tcp 22")]
    #[case::port_zero("udp", Some(0), Some(0), Breadth::Port, "udp 0")]
    #[case::range("tcp", Some(20), Some(25), Breadth::Range, "tcp 20-25")]
    #[case::every_port("tcp", Some(0), Some(65_535), Breadth::Range, "all tcp ports")]
    #[case::no_ports("udp", None, None, Breadth::Range, "all udp ports")]
    #[case::minus_one("tcp", Some(-1), Some(-1), Breadth::Range, "all tcp ports")]
    fn a_rule_has_a_breadth_and_its_traffic(
        #[case] protocol: &str,
        #[case] from_port: Option<i64>,
        #[case] to_port: Option<i64>,
        #[case] breadth: Breadth,
        #[case] traffic: &str,
    ) {
        let exposure = FoundExposure {
            rule_id: None,
            protocol: protocol.into(),
            from_port,
            to_port,
            source: "0.0.0.0/0".into(),
            ports: vec!["tcp/22".into()],
            reach: Reach::World,
            description: None,
            location: None,
        };
        assert_eq!((exposure.breadth(), exposure.traffic().as_str()), (breadth, traffic));
    }

    #[test]
    fn the_widest_comes_first() {
        assert!(Breadth::AllTraffic < Breadth::Range && Breadth::Range < Breadth::Port);
    }
}
