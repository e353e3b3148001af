//! Plain scalars of YAML 1.1, which is the version that CloudFormation reads: `026` is 22 and `yes` is true.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html> and
//! <https://yaml.org/type/int.html>

use serde_json::Value;

/// The value of a plain scalar. What is neither null nor a boolean nor a whole number stays text.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => integer(text).map_or_else(|| Value::String(text.to_owned()), Value::from),
    }
}

/// A whole number: decimal, octal (`026`), hexadecimal (`0x16`), binary (`0b10110`) or sexagesimal (`1:30`), with
/// underscores between its digits. An account id such as `012345678901`, which has an 8 or a 9 in it, is none.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let plain = digits.replace('_', "");
    let number = |digits: &str, radix| {
        let is_all_digits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        is_all_digits.then(|| i64::from_str_radix(digits, radix).ok()).flatten()
    };
    let value = if let Some(digits) = plain.strip_prefix("0b") {
        number(digits, 2)
    } else if let Some(digits) = plain.strip_prefix("0x") {
        number(digits, 16)
    } else if plain.contains(':') {
        sexagesimal(&plain)
    } else if let Some(digits) = plain.strip_prefix('0').filter(|digits| !digits.is_empty()) {
        number(digits, 8)
    } else {
        number(&plain, 10)
    };
    Some(sign * value?)
}

fn sexagesimal(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let first = parts.next().filter(|first| !first.starts_with('0'))?;
    parts.try_fold(first.parse::<i64>().ok()?, |value, part| {
        let is_part = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let part = part.parse::<i64>().ok().filter(|part| is_part && *part < 60)?;
        value.checked_mul(60)?.checked_add(part)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("22", json!(22))]
    #[case("-1", json!(-1))]
    #[case("+22", json!(22))]
    #[case("026", json!(22))]
    #[case("0", json!(0))]
    #[case("0x16", json!(22))]
    #[case("0b10110", json!(22))]
    #[case("3_389", json!(3389))]
    #[case("1:30", json!(90))]
    #[case("yes", json!(true))]
    #[case("off", json!(false))]
    #[case("~", json!(null))]
    #[case("012345678901", json!("012345678901"))]
    #[case("123456789012", json!(123_456_789_012_i64))]
    #[case("99999999999999999999", json!("99999999999999999999"))]
    #[case("10.0.0.0/8", json!("10.0.0.0/8"))]
    #[case("1:60", json!("1:60"))]
    #[case("01:02", json!("01:02"))]
    #[case("2001:db8::/32", json!("2001:db8::/32"))]
    #[case("::/0", json!("::/0"))]
    #[case("0x", json!("0x"))]
    #[case("1.5", json!("1.5"))]
    #[case("2010-09-09", json!("2010-09-09"))]
    fn a_plain_scalar_is_read_as_in_yaml_1_1(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(plain(text), expected);
    }
}
