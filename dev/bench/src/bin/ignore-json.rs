//! Reads a JSON file and ignores all that is in it: the least that any scan of it with `serde_json` costs.

use std::process::ExitCode;

use serde::de::IgnoredAny;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: ignore-json FILE");
        return ExitCode::from(2);
    };
    let read = std::fs::read(file).map_err(serde_json::Error::io);
    match read.and_then(|text| serde_json::from_slice::<IgnoredAny>(&text)) {
        Ok(IgnoredAny) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
