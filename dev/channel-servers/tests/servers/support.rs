//! An HTTP client, and a finding that is delivered at the time of the servers.

use std::time::Duration;

use channel_servers::Servers;
use channel_servers::clock::Clock;
use channel_servers::world::World;
use channels::{Channel, Failure, Http, HttpError, Method, Notice, Request, Response, Retry};
use exposure::Reach;
use findings::FoundExposure;
use findings::finding::{
    Assessed, AssessedVerdict, Attachment, Context, ExposureList, Finding, GroupFacts, HistoryEntry, Moment,
    Observation, Observed, Opener, Outcome, Remediated, RuleContent, Source,
};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use routing::{
    Address, ChannelKind, Delivery, Document, Owner, OwnerKind, OwnerSource, Ownership, Ticket, Timing, Why,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// Only a server that is broken takes as long.
const TIME_LIMIT: Duration = Duration::from_secs(20);
const CHANNEL: &str = "the-channel";

/// A client that makes a connection for each request. Its time is over as soon as a server lets a call hang.
#[derive(Debug, Clone)]
pub(crate) struct Client(World);

impl Client {
    pub(crate) fn new(servers: &Servers) -> Self {
        Self(servers.world().clone())
    }
}

impl Http for Client {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        tokio::select! {
            answer = tokio::time::timeout(TIME_LIMIT, send(&request)) => answer.unwrap(),
            () = self.0.hung() => Err(HttpError::Unanswered("no answer in time".to_owned())),
        }
    }
}

async fn send(request: &Request) -> Result<Response, HttpError> {
    let url: hyper::Uri = request.url.expose().parse().unwrap();
    let not_sent = |error: std::io::Error| HttpError::NotSent(error.to_string());
    let unanswered = |error: hyper::Error| HttpError::Unanswered(error.to_string());
    let stream = TcpStream::connect(url.authority().unwrap().as_str()).await.map_err(not_sent)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(unanswered)?;
    let connection = tokio::spawn(connection);
    let mut sent = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(url.path_and_query().unwrap().as_str())
        .header("host", url.authority().unwrap().as_str());
    for (name, value) in &request.headers {
        sent = sent.header(*name, value.expose());
    }
    let answer = sender.send_request(sent.body(Full::new(Bytes::from(request.body.clone()))).unwrap()).await;
    let (head, body) = answer.map_err(unanswered)?.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let body = body.collect().await.map_err(unanswered)?.to_bytes().to_vec();
    connection.abort();
    Ok(Response { status: head.status.as_u16(), headers: headers.collect(), body })
}

/// Servers at a time that stands still.
pub(crate) fn servers() -> Servers {
    Servers::start(Clock::stopped("2026-12-01T09:00:00Z".parse().unwrap())).unwrap()
}

/// Calls the control interface. `Method` has no `DELETE`, so the client takes it as a text.
pub(crate) async fn control(servers: &Servers, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let address = servers.ready().control.replace("http://", "");
    let stream = TcpStream::connect(&address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::builder().method(method).uri(path).header("host", address);
    let answer = sender.send_request(request.body(Full::new(Bytes::from(body.to_string()))).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.collect().await.unwrap().to_bytes();
    let value = serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8(body.to_vec()).unwrap()));
    (status, value)
}

