//! What is known after a request without an answer.

use std::error::Error;
use std::time::Duration;

use aws_smithy_runtime_api::client::result::ConnectorError;
use channels::HttpError;
use hyper_util::client::legacy;
use plain_text::one_line;

use crate::error::causes;
use crate::tls::is_about_certificate;

/// Characters of a reason.
const REASON_MAX: usize = 120;

/// Returns true if there was no connection with a TLS session: no address, none that accepts, no valid certificate. Then
/// nothing was sent. A connection that ended later may have delivered the request, even if it ended at once.
pub(crate) fn is_not_sent(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| error.downcast_ref().is_some_and(legacy::Error::is_connect))
}

/// The failure of a request that has no answer.
pub(super) fn of_request(error: &ConnectorError, host: &str, connect_timeout: Duration) -> HttpError {
    if !is_not_sent(error) {
        return HttpError::Unanswered(format!("{host} ended the connection without an answer: {}", reason(error)));
    }
    let text = if error.is_timeout() {
        format!("no connection to {host} within {connect_timeout:?}")
    } else if is_about_certificate(error) {
        format!("the certificate of {host} is not trusted: {}", reason(error))
    } else {
        format!("no connection to {host}: {}", reason(error))
    };
    HttpError::NotSent(text)
}

/// The failure of a request whose answer ended too early.
pub(super) fn of_body(error: &(dyn Error + 'static), host: &str) -> HttpError {
    HttpError::Unanswered(format!("{host} ended the connection within the answer: {}", reason(error)))
}

/// The innermost cause: an error of the operating system, of TLS or of HTTP, none of which repeats a request.
fn reason(error: &(dyn Error + 'static)) -> String {
    let cause = causes(error).last().map(ToString::to_string).unwrap_or_default();
    one_line(&cause, REASON_MAX)
}
