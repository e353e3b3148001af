//! A function in a separate process, with the environment of Lambda.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;

use crate::endpoint::Endpoint;
use crate::runtime_api::{Answer, RuntimeApi};
use bench::events::ACCOUNT;

/// The command and environment of a function.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    /// Text in the answer of a successful invocation.
    pub(crate) expected: &'static str,
    /// Variables of this function alone.
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

/// A running function. It ends when this value is dropped.
pub(crate) struct Running<'a> {
    child: Child,
    api: &'a RuntimeApi,
    expected: &'static str,
}

/// A cold start.
pub(crate) struct ColdStart<'a> {
    pub(crate) running: Running<'a>,
    /// Time from the start of the process to its request for the first event.
    pub(crate) init: Duration,
    /// Time from the start of the process to the answer to the first event.
    pub(crate) took: Duration,
}

impl Program {
    pub(crate) fn new(name: &str, file: &Path, expected: &'static str) -> Result<Self> {
        let file = file.canonicalize().with_context(|| format!("there is no program {}", file.display()))?;
        Ok(Self { name: name.to_owned(), command: vec![file.display().to_string()], expected, environment: &[] })
    }

    /// Sets variables, as the stack does.
    pub(crate) fn with(self, environment: &'static [(&'static str, &'static str)]) -> Self {
        Self { environment, ..self }
    }

    /// Creates a program from a shell command.
    pub(crate) fn shell(name: &str, command: &str) -> Self {
        let shell = ["sh", "-c"].map(str::to_owned);
        Self {
            name: name.to_owned(),
            command: shell.into_iter().chain([format!("exec {command}")]).collect(),
            expected: "",
            environment: &[],
        }
    }

    /// Returns the program run under another one, such as valgrind.
    pub(crate) fn under(&self, wrapper: &[&str]) -> Self {
        let command = wrapper.iter().map(ToString::to_string).chain(self.command.iter().cloned()).collect();
        Self { command, ..self.clone() }
    }

    fn command(&self, api: &RuntimeApi, endpoint: &Endpoint) -> Result<Command> {
        let (program, arguments) = self.command.split_first().context("no program")?;
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &self.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
            .env("_HANDLER", "bootstrap")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_DEFAULT_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
            .env("AWS_SESSION_TOKEN", "token")
            .env("AWS_ENDPOINT_URL", format!("https://{}", endpoint.address))
            .env("AWS_CA_BUNDLE", &endpoint.bundle)
            .env("SSL_CERT_FILE", &endpoint.roots)
            .env("EVENT_BUS", "default")
            .env("SNAPSHOT_BUCKET", "portcullis-snapshots")
            .env("SNAPSHOT_BUCKET_OWNER", ACCOUNT)
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(command)
    }

    /// Starts the function, with the first event already queued.
    pub(crate) fn start<'a>(
        &self,
        api: &'a RuntimeApi,
        endpoint: &Endpoint,
        event: Bytes,
        stderr: Stdio,
    ) -> Result<ColdStart<'a>> {
        let mut command = self.command(api, endpoint)?;
        api.put(event)?;
        let begin = Instant::now();
        let child =
            command.stderr(stderr).spawn().with_context(|| format!("cannot start {}", self.command.join(" ")))?;
        let running = Running { child, api, expected: self.expected };
        let answer = running.answer().with_context(|| self.name.clone())?;
        let asked = answer.asked.context("an event that the function has not asked for")?;
        Ok(ColdStart { running, init: asked - begin, took: answer.at - begin })
    }
}

impl Running<'_> {
    /// Sends an event, and waits for the answer.
    pub(crate) fn event(&self, event: Bytes) -> Result<Duration> {
        self.api.idle()?;
        self.api.put(event)?;
        Ok(self.answer()?.took)
    }

    fn answer(&self) -> Result<Answer> {
        let answer = self.api.answer()?;
        let body = String::from_utf8_lossy(&answer.body);
        ensure!(
            body.contains(self.expected),
            "the function has answered something else than {}: {body}",
            self.expected
        );
        Ok(answer)
    }

    /// Returns the peak memory of the process, in bytes.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    /// Asks the process to end, as Lambda does, and waits until a program such as valgrind has written its report.
    pub(crate) fn end(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
