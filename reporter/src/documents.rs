//! The routing document, as a function reads it.
//!
//! Who is to be told must neither be out of date nor be silenced by a slip of the pen. So a document is used for a minute
//! without being read again. If it then cannot be read, or has a mistake, the last one without a mistake is used for an hour
//! more, and the log has the mistakes; after that nobody is told, since wrong recipients are worse than late ones. What is to
//! be told waits in the queue, and in the outboxes of the findings.

use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use aws_traits::object_store::ObjectStore;
use aws_traits::ssm::Parameters;
use futures::lock::Mutex;
use jiff::{SignedDuration, Timestamp};
use plain_text::{error_message, one_line};
use routing::Document;
use tracing::warn;

use crate::SERVICE;

/// How long a document is used without being read again.
const FRESH: SignedDuration = SignedDuration::from_mins(1);
/// Pause after a read that failed.
const PAUSE: SignedDuration = SignedDuration::from_secs(15);
/// How long after it was read a document is used if the newest one cannot be.
const STALE: SignedDuration = SignedDuration::from_hours(1);
/// Longest time that a read may take: events are recorded and jobs go back in the time of the function, whatever SSM does.
const READ_LIMIT: Duration = Duration::from_secs(3);
/// Mistakes of a document that the log has.
const PROBLEMS: usize = 5;

/// Has a routing document.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Documents {
    /// The document; `None` if there is to be none, so that nobody is told of anything.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has a mistake.
    async fn document(&self) -> Result<Option<Rc<Document>>, DocumentUnavailable>;
}

impl<D: Documents> Documents for &D {
    async fn document(&self) -> Result<Option<Rc<Document>>, DocumentUnavailable> {
        (**self).document().await
    }
}

/// There is no document that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("routing document `{location}` cannot be used, so nobody is told of findings: {problem}")]
pub struct DocumentUnavailable {
    location: String,
    problem: String,
}

impl DocumentUnavailable {
    /// The error for the document at a location.
    #[must_use]
    pub fn new(location: &str, problem: &str) -> Self {
        Self { location: location.to_owned(), problem: problem.to_owned() }
    }
}

/// Where a document is kept, by the variable `ROUTING_DOCUMENT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentLocation {
    /// `ssm:/name`: a parameter, by name.
    Parameter(String),
    /// `s3://bucket/key`: an object in a bucket of this account.
    Object {
        /// Name of the bucket.
        bucket: String,
        /// Key of the object.
        key: String,
    },
}

/// `ROUTING_DOCUMENT` is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ROUTING_DOCUMENT is `{0}`, which is no location: write ssm:/name or s3://bucket/key")]
pub struct LocationError(String);

impl FromStr for DocumentLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let error = || LocationError(one_line(text, 100));
        if let Some(name) = text.strip_prefix("ssm:") {
            let is_name = name.starts_with('/') && name.len() > 1;
            return is_name.then(|| Self::Parameter(name.to_owned())).ok_or_else(error);
        }
        let parts = text.strip_prefix("s3://").and_then(|path| path.split_once('/'));
        let (bucket, key) = parts.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()).ok_or_else(error)?;
        Ok(Self::Object { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

/// Where a document is read.
#[derive(Debug)]
pub enum DocumentSource<P, O> {
    /// There is none.
    Nowhere,
    /// A parameter, by name.
    Parameter(P, String),
    /// An object, by key.
    Object(O, String),
}

/// Reads the routing document, and remembers it for a while.
#[derive(Debug)]
pub struct RoutingDocument<P, O> {
    source: DocumentSource<P, O>,
    kept: Mutex<Kept>,
    now: fn() -> Timestamp,
}

#[derive(Debug, Default)]
struct Kept {
    /// The last document without a mistake, and when it was read.
    last: Option<(Rc<Document>, Timestamp)>,
    /// Why the newest one cannot be used.
    problem: Option<String>,
    next_read: Option<Timestamp>,
}

impl<P: Parameters, O: ObjectStore> RoutingDocument<P, O> {
    /// The document of this source. `now` is the clock.
    pub fn new(source: DocumentSource<P, O>, now: fn() -> Timestamp) -> Self {
        Self { source, kept: Mutex::default(), now }
    }

    fn location(&self) -> String {
        match &self.source {
            DocumentSource::Nowhere => String::new(),
            DocumentSource::Parameter(_, name) => format!("ssm:{name}"),
            DocumentSource::Object(store, key) => store.location().uri(key),
        }
    }

    /// Reads the document. The problem is one for the log.
    async fn read(&self) -> Result<Document, String> {
        let text = match &self.source {
            DocumentSource::Nowhere => return Err("there is none".to_owned()),
            DocumentSource::Parameter(parameters, name) => {
                parameters.parameter(name).await.map_err(|error| error_message(&error))?
            }
            DocumentSource::Object(store, key) => {
                let object = store.get(key).await.map_err(|error| error_message(&error))?;
                object.ok_or_else(|| "there is no such object: upload it".to_owned())?
            }
        };
        text.parse().map_err(|error: routing::DocumentError| {
            let problems: Vec<String> = error.problems().iter().take(PROBLEMS).map(ToString::to_string).collect();
            let more = error.problems().len().saturating_sub(PROBLEMS);
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            one_line(&format!("{}{more}", problems.join("; ")), 1_500)
        })
    }
}

impl<P: Parameters, O: ObjectStore> Documents for RoutingDocument<P, O> {
    async fn document(&self) -> Result<Option<Rc<Document>>, DocumentUnavailable> {
        if matches!(self.source, DocumentSource::Nowhere) {
            return Ok(None);
        }
        // Of several who ask at once, the first reads.
        let mut kept = self.kept.lock().await;
        let now = (self.now)();
        if kept.next_read.is_none_or(|time| time <= now) {
            let read = tokio::time::timeout(READ_LIMIT, self.read()).await;
            let no_answer = || format!("no answer within {} seconds", READ_LIMIT.as_secs());
            let (problem, pause) = match read.unwrap_or_else(|_| Err(no_answer())) {
                Ok(document) => {
                    kept.last = Some((Rc::new(document), now));
                    (None, FRESH)
                }
                Err(problem) => {
                    let (document, error) = (self.location(), problem.as_str());
                    let used_of = kept.last.as_ref().map(|(_, read)| read.to_string()).unwrap_or_default();
                    warn!(service = SERVICE, document, error, last_used_of = used_of, "routing document not usable");
                    (Some(problem), PAUSE)
                }
            };
            kept.problem = problem;
            kept.next_read = now.checked_add(pause).ok();
        }
        let last = kept.last.as_ref().filter(|(_, read)| now.duration_since(*read) < STALE);
        match (last, &kept.problem) {
            (Some((document, _)), _) => Ok(Some(Rc::clone(document))),
            (None, problem) => {
                let problem = problem.as_deref().unwrap_or("it was not read");
                Err(DocumentUnavailable::new(&self.location(), problem))
            }
        }
    }
}
