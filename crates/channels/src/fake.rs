//! A fake of HTTP: answers in order, and the requests that it got.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::http::{Http, HttpError, Request, Response};

/// What the fake does with a request.
pub type Reply = Result<Response, HttpError>;

/// Answers requests in order, and keeps them.
#[derive(Debug, Default)]
pub struct FakeHttp {
    replies: RefCell<VecDeque<Reply>>,
    requests: RefCell<Vec<Request>>,
}

impl FakeHttp {
    /// Answers with `replies`, and after the last one as if nobody listened.
    #[must_use]
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self { replies: RefCell::new(replies.into_iter().collect()), requests: RefCell::default() }
    }

    /// A response with this status and JSON.
    ///
    /// # Errors
    ///
    /// Never: the result is that of a request.
    pub fn json(status: u16, body: &serde_json::Value) -> Reply {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status, headers, body: body.to_string().into_bytes() })
    }

    /// A response with this status and text.
    ///
    /// # Errors
    ///
    /// Never: the result is that of a request.
    pub fn text(status: u16, body: &str) -> Reply {
        Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
    }

    /// The requests until now.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }
}

impl Http for FakeHttp {
    async fn send(&self, request: Request) -> Reply {
        self.requests.borrow_mut().push(request);
        let reply = self.replies.borrow_mut().pop_front();
        reply.unwrap_or_else(|| Err(HttpError::NotSent("connection refused".to_owned())))
    }
}
