//! AWS partitions.

/// Prefixes of region names outside the partition `aws`. The isolated partitions are named after the first two parts of
/// their regions' names. Source: `partitions.json` of botocore.
const PREFIXES: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
];

/// Domains of the partitions that are not `amazonaws.com`. Source: `partitions.json` of botocore.
const SUFFIXES: [(&str, &str); 6] = [
    ("aws-cn", "amazonaws.com.cn"),
    ("aws-iso", "c2s.ic.gov"),
    ("aws-iso-b", "sc2s.sgov.gov"),
    ("aws-iso-e", "cloud.adc-e.uk"),
    ("aws-iso-f", "csp.hci.ic.gov"),
    ("aws-eusc", "amazonaws.eu"),
];

/// Hosts of the AWS console, as in the template, where their sources are.
const CONSOLES: [(&str, &str); 7] = [
    ("aws-cn", "console.amazonaws.cn"),
    ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ("aws-eusc", "console.amazonaws-eusc.eu"),
    ("aws-iso", "console.c2shome.ic.gov"),
    ("aws-iso-b", "console.sc2shome.sgov.gov"),
    ("aws-iso-e", "console.csphome.adc-e.uk"),
    ("aws-iso-f", "console.csphome.hci.ic.gov"),
];

/// Host of the AWS console for a region, such as `console.aws.amazon.com`.
#[must_use]
pub fn console(region: &str) -> &'static str {
    let of = partition(region);
    let found = CONSOLES.into_iter().find(|(partition, _)| *partition == of);
    found.map_or("console.aws.amazon.com", |(_, host)| host)
}

/// Domain of the endpoints of AWS in a region, such as `amazonaws.com`.
#[must_use]
pub fn dns_suffix(region: &str) -> &'static str {
    let of = partition(region);
    let found = SUFFIXES.into_iter().find(|(partition, _)| *partition == of);
    found.map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// AWS partition of a region, such as `aws-us-gov`.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    let found = PREFIXES.into_iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("eu-central-1", "aws", "amazonaws.com")]
    #[case("us-gov-west-1", "aws-us-gov", "amazonaws.com")]
    #[case("cn-north-1", "aws-cn", "amazonaws.com.cn")]
    #[case("us-iso-east-1", "aws-iso", "c2s.ic.gov")]
    #[case("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov")]
    #[case("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk")]
    #[case("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov")]
    #[case("eusc-de-east-1", "aws-eusc", "amazonaws.eu")]
    fn a_region_has_a_partition(#[case] region: &str, #[case] expected: &str, #[case] suffix: &str) {
        assert_eq!((partition(region), dns_suffix(region)), (expected, suffix));
    }

    #[rstest]
    #[case("eu-central-1", "console.aws.amazon.com")]
    #[case("cn-north-1", "console.amazonaws.cn")]
    #[case("eusc-de-east-1", "console.amazonaws-eusc.eu")]
    fn a_region_has_a_console(#[case] region: &str, #[case] host: &str) {
        assert_eq!(console(region), host);
    }
}
