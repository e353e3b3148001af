//! Keys of snapshots.

use aws_traits::object_store::StoreLocation;
use jiff::Timestamp;

use crate::request::RequestError;

/// Stands for the execution id of a change that has none.
const NO_EXECUTION: &str = "manual";
const LONGEST_EXECUTION_ID: usize = 64;

/// File name without extension, such as `20261121T000000.000Z_EXECUTION`. Sorts by time, also with an underscore and a
/// number appended.
pub(super) fn file_stem(taken_at: Timestamp, execution_id: Option<&str>) -> String {
    let execution_id: String = execution_id
        .unwrap_or(NO_EXECUTION)
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .take(LONGEST_EXECUTION_ID)
        .collect();
    format!("{}_{execution_id}", taken_at.strftime("%Y%m%dT%H%M%S.%3fZ"))
}

/// Execution id in the key of a snapshot.
pub(super) fn run_of(key: &str) -> Option<&str> {
    let (_, file) = key.rsplit_once('/').unwrap_or(("", key));
    let mut parts = file.strip_suffix(".json")?.split('_');
    // The third part is the number of a further snapshot.
    parts.nth(1).filter(|run| *run != NO_EXECUTION)
}

/// Time in the key of a snapshot.
pub(super) fn taken_at(key: &str) -> Option<Timestamp> {
    let (_, file) = key.rsplit_once('/').unwrap_or(("", key));
    file.split('_').next()?.parse().ok()
}

/// The execution id that `name` may be, in place of a snapshot.
pub(super) fn run_name(name: &str) -> Option<&str> {
    let name = name.trim();
    let is_id = !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-');
    (is_id && name != NO_EXECUTION && name.len() <= LONGEST_EXECUTION_ID).then_some(name)
}

/// Key of the snapshot that `name` names by URI, key or file name: always an object below `prefix`, where the snapshots
/// of `subject` are. `now` dates the example in the error.
pub(super) fn named_key(
    location: &StoreLocation,
    prefix: &str,
    name: &str,
    subject: &str,
    now: Timestamp,
) -> Result<String, RequestError> {
    let file = location.key(name.trim()).map(|key| key.strip_prefix(prefix).unwrap_or(key));
    match file.filter(|file| has_json_extension(file) && !file.contains('/')) {
        Some(file) => Ok(format!("{prefix}{file}")),
        None => Err(RequestError::SnapshotName {
            name: name.to_owned(),
            subject: subject.to_owned(),
            example: location.uri(&format!("{prefix}{}.json", file_stem(now, None))),
        }),
    }
}

pub(super) fn has_json_extension(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, extension)| extension == "json")
}
