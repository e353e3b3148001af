//! A request, as a service receives it.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::http::Request;

/// A request, as a service receives it.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// `POST`.
    pub method: String,
    /// Path with its slash, without the query.
    pub path: String,
    /// Query without the question mark, as it was sent.
    pub query: String,
    /// Headers, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Call {
    /// A request to a server; `None` if it is for another one.
    #[must_use]
    pub fn of(request: &Request, base: &str) -> Option<Self> {
        let rest = request.url.expose().strip_prefix(base)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.expose().to_owned()));
        Some(Self {
            method: request.method.as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect(),
            body: request.body.clone(),
        })
    }

    /// The first header with this lower-case name, or an empty text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if there is none, `None` if it is something else.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        if self.body.is_empty() { Some(Value::Null) } else { serde_json::from_slice(&self.body).ok() }
    }

    /// The value of a parameter of the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
    }

    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }
}
