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
    #[case("eu-central-1", "aws")]
    #[case("us-gov-west-1", "aws-us-gov")]
    #[case("cn-north-1", "aws-cn")]
    #[case("us-iso-east-1", "aws-iso")]
    #[case("us-isob-east-1", "aws-iso-b")]
    #[case("eu-isoe-west-1", "aws-iso-e")]
    #[case("us-isof-south-1", "aws-iso-f")]
    #[case("eusc-de-east-1", "aws-eusc")]
    fn a_region_has_a_partition(#[case] region: &str, #[case] expected: &str) {
        assert_eq!(partition(region), expected);
    }
}
