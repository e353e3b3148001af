//! URLs, which may be secrets themselves.

use channels::HttpError;
use http::Uri;
use http::uri::Scheme;
use plain_text::one_line;

/// Where a request goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) uri: Uri,
    /// Name or address of the host, which messages may show.
    pub(super) host: String,
    /// Whether it is this machine, and without TLS.
    pub(super) is_local: bool,
}

impl Target {
    /// Reads the URL that is sent to. It may have been stored as a secret, so the routing document cannot have checked it, and
    /// no message repeats more of it than the host.
    pub(super) fn read(url: &str) -> Result<Self, HttpError> {
        let invalid = |problem: &str| HttpError::Invalid(problem.to_owned());
        let uri: Uri = url.parse().map_err(|_| invalid(NO_URL))?;
        let (Some(authority), Some(scheme)) = (uri.authority(), uri.scheme()) else { return Err(invalid(NO_URL)) };
        if authority.as_str().contains('@') {
            return Err(invalid("the URL has a user or a password before the host: remove them"));
        }
        let host = authority.host().to_owned();
        if host.is_empty() {
            return Err(invalid(NO_URL));
        }
        let is_local = *scheme == Scheme::HTTP;
        if is_local && !is_this_machine(&host) {
            let host = one_line(&host, HOST_MAX);
            let problem = format!("{host} would get secrets without TLS: write a URL that begins with https://");
            return Err(HttpError::Invalid(problem));
        }
        if !is_local && *scheme != Scheme::HTTPS {
            return Err(invalid(NO_URL));
        }
        Ok(Self { host: one_line(&host, HOST_MAX), uri, is_local })
    }
}

const NO_URL: &str = "the URL is malformed: write or store one that begins with https://, and nothing else";
/// Characters of a host in a message.
const HOST_MAX: usize = 80;

fn is_this_machine(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://hooks.slack.com/services/T0/B0/key", "hooks.slack.com", false)]
    #[case("https://jira.example.com:8443/rest?a=b", "jira.example.com", false)]
    #[case("HTTPS://EXAMPLE.COM", "EXAMPLE.COM", false)]
    #[case("https://192.0.2.1/", "192.0.2.1", false)]
    #[case("http://127.0.0.1:8080/api", "127.0.0.1", true)]
    #[case("http://localhost/", "localhost", true)]
    #[case("http://[::1]:8080/", "[::1]", true)]
    fn a_url_has_tls_or_is_of_this_machine(#[case] url: &str, #[case] host: &str, #[case] is_local: bool) {
        let target = Target::read(url).unwrap();
        assert_eq!((target.host.as_str(), target.is_local), (host, is_local));
    }

    #[rstest]
    #[case::no_tls("http://hooks.slack.com/services/key", "hooks.slack.com would get secrets without TLS")]
    #[case::no_tls_with_port("http://hooks.slack.com:443/key", "hooks.slack.com would get secrets without TLS")]
    #[case::like_this_machine("http://localhost.example.com/key", "localhost.example.com would get")]
    #[case::user_like_this_machine("http://localhost:key@example.com/key", "a user or a password")]
    #[case::user("https://user:key@example.com/", "a user or a password")]
    #[case::other_scheme("ftp://example.com/key", "malformed")]
    #[case::path("/services/key", "malformed")]
    #[case::host_only("example.com", "malformed")]
    #[case::no_host("https:///key", "malformed")]
    #[case::only_port("https://:443/key", "malformed")]
    #[case::line_break("https://example.com/key\n", "malformed")]
    #[case::space("https://example.com/a key", "malformed")]
    #[case::backslash("http://localhost\\key.example.com/", "malformed")]
    #[case::token("xoxb-key", "malformed")]
    #[case::nothing("", "malformed")]
    fn no_other_url_is_called_or_shown(#[case] url: &str, #[case] problem: &str) {
        match Target::read(url).unwrap_err() {
            HttpError::Invalid(text) => {
                assert!(text.contains(problem) && !text.contains("key") && !text.contains('\n'), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}
