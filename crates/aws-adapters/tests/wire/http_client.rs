//! HTTP for channels, against receivers of this machine that misbehave in all ways.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_adapters::HttpClient;
use channels::{Http, HttpError, Method, Request, Response};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::canned::Canned;

const BODY: &[u8] = b"{\"text\":\"open\"}";

/// A receiver that answers each request with the same bytes, and what it got on each connection.
struct Receiver {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What a receiver does after its answer.
#[derive(Clone, Copy)]
enum Then {
    Closes,
    Waits,
    /// Goes on with bytes until they are not taken any more.
    Floods,
}

impl Receiver {
    async fn start(answer: &'static str, then: Then) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://127.0.0.1:{}/services/T0/key?sig=key", listener.local_addr().unwrap().port());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read(&mut stream).await;
                seen.lock().unwrap().push(request);
                stream.write_all(answer.as_bytes()).await.unwrap();
                match then {
                    Then::Closes => drop(stream),
                    Then::Waits => kept.push(stream),
                    Then::Floods => while stream.write_all(&[b'x'; 4096]).await.is_ok() {},
                }
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request, until its body or, without one, the end of its head.
async fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !(request.ends_with(BODY) || request.starts_with(b"GET") && request.ends_with(b"\r\n\r\n")) {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
    }
    String::from_utf8(request).unwrap()
}

async fn client() -> HttpClient {
    let sdk = Canned::serve([]).await.sdk;
    HttpClient::new(&sdk).unwrap().with_timeouts(Duration::from_millis(300), Duration::from_millis(600))
}

fn request(method: Method, url: &str) -> Request {
    let body = if method == Method::Get { Vec::new() } else { BODY.to_vec() };
    let headers = vec![("authorization", "Bearer t0ken".into()), ("content-type", "application/json".into())];
    Request { method, url: url.into(), headers, body }
}

async fn post(url: &str) -> Result<Response, HttpError> {
    client().await.send(request(Method::Post, url)).await
}

/// The text of an error, which shows no secret.
fn text(error: &HttpError) -> String {
    let text = error.to_string();
    assert!(!text.contains("t0ken") && !text.contains("key") && !text.contains("http://"), "{text}");
    text
}

#[rstest]
#[case(Method::Get)]
#[case(Method::Post)]
#[case(Method::Put)]
#[tokio::test]
async fn an_answer_is_returned_whole(#[case] method: Method) {
    let answer = "HTTP/1.1 201 Created\r\nRetry-After: 7\r\nx-odd: \u{e9}\r\ncontent-length: 4\r\n\r\ndone";
    let receiver = Receiver::start(answer, Then::Waits).await;
    let response = client().await.send(request(method, &receiver.url)).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (201, &b"done"[..]));
    assert_eq!(response.header("retry-after"), Some("7"));
    assert_eq!(response.header("x-odd"), Some("\u{e9}"));
    let requests = receiver.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.remove(0), format!("{} /services/T0/key?sig=key HTTP/1.1", method.as_str()));
    let host = receiver.url.split('/').nth(2).unwrap();
    let mut expected = vec![
        "authorization: Bearer t0ken".to_owned(),
        "content-type: application/json".to_owned(),
        format!("host: {host}"),
        format!("user-agent: portcullis/{}", env!("CARGO_PKG_VERSION")),
    ];
    if method != Method::Get {
        expected.push(format!("content-length: {}", BODY.len()));
        assert_eq!(body.as_bytes(), BODY);
    }
    // No compression is asked for, so a short answer cannot grow into a long body.
    expected.sort();
    lines.sort_unstable();
    assert_eq!(lines, expected);
}

/// A redirect might lead a token to another host, and turn a `POST` into a `GET`.
#[tokio::test]
async fn a_redirect_is_an_answer() {
    let other = Receiver::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Then::Waits).await;
    let location: &'static str =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", other.url).leak();
    let receiver = Receiver::start(location, Then::Waits).await;
    let response = post(&receiver.url).await.unwrap();
    assert_eq!((response.status, response.header("location")), (307, Some(other.url.as_str())));
    assert!(other.requests().is_empty());
}

