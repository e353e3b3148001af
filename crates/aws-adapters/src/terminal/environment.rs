//! Environment variables that say who the caller is and where it calls. A variable that is half set must not silently leave the
//! decision to another source of credentials.

use std::env;

use aws_types::SdkConfig;

/// A setting of the environment or of a profile that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// One of the two parts of the credentials is missing.
    #[error("{given} is set and {missing} is not: set both, unset both, or pass --profile")]
    HalfCredentials {
        /// The variable that is set.
        given: &'static str,
        /// The variable that is not.
        missing: &'static str,
    },
    /// An endpoint is no URL.
    #[error("{name}: `{value}` is not a URL such as https://ec2.example.org: correct it, or unset it")]
    Endpoint {
        /// Variable or setting.
        name: String,
        /// Its value.
        value: String,
    },
}

const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The value of a variable. One that is empty counts as unset.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The profile that the environment names, in the order of the AWS CLI.
pub(super) fn profile() -> Option<String> {
    variable("AWS_DEFAULT_PROFILE").or_else(|| variable("AWS_PROFILE"))
}

/// The region that the environment names.
pub(super) fn region() -> Option<String> {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// Refuses half a pair of credentials, for which the SDK would take those of another source, and so of another account.
pub(super) fn check_credentials() -> Result<(), EnvironmentError> {
    half(variable(KEY_ID).is_some(), variable(SECRET).is_some())
}

fn half(has_key_id: bool, has_secret: bool) -> Result<(), EnvironmentError> {
    match (has_key_id, has_secret) {
        (true, false) => Err(EnvironmentError::HalfCredentials { given: KEY_ID, missing: SECRET }),
        (false, true) => Err(EnvironmentError::HalfCredentials { given: SECRET, missing: KEY_ID }),
        (true, true) | (false, false) => Ok(()),
    }
}

/// Refuses endpoints that are no URL, which the SDK reports with the whole request, or with a panic.
pub(super) fn check_endpoints(sdk: &SdkConfig) -> Result<(), EnvironmentError> {
    if variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|ignored| ignored.eq_ignore_ascii_case("true")) {
        return Ok(());
    }
    for (name, value) in env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        let value = value.to_string_lossy();
        if name == ENDPOINT || name.strip_prefix(ENDPOINT).is_some_and(|service| service.starts_with('_')) {
            endpoint(&name, &value)?;
        }
    }
    // That of the profile, if it is not that of the environment.
    sdk.endpoint_url().map_or(Ok(()), |url| endpoint("endpoint_url of the profile", url))
}

fn endpoint(name: &str, value: &str) -> Result<(), EnvironmentError> {
    let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    let is_url = host.is_some_and(|host| !host.is_empty() && !host.starts_with(['/', ':', '?']))
        && !value.contains(|character: char| character.is_whitespace() || character.is_control());
    if is_url {
        return Ok(());
    }
    Err(EnvironmentError::Endpoint { name: name.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::both(true, true, None)]
    #[case::neither(false, false, None)]
    #[case::no_secret(true, false, Some(SECRET))]
    #[case::no_id(false, true, Some(KEY_ID))]
    fn half_a_pair_is_refused(#[case] has_key_id: bool, #[case] has_secret: bool, #[case] wanted: Option<&str>) {
        let found = match half(has_key_id, has_secret) {
            Err(EnvironmentError::HalfCredentials { missing, .. }) => Some(missing),
            other => {
                assert_eq!(other, Ok(()));
                None
            }
        };
        assert_eq!(found, wanted);
    }

    #[rstest]
    #[case("http://example.org:4566", true)]
    #[case("https://vpce-1.ec2.eu-west-1.vpce.amazonaws.com/", true)]
    #[case("http://[::1]:80", true)]
    #[case("", false)]
    #[case("example.org:4566", false)]
    #[case("http://", false)]
    #[case("http:///x", false)]
    #[case("ftp://host", false)]
    #[case("http://a b", false)]
    fn an_endpoint_is_a_url(#[case] value: &str, #[case] is_url: bool) {
        assert_eq!(endpoint(ENDPOINT, value).is_ok(), is_url);
    }
}
