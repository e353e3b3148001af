//! Starts the parts of the local cloud, waits until they answer, and stops them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
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
use crate::cloud::{Cloud, Location};
use crate::port::ReservedPort;
use crate::{Up, config, launcher, server};

/// The account of MiniStack and moto.
const ACCOUNT: &str = "123456789012";
/// Credentials of the root user of the account. They have all permissions, and are valid on this machine only.
const ACCESS_KEY_ID: &str = "AKIALOCALCLOUD000000";
const SECRET_ACCESS_KEY: &str = "local-cloud-root-secret-access-key";

/// Error from running the local cloud.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SupervisorError {
    /// A file or a socket failed.
    #[error("{action} failed")]
    Io {
        /// The action, such as `creating .local-cloud/logs`.
        action: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The port of the front door is in use.
    #[error(
        "port {port} is in use: stop the process that listens there, or choose another port with --port (0 selects a free one)"
    )]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The Python interpreter does not exist.
    #[error(
        "there is no Python at {path}: install the packages of tools/requirements.txt (`make tools`), or name another \
         environment with --python"
    )]
    NoPython {
        /// Path of the interpreter.
        path: PathBuf,
    },
    /// A child process ended, or did not answer.
    #[error("{name} {what}; the end of its log {log}:\n{tail}")]
    Child {
        /// Name of the process.
        name: &'static str,
        /// The failure, such as `ended by itself`.
        what: String,
        /// Path of its log.
        log: PathBuf,
        /// Last lines of the log.
        tail: String,
    },
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> SupervisorError {
    let action = action.into();
    move |source| SupervisorError::Io { action, source }
}

/// A child process and its log.
struct Service {
    name: &'static str,
    child: Child,
    /// Standard input, kept open as long as the process is to run. It is taken from the child, because waiting for the
    /// child would close it.
    input: Option<ChildStdin>,
    log: PathBuf,
}

impl Service {
    fn failed(&self, what: impl Into<String>) -> SupervisorError {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(25)).copied().collect::<Vec<_>>().join("\n");
        SupervisorError::Child { name: self.name, what: what.into(), log: self.log.clone(), tail }
    }

    /// Waits until `ready` returns true. Returns an error if the process ends or the deadline passes.
    async fn until<F: Future<Output = bool>>(
        &mut self,
        ready: impl Fn() -> F,
        deadline: Instant,
    ) -> Result<(), SupervisorError> {
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

/// Keeps a free port for a child process.
fn reserve() -> Result<ReservedPort, SupervisorError> {
    ReservedPort::new(0).map_err(io_error("looking for a free port"))
}

/// Directories of the child processes.
struct Files {
    state: PathBuf,
    launcher: PathBuf,
}

impl Files {
    fn prepare(state_dir: &Path) -> Result<Self, SupervisorError> {
        for name in ["", "logs", "tmp"] {
            let directory = state_dir.join(name);
            std::fs::create_dir_all(&directory).map_err(io_error(format!("creating {}", directory.display())))?;
        }
        let state = state_dir.canonicalize().map_err(io_error(format!("finding {}", state_dir.display())))?;
        let launcher = launcher::unpack(&state).map_err(io_error("unpacking the launcher"))?;
        Ok(Self { state, launcher })
    }

    /// Starts a Python program of the launcher. It ends with this process, which holds its standard input open.
    fn start(
        &self,
        name: &'static str,
        python: &Path,
        program: &str,
        arguments: &[String],
    ) -> Result<Service, SupervisorError> {
        let log = self.state.join("logs").join(format!("{name}.log"));
        let file = File::create(&log).map_err(io_error(format!("creating {}", log.display())))?;
        let errors = file.try_clone().map_err(io_error(format!("opening {}", log.display())))?;
        // The environment of the caller is not inherited: its AWS_* variables would reach the Lambda functions.
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

/// Starts the local cloud, and runs it until interrupted.
pub(crate) async fn up(up: Up) -> Result<(), SupervisorError> {
    // Not resolved: the Python of a virtual environment is a link, and finds the environment by the path of the link.
    let python = std::path::absolute(&up.python).map_err(io_error("finding Python"))?;
    if !python.exists() {
        return Err(SupervisorError::NoPython { path: python });
    }
    let files = Files::prepare(&up.state_dir)?;
    let front_door = ReservedPort::new(up.port).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => SupervisorError::PortInUse { port: up.port },
        _ => io_error("opening the port of the front door")(source),
    })?;
    let (moto_door, bridge_door) = (reserve()?, reserve()?);
    let (port, moto_port, bridge_port) = (front_door.number(), moto_door.number(), bridge_door.number());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(io_error("opening the control port"))?;
    let control = listener.local_addr().map_err(io_error("reading the control port"))?.port();
    let location = Location { account: ACCOUNT.to_owned(), region: up.region.clone() };
    let endpoint = format!("http://127.0.0.1:{port}");
    let bridge = Bridge::new(bridge_port);
    let cloud = Arc::new(Cloud::new(location.clone(), endpoint.clone(), python.clone(), bridge, !up.no_recorder));
    if !up.no_recorder {
        *cloud.config() = config::State::with_recorder(config::default_recorder(&location));
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
        // When its standard input closes, the process ends, and its own children before it.
        drop(service.input.take());
        if tokio::time::timeout(Duration::from_secs(5), service.child.wait()).await.is_err() {
            let _ = service.child.kill().await;
        }
    }
    let _ = std::fs::remove_file(files.state.join("endpoints.json"));
    ended
}

/// Waits for an interrupt. Returns an error if a child process ends before that.
async fn wait_for_end(moto: &mut Service, ministack: &mut Service) -> Result<(), SupervisorError> {
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

/// Writes `endpoints.json`, and prints how to use the local cloud.
fn announce(state: &Path, endpoint: &str, control: u16, region: &str) -> Result<(), SupervisorError> {
    let endpoints = json!({
        "endpoint": endpoint,
        "control": format!("http://127.0.0.1:{control}"),
        "region": region,
        "accountId": ACCOUNT,
        "accessKeyId": ACCESS_KEY_ID,
        "secretAccessKey": SECRET_ACCESS_KEY,
    });
    let (path, partial) = (state.join("endpoints.json"), state.join("endpoints.json.partial"));
    // Renamed when complete, so that no reader sees a partial file.
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
