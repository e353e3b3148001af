//! Paging with `NextToken`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::wire::AwsError;

/// Returns one page of `items`, and the token of the next page unless it is the last.
///
/// # Errors
///
/// `InvalidNextTokenException` if the service did not issue the token.
pub(crate) fn page<T>(items: Vec<T>, token: Option<&str>, limit: usize) -> Result<(Vec<T>, Option<String>), AwsError> {
    let start = match token {
        None | Some("") => 0,
        Some(token) => decode(token)
            .ok_or_else(|| AwsError::new("InvalidNextTokenException", "The specified next token is not valid."))?,
    };
    let total = items.len();
    let page: Vec<T> = items.into_iter().skip(start).take(limit).collect();
    let end = start.saturating_add(page.len());
    Ok((page, (end < total).then(|| URL_SAFE_NO_PAD.encode(format!("offset:{end}")))))
}

fn decode(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes).ok()?.strip_prefix("offset:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_everything_once() {
        let (first, token) = page((0..5).collect(), None, 2).unwrap();
        let (second, token) = page((0..5).collect(), token.as_deref(), 2).unwrap();
        let (third, end) = page((0..5).collect(), token.as_deref(), 2).unwrap();
        assert_eq!((first, second, third, end), (vec![0, 1], vec![2, 3], vec![4], None));
    }

    #[test]
    fn an_unknown_token_is_rejected() {
        let error = page(vec![1], Some("nonsense"), 2).unwrap_err();
        assert_eq!(error.code, "InvalidNextTokenException");
    }
}
