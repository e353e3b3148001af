//! Who made a call.

use std::fmt;

use serde_json::Value;

use crate::tolerant::{member, text};

/// Prefix of the roles that IAM Identity Center makes of permission sets.
///
/// Source: <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>
const PERMISSION_SET: &str = "AWSReservedSSO_";

/// Who made a call: `userIdentity` in words.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// ARN of the caller.
    pub arn: Option<String>,
    /// The user, or the name of the session of a role: a person, if one is known.
    pub name: Option<String>,
    /// The role that was assumed.
    pub role: Option<String>,
    /// ARN of the role that was assumed, with its path, which the ARN of the caller lacks. A role is recognised by it.
    pub role_arn: Option<String>,
    /// The permission set of IAM Identity Center that the role stands for.
    pub permission_set: Option<String>,
    /// The service that made the call for the caller, such as `cloudformation.amazonaws.com`.
    pub invoked_by: Option<String>,
    /// Type of the caller, such as `AssumedRole`.
    kind: Option<String>,
}

impl Identity {
    pub(crate) fn new(identity: &Value) -> Self {
        let of = |key: &str| text(identity, key).map(str::to_owned);
        let issuer = member(identity, "sessionContext").and_then(|session| member(session, "sessionIssuer"));
        let arn = of("arn");
        let (kind, invoked_by) = (of("type"), of("invokedBy"));
        // `arn:aws:sts::111122223333:assumed-role/ROLE/SESSION`
        let mut path = arn
            .as_deref()
            .and_then(|arn| arn.split_once(":assumed-role/"))
            .into_iter()
            .flat_map(|(_, path)| path.rsplitn(2, '/').map(str::to_owned));
        let (session_name, role_in_arn) = (path.next(), path.next());
        let role = issuer.and_then(|issuer| text(issuer, "userName")).map(str::to_owned).or(role_in_arn);
        let role_arn = issuer.and_then(|issuer| text(issuer, "arn")).filter(|arn| arn.contains(":role/"));
        let role_arn = role_arn.map(str::to_owned);
        let permission_set = role.as_deref().and_then(|role| role.strip_prefix(PERMISSION_SET));
        // The name of a permission set may contain underscores, too. The last part is a number.
        let permission_set = permission_set.map(|name| name.rsplit_once('_').map_or(name, |(name, _)| name).to_owned());
        let on_behalf_of = member(identity, "onBehalfOf").and_then(|user| text(user, "userId")).map(str::to_owned);
        let name = match kind.as_deref() {
            Some("Root") => text(identity, "accountId").map(|account| format!("root user of account {account}")),
            Some("AWSAccount") => text(identity, "accountId").map(|account| format!("account {account}")),
            Some("AWSService") => invoked_by.clone(),
            Some("IdentityCenterUser") => on_behalf_of,
            Some("FederatedUser") => {
                arn.as_deref().and_then(|arn| arn.rsplit_once('/')).map(|(_, name)| name.to_owned())
            }
            _ => session_name.or_else(|| of("userName")),
        };
        let invoked_by = invoked_by.filter(|_| kind.as_deref() != Some("AWSService"));
        Self { arn, name, role, role_arn, permission_set, invoked_by, kind }
    }
}

/// The caller in words. Names of sessions are chosen by callers: whoever shows the text makes it printable.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.permission_set, &self.role, self.kind.as_deref()) {
            (Some(name), Some(set), _, _) => write!(f, "{name} with the permission set {set}")?,
            (Some(name), None, Some(role), _) => write!(f, "role {role}, session {name}")?,
            (Some(name), None, None, Some("IAMUser")) => write!(f, "user {name}")?,
            (Some(name), None, None, Some("FederatedUser")) => write!(f, "federated user {name}")?,
            (Some(name), None, None, Some("IdentityCenterUser")) => write!(f, "user {name} of IAM Identity Center")?,
            (Some(name), None, None, _) => f.write_str(name)?,
            (None, _, Some(role), _) => write!(f, "role {role}")?,
            (None, _, None, _) => match &self.arn {
                Some(arn) => f.write_str(arn)?,
                None => f.write_str("somebody whom CloudTrail does not name")?,
            },
        }
        self.invoked_by.as_ref().map_or(Ok(()), |service| write!(f, ", by {service}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::user(json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/Alice", "userName": "Alice"}), "user Alice")]
    #[case::root(json!({"type": "Root", "accountId": "111122223333"}), "root user of account 111122223333")]
    #[case::role(
        json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Dev/alice",
            "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "Dev"}}}),
        "role Dev, session alice"
    )]
    #[case::role_without_issuer(
        json!({"type": "AssumedRole", "arn": "arn:aws-cn:sts::111122223333:assumed-role/Dev/alice"}),
        "role Dev, session alice"
    )]
    #[case::identity_center(
        json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Power_User_0123456789abcdef/alice@example.com"}),
        "alice@example.com with the permission set Power_User"
    )]
    #[case::identity_center_user(
        json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "9067-1", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"}}),
        "user 9067-1 of IAM Identity Center"
    )]
    #[case::cloudformation(
        json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Deploy/ci", "invokedBy": "cloudformation.amazonaws.com"}),
        "role Deploy, session ci, by cloudformation.amazonaws.com"
    )]
    #[case::service(json!({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}), "autoscaling.amazonaws.com")]
    #[case::federated(json!({"type": "FederatedUser", "arn": "arn:aws:sts::111122223333:federated-user/bob"}), "federated user bob")]
    #[case::another_account(json!({"type": "AWSAccount", "accountId": "444455556666"}), "account 444455556666")]
    #[case::web(json!({"type": "WebIdentityUser", "userName": "repo:a/b"}), "repo:a/b")]
    #[case::nothing(json!({}), "somebody whom CloudTrail does not name")]
    #[case::garbage(json!([1]), "somebody whom CloudTrail does not name")]
    fn a_caller_is_named(#[case] identity: Value, #[case] expected: &str) {
        assert_eq!(Identity::new(&identity).to_string(), expected);
    }

    /// The ARN of a session has no path, so the role is known by the issuer of the session alone.
    #[rstest]
    #[case::role(json!({"type": "Role", "arn": "arn:aws:iam::111122223333:role/portcullis/Remediator"}), Some("arn:aws:iam::111122223333:role/portcullis/Remediator"))]
    #[case::user(json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/Alice"}), None)]
    #[case::nothing(json!({}), None)]
    fn a_role_is_known_by_the_issuer_of_the_session(#[case] issuer: Value, #[case] expected: Option<&str>) {
        let identity = json!({
            "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Remediator/portcullis",
            "SessionContext": {"sessionissuer": issuer},
        });
        assert_eq!(Identity::new(&identity).role_arn.as_deref(), expected);
    }
}
