//! ARNs of security groups.

use crate::partition;

/// ARN of a security group: `arn:aws:ec2:eu-west-1:123456789012:security-group/sg-…`.
#[must_use]
pub fn security_group_arn(account: &str, region: &str, group_id: &str) -> String {
    format!("arn:{}:ec2:{region}:{account}:security-group/{group_id}", partition(region))
}

/// ARN of a load balancer by its name in the description of its interfaces: `app/NAME/ID`.
#[must_use]
pub fn load_balancer_arn(account: &str, region: &str, name: &str) -> String {
    format!("arn:{}:elasticloadbalancing:{region}:{account}:loadbalancer/{name}", partition(region))
}

/// Region in an ARN; `None` if the ARN has none.
#[must_use]
pub fn region_of_arn(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_partition_and_region() {
        let arn = security_group_arn("123456789012", "cn-north-1", "sg-1");
        assert_eq!(arn, "arn:aws-cn:ec2:cn-north-1:123456789012:security-group/sg-1");
        assert_eq!(region_of_arn(&arn), Some("cn-north-1"));
        assert_eq!(region_of_arn("arn:aws:s3:::bucket"), None);
    }
}
