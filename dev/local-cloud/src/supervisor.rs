//! Starts what the local cloud is made of, waits until it answers, and ends it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::bridge::Bridge;
use crate::cloud::{Cloud, Place};
use crate::{Up, config, launcher, server};

/// The account that MiniStack and moto agree on.
const ACCOUNT: &str = "123456789012";
/// The account's own credentials, which may do everything: good for this machine only.
const ACCESS_KEY_ID: &str = "AKIALOCALCLOUD000000";
const SECRET_ACCESS_KEY: &str = "local-cloud-root-secret-access-key";

/// Why the local cloud does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or a socket.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The port of the front door is taken.
    #[error("port {port} is in use. End what listens there, or choose another port with --port (0 takes a free one)")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// There is no Python.
    #[error(
        "there is no Python at {path}. Install the packages of tools/requirements.txt (`make tools`), or name \
             another environment with --python"
    )]
    NoPython {
        /// What was looked for.
        path: PathBuf,
    },
    /// A child ended, or did not answer.
    #[error("{name} {what}. The end of its log {log}:\n{tail}")]
    Child {
        /// Which.
        name: &'static str,
        /// What happened.
        what: String,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let action = action.into();
    move |source| Error::Io { action, source }
}

/// A child process and its log.
struct Service {
    name: &'static str,
    child: Child,
    /// Held open for as long as the process is to live. Not left with the child: waiting for that closes it.
    input: Option<ChildStdin>,
    log: PathBuf,
}

impl Service {
    fn failed(&self, what: impl Into<String>) -> Error {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(25)).copied().collect::<Vec<_>>().join("\n");
        Error::Child { name: self.name, what: what.into(), log: self.log.clone(), tail }
    }

    /// Waits until `ready` holds; an error if the process ends or the deadline passes.
    async fn until<F: Future<Output = bool>>(&mut self, ready: impl Fn() -> F, deadline: Instant) -> Result<(), Error> {
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failed(format!("ended while starting ({status})")));
            }
            if ready().await {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.failed("did not answer before the deadline (--deadline)"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A port that nothing listens on.
fn free_port() -> Result<u16, Error> {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(io_error("looking for a free port"))
}

/// Where the children's files go.
struct Files {
    state: PathBuf,
    launcher: PathBuf,
}

impl Files {
    fn prepare(state_dir: &Path) -> Result<Self, Error> {
        for name in ["", "logs", "tmp"] {
            let directory = state_dir.join(name);
            std::fs::create_dir_all(&directory).map_err(io_error(format!("creating {}", directory.display())))?;
        }
        let state = state_dir.canonicalize().map_err(io_error(format!("finding {}", state_dir.display())))?;
        let launcher = launcher::unpack(&state).map_err(io_error("unpacking the launcher"))?;
        Ok(Self { state, launcher })
    }

    /// Starts a Python program of the launcher. It ends with this process, which holds its standard input.
    fn start(&self, name: &'static str, python: &Path, program: &str, arguments: &[String]) -> Result<Service, Error> {
        let log = self.state.join("logs").join(format!("{name}.log"));
        let file = File::create(&log).map_err(io_error(format!("creating {}", log.display())))?;
        let errors = file.try_clone().map_err(io_error(format!("opening {}", log.display())))?;
        // Not the caller's environment: its AWS_* variables would reach the Lambda functions.
        let kept: BTreeMap<_, _> = ["PATH", "HOME", "LANG", "LC_ALL"]
            .into_iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)))
            .collect();
        let mut child = Command::new(python)
            .arg(self.launcher.join(program))
            .args(arguments)
            .env_clear()
            .envs(kept)
            .env("TMPDIR", self.state.join("tmp"))
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(&self.state)
            .stdin(Stdio::piped())
            .stdout(file)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(io_error(format!("starting {name}")))?;
        let input = child.stdin.take();
        Ok(Service { name, child, input, log })
    }
}

