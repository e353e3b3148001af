//! Starts the servers, prints their URLs as a line of JSON, and ends when standard input is closed.

use std::io::Write as _;
use std::process::ExitCode;

use channel_servers::Servers;
use channel_servers::clock::Clock;
use plain_text::error_chain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("channel-servers: {}", error_chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> std::io::Result<()> {
    let servers = Servers::start(Clock::default())?;
    let ready = serde_json::to_string(&servers.ready())?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{ready}")?;
    output.flush()?;
    drop(output);
    // Whoever started this program ends it by closing the pipe, also by its own end.
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    Ok(())
}
