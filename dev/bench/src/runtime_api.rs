//! The Lambda Runtime API for one function, with the times of its requests and answers.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc as asynchronous};

/// Longest time to wait for an answer: the timeout of the functions in the stack.
const DEADLINE: Duration = Duration::from_mins(2);

/// A step of the function.
enum Step {
    /// The function requests an event, after its initialisation or the previous event.
    Asked(Instant),
    /// The event is sent.
    Handed(Instant),
    /// The function has answered.
    Answered(Instant, Result<Bytes, String>),
    /// The initialisation failed.
    NotStarted(String),
}

/// A Runtime API on a free port of this machine, on a separate thread.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    events: asynchronous::UnboundedSender<Bytes>,
    steps: mpsc::Receiver<Step>,
}

/// The answer to one event.
pub(crate) struct Answer {
    /// Time at which the function requested the event, if that was after the previous answer.
    pub(crate) asked: Option<Instant>,
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    pub(crate) body: Bytes,
}

struct Shared {
    events: Mutex<asynchronous::UnboundedReceiver<Bytes>>,
    steps: mpsc::Sender<Step>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Result<Self> {
        let (events, to_hand_over) = asynchronous::unbounded_channel();
        let (step, steps) = mpsc::channel();
        let (bound, address) = mpsc::channel();
        let shared = Arc::new(Shared { events: Mutex::new(to_hand_over), steps: step });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                let _ = bound.send(listener.local_addr()?);
                let router = Router::new()
                    .route("/2018-06-01/runtime/invocation/next", get(next))
                    .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
                    .route("/2018-06-01/runtime/invocation/{id}/error", post(failure))
                    .route("/2018-06-01/runtime/init/error", post(init_failure))
                    .layer(DefaultBodyLimit::disable())
                    .with_state(shared);
                axum::serve(listener, router).await
            })
        });
        Ok(Self { address: address.recv().context("the Runtime API has no port")?, events, steps })
    }

    /// Queues an event for the function.
    pub(crate) fn put(&self, event: Bytes) -> Result<()> {
        self.events.send(event).map_err(|_| anyhow!("the Runtime API is gone"))
    }

    /// Waits until the function has fetched and answered an event.
    pub(crate) fn answer(&self) -> Result<Answer> {
        let (mut asked, mut handed) = (None, None);
        loop {
            match self.step()? {
                Step::Asked(at) => asked = Some(at),
                Step::Handed(at) => handed = Some(at),
                Step::Answered(at, body) => {
                    let since = handed.context("an answer before the event")?;
                    let body = body.map_err(|problem| anyhow!("the function failed: {problem}"))?;
                    return Ok(Answer { asked, at, took: at - since, body });
                }
                Step::NotStarted(problem) => bail!("the function did not start: {problem}"),
            }
        }
    }

    /// Waits until the function requests another event.
    pub(crate) fn idle(&self) -> Result<()> {
        loop {
            match self.step()? {
                Step::Asked(_) => return Ok(()),
                Step::NotStarted(problem) => bail!("the function did not start: {problem}"),
                Step::Handed(_) | Step::Answered(..) => {}
            }
        }
    }

    fn step(&self) -> Result<Step> {
        self.steps.recv_timeout(DEADLINE).context("the function has not called the Runtime API")
    }
}

type Headers = [(HeaderName, HeaderValue); 4];

async fn next(State(shared): State<Arc<Shared>>) -> Result<(Headers, Bytes), StatusCode> {
    let _ = shared.steps.send(Step::Asked(Instant::now()));
    let event = shared.events.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + DEADLINE;
    let text = HeaderValue::from_static;
    let headers = [
        (HeaderName::from_static("lambda-runtime-aws-request-id"), text("156cb537-e2d4-11e8-9b34-d36013741fb9")),
        (
            HeaderName::from_static("lambda-runtime-deadline-ms"),
            HeaderValue::from_str(&deadline.as_millis().to_string()).unwrap_or_else(|_| text("0")),
        ),
        (
            HeaderName::from_static("lambda-runtime-invoked-function-arn"),
            text("arn:aws:lambda:eu-central-1:123456789012:function:bench"),
        ),
        (
            HeaderName::from_static("lambda-runtime-trace-id"),
            text("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"),
        ),
    ];
    let _ = shared.steps.send(Step::Handed(Instant::now()));
    Ok((headers, event))
}

async fn response(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let _ = shared.steps.send(Step::Answered(Instant::now(), Ok(body)));
    StatusCode::ACCEPTED
}

async fn failure(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let problem = String::from_utf8_lossy(&body).into_owned();
    let _ = shared.steps.send(Step::Answered(Instant::now(), Err(problem)));
    StatusCode::ACCEPTED
}

async fn init_failure(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let _ = shared.steps.send(Step::NotStarted(String::from_utf8_lossy(&body).into_owned()));
    StatusCode::ACCEPTED
}
