//! `aws:branch`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::action::{StepFailure, StepOutcome};
use super::variable::plain;

/// Selects the next step: the first choice that holds, else the default, else the following step.
pub(crate) fn choose(inputs: &Map<String, Value>) -> Result<StepOutcome, StepFailure> {
    for choice in inputs.get("Choices").and_then(Value::as_array).into_iter().flatten() {
        if holds(choice)? {
            let next = choice.get("NextStep").map(plain);
            let next = next.ok_or_else(|| StepFailure::new(format!("the choice {choice} has no NextStep")))?;
            let outputs = BTreeMap::from([("NextStep".to_owned(), Value::from(next.clone()))]);
            return Ok(StepOutcome { outputs, next: Some(next) });
        }
    }
    Ok(StepOutcome { outputs: BTreeMap::new(), next: inputs.get("Default").map(plain) })
}

/// Checks the types of the literals that choices compare with, as AWS does when the document is created.
///
/// # Errors
///
/// A message that names the comparison.
pub(crate) fn check(inputs: &Map<String, Value>) -> Result<(), String> {
    inputs.get("Choices").and_then(Value::as_array).into_iter().flatten().try_for_each(check_choice)
}

fn check_choice(choice: &Value) -> Result<(), String> {
    for (name, literal) in choice.as_object().into_iter().flatten() {
        let fits = match name.as_str() {
            "And" | "Or" => {
                literal.as_array().into_iter().flatten().try_for_each(check_choice)?;
                literal.is_array()
            }
            "Not" => {
                check_choice(literal)?;
                literal.is_object()
            }
            _ if plain(literal).contains("{{") => true,
            "BooleanEquals" => literal.is_boolean(),
            name if name.starts_with("Numeric") => literal.is_number(),
            _ => literal.is_string() || name == "Variable",
        };
        if !fits {
            return Err(format!("a choice has {name} with {literal}, which is of another type"));
        }
    }
    Ok(())
}

fn holds(choice: &Value) -> Result<bool, StepFailure> {
    let members = |name: &str| choice.get(name).and_then(Value::as_array);
    if let Some(all) = members("And") {
        return all.iter().map(holds).try_fold(true, |so_far, one| Ok(so_far && one?));
    }
    if let Some(any) = members("Or") {
        return any.iter().map(holds).try_fold(false, |so_far, one| Ok(so_far || one?));
    }
    if let Some(not) = choice.get("Not") {
        return holds(not).map(|holds| !holds);
    }
    let variable =
        choice.get("Variable").ok_or_else(|| StepFailure::new(format!("the choice {choice} has no Variable")))?;
    let text = plain(variable);
    let object = choice.as_object().into_iter().flatten();
    let compared = object.filter(|(name, _)| !matches!(name.as_str(), "Variable" | "NextStep")).collect::<Vec<_>>();
    let [(operator, value)] = compared.as_slice() else {
        return Err(StepFailure::new(format!("the choice {choice} needs exactly one comparison")));
    };
    let wanted = plain(value);
    let numbers = || -> Result<(f64, f64), StepFailure> {
        let number = |text: &str| text.parse().map_err(|_| StepFailure::new(format!("{text} is not a number")));
        Ok((number(&text)?, number(&wanted)?))
    };
    Ok(match operator.as_str() {
        "StringEquals" => text == wanted,
        "EqualsIgnoreCase" | "BooleanEquals" => text.eq_ignore_ascii_case(&wanted),
        "StartsWith" => text.starts_with(&wanted),
        "EndsWith" => text.ends_with(&wanted),
        "Contains" => text.contains(&wanted),
        "NumericEquals" => numbers().map(|(a, b)| a.total_cmp(&b).is_eq())?,
        "NumericGreater" => numbers().map(|(a, b)| a > b)?,
        "NumericLesser" => numbers().map(|(a, b)| a < b)?,
        "NumericGreaterOrEquals" => numbers().map(|(a, b)| a >= b)?,
        "NumericLesserOrEquals" | "NumericLesserOrEqual" => numbers().map(|(a, b)| a <= b)?,
        other => return Err(StepFailure::new(format!("the comparison {other} is unknown"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn next(inputs: &Value) -> Option<String> {
        choose(inputs.as_object().unwrap()).unwrap().next
    }

    #[test]
    fn the_first_choice_that_holds_wins() {
        let choices = json!([
            {"NextStep": "A", "Variable": "x", "StringEquals": "y"},
            {"NextStep": "B", "Variable": "7", "NumericGreater": 3},
            {"NextStep": "C", "Variable": true, "BooleanEquals": true}]);
        assert_eq!(next(&json!({"Choices": choices, "Default": "D"})), Some("B".to_owned()));
    }

    #[test]
    fn without_a_match_the_default_or_the_following_step_is_next() {
        let choices = json!([{"NextStep": "A", "Variable": "x", "StringEquals": "y"}]);
        assert_eq!(next(&json!({"Choices": choices, "Default": "D"})), Some("D".to_owned()));
        assert_eq!(next(&json!({"Choices": choices})), None);
    }

    #[test]
    fn literals_have_the_type_of_the_comparison() {
        let check_one = |choice: Value| check(json!({"Choices": [choice]}).as_object().unwrap());
        for good in [
            json!({"NextStep": "A", "Variable": "{{ X }}", "BooleanEquals": true}),
            json!({"NextStep": "A", "Variable": "{{ X }}", "NumericGreater": "{{ Y }}"}),
            json!({"NextStep": "A", "Or": [{"Variable": "{{ X }}", "StringEquals": "true"}]}),
        ] {
            assert_eq!(check_one(good.clone()), Ok(()), "{good}");
        }
        for (bad, word) in [
            (json!({"NextStep": "A", "Variable": "{{ X }}", "BooleanEquals": "true"}), "BooleanEquals"),
            (json!({"NextStep": "A", "Or": [{"Variable": "{{ X }}", "StringEquals": true}]}), "StringEquals"),
            (json!({"NextStep": "A", "Not": {"Variable": "{{ X }}", "NumericEquals": "1"}}), "NumericEquals"),
        ] {
            let error = check_one(bad).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn and_or_not() {
        let is = |text: &str| json!({"Variable": "x", "StringEquals": text});
        assert!(holds(&json!({"And": [is("x"), {"Not": is("y")}]})).unwrap());
        assert!(holds(&json!({"Or": [is("y"), is("x")]})).unwrap());
        assert!(!holds(&json!({"And": [is("x"), is("y")]})).unwrap());
        assert!(holds(&json!({"Variable": "x", "Matches": "y"})).is_err());
    }
}
