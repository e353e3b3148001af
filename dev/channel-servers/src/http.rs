//! HTTP/1.1 on a connection, on which a request may stay without an answer.

use std::io;

use channels::Response;
use channels::fakes::Call;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::world::Outcome;

/// Largest body that is read.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// Serves a connection to its end.
pub(crate) async fn serve<F>(stream: impl AsyncRead + AsyncWrite + Unpin, answer: impl Fn(Call) -> F)
where
    F: Future<Output = Outcome>,
{
    let answer = &answer;
    let service = service_fn(move |request: hyper::Request<Incoming>| async move {
        match answer(read(request).await?).await {
            Outcome::Answer(response) => Ok(write(response)),
            Outcome::Close => Err(io::Error::other("the connection is closed by a fault")),
            Outcome::Hang => std::future::pending().await,
        }
    });
    // A connection that the client ends, or a fault, is no error of this program.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn read(request: hyper::Request<Incoming>) -> Result<Call, io::Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await.map_err(io::Error::other)?;
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Call {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: body.to_bytes().to_vec(),
    })
}

fn write(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name, value);
    }
    // Statuses and headers are those of this program or were checked.
    builder.body(Full::new(response.body.into())).unwrap_or_default()
}
