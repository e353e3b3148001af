//! HTTP/2, which most receivers speak.

use std::sync::atomic::{AtomicUsize, Ordering};

use h2::Reason;
use h2::server::{self, SendResponse};

use super::*;

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Answers with a body of this length.
    Answers(usize),
    /// Answers with a head only, and then resets the stream.
    Breaks,
    /// Resets the stream. By `REFUSED_STREAM` it would say that it did nothing.
    Resets(Reason),
    /// Ends the connection with this reason.
    GoesAway(Reason),
    /// Ends the connection without a word.
    HangsUp,
    Waits,
}

/// A receiver behind TLS.
struct Receiver {
    url: String,
    trusted: TrustStore,
    /// Requests that it began to get.
    begun: Arc<AtomicUsize>,
    /// Requests that it got whole: method, path, host, authorization and body.
    requests: Arc<Mutex<Vec<[String; 5]>>>,
}

async fn receiver(does: Does) -> Receiver {
    let (certificate, key) = certificate("localhost", 2090);
    let mut tls = server_tls(&certificate, &key);
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://localhost:{}/hook?sig=key", listener.local_addr().unwrap().port());
    let requests = Arc::<Mutex<Vec<[String; 5]>>>::default();
    let begun = Arc::<AtomicUsize>::default();
    let (seen, number) = (Arc::clone(&requests), Arc::clone(&begun));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let mut connection = server::handshake(stream).await.unwrap();
            while let Some(Ok((request, respond))) = connection.accept().await {
                number.fetch_add(1, Ordering::Relaxed);
                match does {
                    Does::HangsUp => break,
                    Does::GoesAway(reason) => connection.abrupt_shutdown(reason),
                    _ => {}
                }
                tokio::spawn(handle(does, request, respond, Arc::clone(&seen)));
            }
        }
    });
    Receiver { url, trusted: TrustStore::empty().with_pem_certificate(certificate.pem()), begun, requests }
}

async fn handle(
    does: Does,
    request: http::Request<h2::RecvStream>,
    mut respond: SendResponse<axum::body::Bytes>,
    seen: Arc<Mutex<Vec<[String; 5]>>>,
) {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (authorization, uri) = (header("authorization").unwrap_or_default(), request.uri().clone());
    let path = uri.path_and_query().unwrap().to_string();
    let head = [request.method().to_string(), path, uri.host().unwrap().to_owned(), authorization];
    let mut stream = request.into_body();
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = stream.data().await {
        body.extend_from_slice(&chunk);
    }
    let [method, path, host, authorization] = head;
    seen.lock().unwrap().push([method, path, host, authorization, String::from_utf8(body).unwrap()]);
    let answer = || http::Response::builder().header("retry-after", "7").body(()).unwrap();
    match does {
        Does::Answers(length) => {
            let mut body = respond.send_response(answer(), false).unwrap();
            // Fails if the client does not fetch the rest.
            body.send_data(vec![b'x'; length].into(), true).ok();
        }
        Does::Breaks => {
            let mut body = respond.send_response(answer(), false).unwrap();
            body.send_data("half".into(), false).unwrap();
            body.send_reset(Reason::INTERNAL_ERROR);
        }
        Does::Resets(reason) => respond.send_reset(reason),
        Does::GoesAway(_) | Does::HangsUp | Does::Waits => std::future::pending().await,
    }
}

fn quick(trusted: TrustStore) -> HttpClient {
    client(trusted).with_timeouts(Duration::from_secs(5), Duration::from_millis(800))
}

#[rstest]
#[case(2, 2)]
#[case(1 << 20, 1 << 20)]
#[case(3 << 20, 1 << 20)]
#[tokio::test]
async fn an_answer_is_returned_and_cut_at_a_megabyte(#[case] sent: usize, #[case] read: usize) {
    let Receiver { url, trusted, requests, .. } = receiver(Does::Answers(sent)).await;
    let client = client(trusted);
    for _ in 0..2 {
        let response = client.send(super::request(&url)).await.unwrap();
        assert_eq!((response.status, response.header("retry-after"), response.body.len()), (200, Some("7"), read));
    }
    let expected = ["POST", "/hook?sig=key", "localhost", "Bearer t0ken", "a secret"].map(str::to_owned);
    assert_eq!(*requests.lock().unwrap(), [expected.clone(), expected]);
}

#[rstest]
#[case::waits(Does::Waits)]
#[case::breaks(Does::Breaks)]
#[case::refuses(Does::Resets(Reason::REFUSED_STREAM))]
#[case::resets(Does::Resets(Reason::INTERNAL_ERROR))]
#[case::goes_away(Does::GoesAway(Reason::NO_ERROR))]
#[case::goes_away_angrily(Does::GoesAway(Reason::ENHANCE_YOUR_CALM))]
#[case::hangs_up(Does::HangsUp)]
#[tokio::test]
async fn a_request_may_have_arrived_that_is_not_answered(#[case] does: Does) {
    let Receiver { url, trusted, begun, .. } = receiver(does).await;
    let error = quick(trusted).send(super::request(&url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unanswered(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("localhost ") && !text.contains("t0ken") && !text.contains("key"), "{text}");
    assert_eq!(begun.load(Ordering::Relaxed), 1);
}