#[rstest]
#[case::of_known_length("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")]
#[case::until_the_end("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")]
#[tokio::test]
async fn a_body_is_cut_at_a_megabyte(#[case] head: &'static str) {
    let receiver = Receiver::start(head, Then::Floods).await;
    let sdk = Canned::serve([]).await.sdk;
    let response = HttpClient::new(&sdk).unwrap().send(request(Method::Get, &receiver.url)).await.unwrap();
    assert_eq!((response.status, response.body.len()), (200, 1 << 20));
}

#[rstest]
#[case::no_answer("", Then::Waits, "took longer than 600ms")]
#[case::half_a_head("HTTP/1.1 200 OK\r\nserv", Then::Waits, "took longer than 600ms")]
#[case::half_a_body("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", Then::Waits, "took longer than 600ms")]
#[case::closed_at_once("", Then::Closes, "ended the connection without an answer")]
#[case::closed_in_the_head("HTTP/1.1 200 OK\r\nserv", Then::Closes, "ended the connection without an answer")]
#[case::closed_in_the_body("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", Then::Closes, "within the answer")]
#[case::no_http("220 mail.example.com ESMTP\r\n", Then::Waits, "without an answer: invalid HTTP version parsed")]
#[tokio::test]
async fn a_request_may_have_arrived_that_is_not_answered(
    #[case] answer: &'static str,
    #[case] then: Then,
    #[case] expected: &str,
) {
    let receiver = Receiver::start(answer, then).await;
    let begun = Instant::now();
    let error = post(&receiver.url).await.unwrap_err();
    assert!(matches!(error, HttpError::Unanswered(_)), "{error:?}");
    let text = text(&error);
    assert!(text.starts_with("127.0.0.1 ") && text.contains(expected), "{text}");
    // It was sent once, whatever became of it, and given up in time.
    assert_eq!(receiver.requests().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_host_that_accepts_no_connection_gets_nothing() {
    let port = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let error = post(&format!("http://127.0.0.1:{port}/key")).await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent(_)), "{error:?}");
    assert!(text(&error).starts_with("no connection to 127.0.0.1: Connection refused"), "{error}");
}

/// `.invalid` is no domain, by RFC 2606.
#[tokio::test]
async fn a_host_without_an_address_gets_nothing() {
    let error = post("https://portcullis.invalid/key").await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent(_)), "{error:?}");
    assert!(text(&error).starts_with("no connection to portcullis.invalid"), "{error}");
}

#[rstest]
#[case::no_tls("http://hooks.example.com/key", "without TLS")]
#[case::no_url("xoxb-key", "malformed")]
#[tokio::test]
async fn a_url_that_may_not_be_called_is_refused(#[case] url: &str, #[case] expected: &str) {
    let error = post(url).await.unwrap_err();
    assert!(matches!(error, HttpError::Invalid(_)), "{error:?}");
    assert!(text(&error).contains(expected), "{error}");
}

#[rstest]
#[case("t0ken\nhost: example.com")]
#[case("t0ken\r\n\r\nGET /")]
#[case("t0ken\u{7f}")]
#[tokio::test]
async fn a_header_takes_no_other_header(#[case] token: &str) {
    let receiver = Receiver::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Then::Waits).await;
    let headers = vec![("authorization", format!("Bearer {token}").into())];
    let request = Request { headers, ..request(Method::Post, &receiver.url) };
    let error = client().await.send(request).await.unwrap_err();
    assert!(matches!(error, HttpError::Invalid(_)), "{error:?}");
    assert!(text(&error).starts_with("the value for the header authorization"), "{error}");
    assert!(receiver.requests().is_empty());
}