/// Starts everything and runs until interrupted.
pub(crate) async fn up(up: Up) -> Result<(), Error> {
    // Not resolved: a virtual environment's Python is a link, and knows its environment by the link's place.
    let python = std::path::absolute(&up.python).map_err(io_error("finding Python"))?;
    if !python.exists() {
        return Err(Error::NoPython { path: python });
    }
    let files = Files::prepare(&up.state_dir)?;
    let port = if up.port == 0 { free_port()? } else { up.port };
    if StdListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
        return Err(Error::PortInUse { port });
    }
    let (moto_port, bridge_port) = (free_port()?, free_port()?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(io_error("opening the control port"))?;
    let control = listener.local_addr().map_err(io_error("reading the control port"))?.port();
    let place = Place { account: ACCOUNT.to_owned(), region: up.region.clone() };
    let endpoint = format!("http://127.0.0.1:{port}");
    let bridge = Bridge::new(bridge_port);
    let cloud = Arc::new(Cloud::new(place.clone(), endpoint.clone(), python.clone(), bridge, !up.no_recorder));
    if !up.no_recorder {
        *cloud.config() = config::State::with_recorder(config::default_recorder(&place));
    }
    let application = server::router(Arc::clone(&cloud));
    tokio::spawn(async move { axum::serve(listener, application).await });

    let arguments = |list: &[(&str, String)]| -> Vec<String> {
        list.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]).collect()
    };
    let moto_arguments = arguments(&[("-H", "127.0.0.1".to_owned()), ("-p", moto_port.to_string())]);
    let mut moto = files.start("moto", &python, "moto_server.py", &moto_arguments)?;
    let front_arguments = arguments(&[
        ("--port", port.to_string()),
        ("--bridge-port", bridge_port.to_string()),
        ("--control-url", format!("http://127.0.0.1:{control}")),
        ("--moto-url", format!("http://127.0.0.1:{moto_port}")),
        ("--region", up.region.clone()),
        ("--account-id", ACCOUNT.to_owned()),
        ("--auth", up.auth.to_string()),
        ("--access-key-id", ACCESS_KEY_ID.to_owned()),
        ("--secret-access-key", SECRET_ACCESS_KEY.to_owned()),
    ]);
    let mut ministack = files.start("ministack", &python, "main.py", &front_arguments)?;
    let deadline = Instant::now() + Duration::from_secs(up.deadline);
    moto.until(|| async move { tokio::net::TcpStream::connect(("127.0.0.1", moto_port)).await.is_ok() }, deadline)
        .await?;
    let front = &cloud.bridge;
    ministack
        .until(
            || async move {
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
                    && front.healthy().await
                    && front.call("sts", "GetCallerIdentity", json!({}), None).await.is_ok()
            },
            deadline,
        )
        .await?;
    tokio::spawn(config::run_recorder(Arc::clone(&cloud)));
    tokio::spawn(config::run_schedules(Arc::clone(&cloud)));
    tokio::spawn(config::run_remediation(Arc::clone(&cloud)));
    cloud.changed.notify_one();
    announce(&files.state, &endpoint, control, &up.region)?;
    let ended = wait_for_end(&mut moto, &mut ministack).await;
    for service in [&mut ministack, &mut moto] {
        // Closing its standard input tells it to end its own children first.
        drop(service.input.take());
        if tokio::time::timeout(Duration::from_secs(5), service.child.wait()).await.is_err() {
            let _ = service.child.kill().await;
        }
    }
    let _ = std::fs::remove_file(files.state.join("endpoints.json"));
    ended
}

/// Waits for an interrupt (fine) or for a child that ends by itself (not).
async fn wait_for_end(moto: &mut Service, ministack: &mut Service) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io_error("watching for SIGINT"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(io_error("watching for SIGTERM"))?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(io_error("watching for SIGHUP"))?;
    let name = tokio::select! {
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
        _ = hang_up.recv() => return Ok(()),
        _ = moto.child.wait() => "moto",
        _ = ministack.child.wait() => "ministack",
    };
    Err(if name == "moto" { moto.failed("ended by itself") } else { ministack.failed("ended by itself") })
}

/// Writes `endpoints.json` and says how to get in.
fn announce(state: &Path, endpoint: &str, control: u16, region: &str) -> Result<(), Error> {
    let endpoints = json!({
        "endpoint": endpoint,
        "control": format!("http://127.0.0.1:{control}"),
        "region": region,
        "accountId": ACCOUNT,
        "accessKeyId": ACCESS_KEY_ID,
        "secretAccessKey": SECRET_ACCESS_KEY,
    });
    let (path, partial) = (state.join("endpoints.json"), state.join("endpoints.json.partial"));
    // Whoever waits for the file never sees half of it.
    std::fs::write(&partial, format!("{endpoints:#}\n"))
        .and_then(|()| std::fs::rename(&partial, &path))
        .map_err(io_error(format!("writing {}", path.display())))?;
    println!(
        "The local cloud is ready: account {ACCOUNT}, region {region}.\n\n\
         \x20 export AWS_ENDPOINT_URL={endpoint}\n\
         \x20 export AWS_REGION={region} AWS_DEFAULT_REGION={region}\n\
         \x20 export AWS_ACCESS_KEY_ID={ACCESS_KEY_ID}\n\
         \x20 export AWS_SECRET_ACCESS_KEY={SECRET_ACCESS_KEY}\n\n\
         Control: http://127.0.0.1:{control} (docs/local-cloud.md). Logs: {}.\n\
         Ctrl-C ends it; nothing is kept.",
        state.join("logs").display()
    );
    Ok(())
}