/// Calls the control interface, which takes it.
pub(crate) async fn take(servers: &Servers, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = control(servers, method, path, &body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

pub(crate) async fn state(servers: &Servers) -> Value {
    take(servers, "GET", "/state", Value::Null).await
}

pub(crate) async fn assert_no_violation(servers: &Servers) {
    assert_eq!(take(servers, "GET", "/violations", Value::Null).await, json!([]));
}

/// Posts JSON to a service as it is.
pub(crate) async fn post(url: &str, headers: &[(&'static str, &str)], body: &Value) -> Response {
    let mut all = vec![("content-type", "application/json".into())];
    all.extend(headers.iter().map(|(name, value)| (*name, (*value).into())));
    let request = Request { method: Method::Post, url: url.into(), headers: all, body: body.to_string().into_bytes() };
    send(&request).await.unwrap()
}

/// A finding with its outbox.
pub(crate) struct Story<'s> {
    servers: &'s Servers,
    pub(crate) finding: Finding,
    news: Vec<HistoryEntry>,
    pub(crate) delivery: Delivery,
    ownership: Ownership,
    name: String,
}

impl<'s> Story<'s> {
    pub(crate) fn new(servers: &'s Servers, kind: ChannelKind) -> Self {
        let ticket = Ticket { project: Some("SEC".to_owned()), priority: Some("High".to_owned()), ..Ticket::default() };
        Self {
            servers,
            finding: Finding::new("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse().unwrap()),
            news: Vec::new(),
            delivery: Delivery {
                channel: CHANNEL.to_owned(),
                kind,
                recipient: None,
                mentions: Vec::new(),
                ticket: Some(ticket),
                timing: Timing::Normal,
                why: Why::Route("routes[0] `all`".to_owned()),
            },
            ownership: Ownership::default(),
            name: "bastion".to_owned(),
        }
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// By a tag of the group, who is mentioned where the channel can.
    pub(crate) fn owned_by(mut self, email: &str) -> Self {
        let address = Address { value: email.to_owned(), kind: OwnerKind::Email };
        self.delivery.mentions = vec![address.clone()];
        let ticket = self.delivery.ticket.take().unwrap_or_default();
        self.delivery.ticket = Some(Ticket { assignee: Some(address.clone()), ..ticket });
        self.ownership.owners = vec![Owner {
            value: email.to_owned(),
            kind: OwnerKind::Email,
            from: OwnerSource::GroupTag,
            chat: vec![address.clone()],
            ticket: Some(address.clone()),
            email: Some(address),
        }];
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.servers.world().lock().clock.now()
    }

    pub(crate) fn pass(&self, minutes: i64) {
        self.servers.world().lock().clock.advance(SignedDuration::from_mins(minutes));
    }

    pub(crate) fn open(&mut self, ports: &[u16]) {
        let found: Vec<_> = ports.iter().map(|port| exposure(*port)).collect();
        self.see(AssessedVerdict::Open { exposures: ExposureList::new(&found), exempted: 0 });
    }

    pub(crate) fn close(&mut self) {
        self.see(AssessedVerdict::Compliant);
    }

    /// Opener and interfaces are looked up.
    pub(crate) fn look_up(&mut self, opener: &str) {
        let opener = Opener {
            at: self.now(),
            principal: opener.into(),
            user_agent: Some("terraform/1.9".into()),
            stack: Some("network-prod".into()),
        };
        let attachment = Attachment { interfaces: 3, public: true, example: Some("i-0123456789abcdef0".into()) };
        self.observe(Observed::Context(Context { attachment: Some(attachment), owner: None, opener: Some(opener) }));
    }

    /// A remediation closes it.
    pub(crate) fn remediate(&mut self, execution: &str) {
        let rule = RuleContent::new("tcp", Some(22), Some(22), "0.0.0.0/0");
        self.observe(Observed::Remediated(Remediated {
            execution_id: execution.into(),
            outcome: Outcome::Closed(vec![rule].into()),
            message: "closed".into(),
            dry_run: false,
        }));
    }

    fn see(&mut self, verdict: AssessedVerdict) {
        let group = GroupFacts { name: Some(self.name.as_str().into()), ..GroupFacts::default() };
        self.observe(Observed::Assessed(Box::new(Assessed { source: Source::Change, verdict, group, closes: None })));
    }

    fn observe(&mut self, what: Observed) {
        self.pass(1);
        let transition = self.finding.apply(&Observation { at: Moment::live(self.now()), what });
        self.news.extend(transition.history.into_iter().filter(|entry| entry.news.raises_revision()));
    }

    /// Delivers what is due, and keeps what became of it. Returns the name of the ticket or message.
    pub(crate) async fn attempt(&mut self, channel: &impl Channel) -> Result<Option<String>, Failure> {
        let (name, now) = (CHANNEL.into(), self.now());
        let due = self.finding.due(&name, self.delivery.kind.manner(), now).unwrap();
        self.finding.begin(&name, now).unwrap();
        let Self { finding, delivery, ownership, news, .. } = &*self;
        let notice = Notice { finding, due: &due, delivery, ownership, news, now };
        let outcome = channel.deliver(&notice).await;
        match &outcome {
            Ok(delivered) => {
                self.finding.delivered(&name, &due, delivered.external_id.clone()).unwrap();
                self.news.retain(|entry| entry.revision > due.revision);
            }
            Err(Failure::Unanswered { error, .. }) => self.finding.unanswered(&name, error, now).unwrap(),
            Err(failure) => self.finding.failed(&name, &failure.to_string(), now).unwrap(),
        }
        outcome.map(|delivered| delivered.external_id.map(|id| id.as_str().to_owned()))
    }
}

fn exposure(port: u16) -> FoundExposure {
    FoundExposure {
        rule_id: Some(format!("sgr-{port:08x}")),
        protocol: "tcp".into(),
        from_port: Some(port.into()),
        to_port: Some(port.into()),
        source: "0.0.0.0/0".into(),
        ports: vec![format!("tcp/{port}")],
        reach: Reach::World,
        description: None,
        location: None,
    }
}

/// The settings of a channel of the routing document.
pub(crate) fn jira_settings(flavour: &str, url: &str) -> routing::Jira {
    let document = json!({"version": 1, "defaultChannels": [CHANNEL], "channels": {CHANNEL: {
        "kind": "jira", "flavour": flavour, "project": "SEC", "url": url, "secret": "ssm:/jira",
        "closeTransition": "Done", "reopenTransition": "To Do"}}});
    let document: Document = document.to_string().parse().unwrap();
    match document.channels.get(CHANNEL) {
        Some(routing::Channel::Jira(jira)) => jira.clone(),
        other => panic!("{other:?}"),
    }
}

/// How long a service asked to be left alone.
pub(crate) fn wait(failure: &Failure) -> Option<u64> {
    match failure {
        Failure::Refused { retry: Retry::Later(Some(wait)), .. } => Some(wait.as_secs()),
        _ => None,
    }
}
