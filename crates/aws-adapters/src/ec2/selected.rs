//! Groups by what they have in common, and prefix lists that are being changed.

use aws_sdk_ec2::types::Filter;
use aws_traits::AwsError;
use aws_traits::ec2::{PrefixListChanges, SelectedGroups, Selection};
use exposure::SecurityGroup;

use super::{DESCRIBE_GROUPS, DESCRIBE_LISTS, Ec2, GROUPS_PER_PAGE, group};
use crate::error::FromSdk;

/// Names of the filters of `DescribeSecurityGroups`.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html>
const OWNER: &str = "owner-id";
const PREFIX_LIST: &str = "ip-permission.prefix-list-id";
const TAG_KEY: &str = "tag-key";

impl SelectedGroups for Ec2 {
    async fn selected_groups(
        &self,
        owner_id: &str,
        selection: Selection<'_>,
        next_token: Option<String>,
    ) -> Result<(Vec<SecurityGroup>, Option<String>), AwsError> {
        let (name, value) = match selection {
            Selection::AdmitsPrefixList(id) => (PREFIX_LIST, id),
            Selection::HasTag(key) => (TAG_KEY, key),
        };
        let output = self
            .client
            .describe_security_groups()
            .filters(Filter::builder().name(OWNER).values(owner_id).build())
            .filters(Filter::builder().name(name).values(value).build())
            .max_results(GROUPS_PER_PAGE)
            .set_next_token(next_token)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(DESCRIBE_GROUPS, &format!("groups by {name} {value}"), &error))?;
        let groups = output.security_groups.unwrap_or_default().into_iter().map(group).collect();
        Ok((groups, output.next_token.filter(|token| !token.is_empty())))
    }
}

impl PrefixListChanges for Ec2 {
    async fn is_changing(&self, prefix_list_id: &str) -> Result<bool, AwsError> {
        match self.client.describe_managed_prefix_lists().prefix_list_ids(prefix_list_id).send().await {
            Ok(output) => {
                let lists = output.prefix_lists.unwrap_or_default();
                let is_changing = |state: &str| state.ends_with("-in-progress");
                Ok(lists.iter().filter_map(|list| list.state.as_ref()).any(|state| is_changing(state.as_str())))
            }
            Err(error) => {
                let error = AwsError::from_sdk(DESCRIBE_LISTS, prefix_list_id, &error);
                let is_gone =
                    error.code().is_some_and(|code| code.eq_ignore_ascii_case("InvalidPrefixListID.NotFound"));
                if is_gone { Ok(false) } else { Err(error) }
            }
        }
    }
}
