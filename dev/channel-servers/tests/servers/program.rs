//! The program: a line when it is ready, and an end when standard input ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn it_prints_its_urls_and_ends_with_standard_input() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_channel-servers"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<&str> = ready.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "brokenTls",
        "control",
        "jira",
        "jiraDataCenter",
        "pagerduty",
        "secrets",
        "slack",
        "slackWebhook",
        "teams",
        "webhook",
    ];
    expected.sort_unstable();
    let mut found = keys.clone();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(
        ready["slack"].as_str().unwrap().starts_with("http://127.0.0.1:")
            && ready["slack"].as_str().unwrap().ends_with("/api")
    );
    assert!(ready["brokenTls"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    drop(program.stdin.take());
    assert!(program.wait().unwrap().success());
}
