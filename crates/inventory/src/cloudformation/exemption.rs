//! Exemptions in the metadata of a resource: `Metadata: {Portcullis: {Exempt: {Reason: …, Expires: …}}}`.

use exposure::{Exemption, Expiry, GroupSelector, PortSet};
use serde_json::{Map, Value};

/// Key in `Metadata`.
const TOOL: &str = "Portcullis";
const EXEMPT: &str = "Exempt";
const KEYS: [&str; 4] = ["Reason", "Expires", "Ports", "Owner"];

/// What the metadata of a resource says to Portcullis.
pub(super) fn metadata(resource: &Value) -> Option<&Value> {
    resource.get("Metadata")?.get(TOOL)
}

/// The exemption of the group `id` that metadata in `place` states.
///
/// # Errors
///
/// If a key is unknown or missing, or if a value is not understood. Then nothing is exempt.
pub(super) fn read(metadata: &Value, id: &str, place: &str) -> Result<Exemption, String> {
    let section = object(metadata, TOOL)?;
    check_keys(section, TOOL, &[EXEMPT])?;
    let exempt = object(section.get(EXEMPT).unwrap_or(&Value::Null), EXEMPT)?;
    check_keys(exempt, EXEMPT, &KEYS)?;
    let reason = text(exempt, "Reason")?.filter(|reason| !reason.trim().is_empty());
    let reason = reason.ok_or("`Reason` is missing: write why the group is exempt")?;
    let expires = text(exempt, "Expires")?.ok_or("`Expires` is missing: write the last day, such as 2026-12-31")?;
    let expires = Expiry::parse(&expires).ok_or_else(|| {
        format!("`Expires` `{expires}` is neither a date such as 2026-12-31 nor a time such as 2026-12-31T12:00:00Z")
    })?;
    let ports = exempt.get("Ports").map(ports).transpose()?;
    Ok(Exemption {
        group: GroupSelector::Id(id.to_owned()),
        account_id: None,
        ports,
        expires: Some(expires),
        reason: format!("{place}: {reason}"),
        owner: text(exempt, "Owner")?,
    })
}

fn object<'v>(value: &'v Value, name: &str) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("`{name}` is not a map: write {EXEMPT} with Reason and Expires"))
}

fn check_keys(object: &Map<String, Value>, name: &str, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("`{name}` has the unknown key `{key}`: it may have {}", known.join(", "))),
        None => Ok(()),
    }
}

fn text(object: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    object.get(key).map(|value| plain(value, key)).transpose()
}

/// A value that is written out. A function may have any value at deployment, and unknown is never exempt.
fn plain(value: &Value, key: &str) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("`{key}` is not a text: write the value out, without functions"))
        }
    }
}

/// Ports as in `FocusOnPorts`, or a list of them.
fn ports(value: &Value) -> Result<PortSet, String> {
    let text = match value {
        Value::Array(list) => list.iter().map(|port| plain(port, "Ports")).collect::<Result<Vec<_>, _>>()?.join(","),
        value => plain(value, "Ports")?,
    };
    text.parse().map_err(|problem| format!("`Ports`: {problem}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!("tcp/22"))]
    #[case(json!(["tcp/22"]))]
    fn an_exemption_is_read(#[case] ports: Value) {
        let metadata = json!({"Exempt": {"Reason": "VPN", "Expires": "2026-12-31", "Ports": ports, "Owner": "net"}});
        let exemption = read(&metadata, "Web", "a.yaml, line 3").unwrap();
        assert_eq!(exemption.reason, "a.yaml, line 3: VPN");
        assert_eq!(exemption.expires, Expiry::parse("2026-12-31"));
        assert_eq!(exemption.ports, Some("tcp/22".parse().unwrap()));
        assert_eq!(exemption.owner.as_deref(), Some("net"));
        assert_eq!(exemption.group, GroupSelector::Id("Web".to_owned()));
    }

    #[rstest]
    #[case(json!("yes"), "`Portcullis` is not a map")]
    #[case(json!({}), "`Exempt` is not a map")]
    #[case(json!({"Skip": {}}), "`Portcullis` has the unknown key `Skip`: it may have Exempt")]
    #[case(json!({"Exempt": true}), "`Exempt` is not a map")]
    #[case(json!({"Exempt": {"Expires": "2026-12-31"}}), "`Reason` is missing")]
    #[case(json!({"Exempt": {"Reason": " ", "Expires": "2026-12-31"}}), "`Reason` is missing")]
    #[case(json!({"Exempt": {"Reason": {"Ref": "Why"}, "Expires": "2026-12-31"}}), "`Reason` is not a text")]
    #[case(json!({"Exempt": {"Reason": "VPN"}}), "`Expires` is missing")]
    #[case(json!({"Exempt": {"Reason": "VPN", "Expires": {"Ref": "End"}}}), "`Expires` is not a text")]
    #[case(json!({"Exempt": {"Reason": "VPN", "Expires": "never"}}), "`Expires` `never` is neither a date")]
    #[case(json!({"Exempt": {"Reason": "VPN", "Expires": "2026-12-31", "Ports": "ssh"}}), "`Ports`: ")]
    #[case(json!({"Exempt": {"Reason": "VPN", "Expires": "2026-12-31", "Ports": []}}), "`Ports`: ")]
    #[case(json!({"Exempt": {"Reason": "VPN", "Expires": "2026-12-31", "Port": 22}}), "unknown key `Port`")]
    fn an_exemption_that_is_not_understood_is_refused(#[case] metadata: Value, #[case] problem: &str) {
        let error = read(&metadata, "Web", "a.yaml").unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}
