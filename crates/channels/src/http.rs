//! HTTP, as far as channels need it.

use std::fmt;

use crate::secret::Secret;

/// Method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

impl Method {
    /// The name of the method.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// URL. It may work as a key, so it is a secret.
    pub url: Secret,
    /// Headers, with lower-case names. They may contain tokens.
    pub headers: Vec<(&'static str, Secret)>,
    /// Body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let mut debug = formatter.debug_struct("Request");
        debug.field("method", &self.method).field("headers", &headers).field("body", &self.body.len());
        debug.finish_non_exhaustive()
    }
}

/// A response, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// Body. The client cuts it at a megabyte.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header with this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// There is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The request was certainly not sent: no address, no connection, no TLS session.
    #[error("{0}")]
    NotSent(String),
    /// The request may not be sent: its URL or a header is invalid. A repetition would not be sent either. The text says what
    /// to correct.
    #[error("{0}")]
    Invalid(String),
    /// The request may have arrived: no answer in time, or the connection ended.
    #[error("{0}")]
    Unanswered(String),
}

/// An HTTP client with a time limit. It follows no redirects, repeats nothing by itself, and sends nothing to another machine
/// without TLS.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Http {
    /// Sends a request, and returns the response, whatever its status.
    ///
    /// # Errors
    ///
    /// If there is no response. The message contains no URL and no header.
    async fn send(&self, request: Request) -> Result<Response, HttpError>;
}

impl<H: Http> Http for &H {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        (**self).send(request).await
    }
}
