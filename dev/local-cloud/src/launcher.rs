//! The files of the Python part, embedded in this binary so that it runs from any directory.

use std::io;
use std::path::{Path, PathBuf};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../launcher/", $name)))),+]
    };
}

const FILES: &[(&str, &str)] = files![
    "aws_clients.py",
    "aws_events.py",
    "bridge.py",
    "clock.py",
    "cloudtrail.py",
    "cloudtrail_shapes.py",
    "connection.py",
    "deliveries.py",
    "ec2_checks.py",
    "ec2_paging.py",
    "ec2_revoke.py",
    "event_sources.py",
    "functions.py",
    "gate.py",
    "grants.py",
    "hooks.py",
    "identity.py",
    "lambda_front.py",
    "lambda_kill.py",
    "main.py",
    "moto_client.py",
    "moto_patches.py",
    "moto_prefix_lists.py",
    "moto_server.py",
    "parameters.py",
    "private_names.py",
    "proxies.py",
    "queue_checks.py",
    "resources.py",
    "resources_ec2.py",
    "resources_lambda.py",
    "resources_s3.py",
    "rust.py",
    "s3_front.py",
    "schedules.py",
    "security_hub.py",
    "settings.py",
    "throttling.py",
    "validation.py",
];

/// Writes the Python part below `state_dir`, and returns its directory.
///
/// # Errors
///
/// If a file cannot be written.
pub(crate) fn unpack(state_dir: &Path) -> io::Result<PathBuf> {
    let directory = state_dir.join("launcher");
    std::fs::create_dir_all(&directory)?;
    for (name, content) in FILES {
        std::fs::write(directory.join(name), content)?;
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_file_is_embedded() {
        let mut names: Vec<String> = std::fs::read_dir("launcher")
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "py"))
            .collect();
        names.sort();
        assert_eq!(names, FILES.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    }
}
