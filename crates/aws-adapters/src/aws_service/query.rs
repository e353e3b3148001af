//! The protocol [awsQuery](https://smithy.io/2.0/aws/protocols/aws-query-protocol.html): a form, and answers in XML.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Protocol, without_message};

/// awsQuery.
pub(crate) static AWS_QUERY: Protocol = Protocol { content_type: "application/x-www-form-urlencoded", failure };

/// All characters but the unreserved ones of RFC 3986.
const IN_FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Body of a request.
pub(crate) fn form(action: &str, version: &str, fields: &[(String, String)]) -> String {
    let mut form = format!("Action={action}&Version={version}");
    for (name, value) in fields {
        form.push('&');
        form.push_str(name);
        form.push('=');
        form.extend(utf8_percent_encode(value, IN_FORM));
    }
    form
}

/// The text of an element of an answer, by the names of the elements below the root. `None` if there is none, or the answer is
/// not XML.
pub(crate) fn text(xml: &str, path: &[&str]) -> Option<String> {
    let mut document = Document::try_from(xml.as_bytes()).ok()?;
    let mut root = document.root_element().ok()?;
    within(&mut root, path)
}

fn within(element: &mut ScopedDecoder<'_, '_>, path: &[&str]) -> Option<String> {
    let [name, rest @ ..] = path else {
        return try_data(element).ok().map(|text| text.trim().to_owned());
    };
    while let Some(mut child) = element.next_tag() {
        if child.start_el().local() == *name {
            return within(&mut child, rest);
        }
    }
    None
}

/// `<ErrorResponse><Error><Code>…</Code><Message>…</Message></Error></ErrorResponse>`
///
/// Source: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>
fn failure(response: &HttpResponse, body: &[u8]) -> ErrorMetadata {
    let xml = String::from_utf8_lossy(body);
    let mut error = ErrorMetadata::builder();
    if let Some(code) = text(&xml, &["Error", "Code"]) {
        error = error.code(code);
    }
    let message = text(&xml, &["Error", "Message"]).filter(|message| !message.is_empty());
    error.message(message.unwrap_or_else(|| without_message(response))).build()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_form_keeps_every_character() {
        let fields =
            [("Message".to_owned(), "a b&c=d+e%/~é\n\u{1f6aa}".to_owned()), ("Subject".to_owned(), String::new())];
        assert_eq!(
            form("Publish", "2010-03-31", &fields),
            "Action=Publish&Version=2010-03-31&Message=a%20b%26c%3Dd%2Be%25%2F~%C3%A9%0A%F0%9F%9A%AA&Subject="
        );
    }

    #[rstest]
    #[case::found("<R><A><B>x</B></A></R>", Some("x"))]
    #[case::with_namespace_and_escapes("<R xmlns=\"http://sns\"><A><B> x &amp; y\n</B></A></R>", Some("x & y"))]
    #[case::after_others("<?xml version=\"1.0\"?><R><C><B>no</B></C><A><D/><B>x</B></A></R>", Some("x"))]
    #[case::empty("<R><A><B/></A></R>", Some(""))]
    #[case::elsewhere("<R><B>x</B></R>", None)]
    #[case::deeper("<R><A><B><C>x</C></B></A></R>", None)]
    #[case::cut("<R><A><B", None)]
    #[case::not_xml("internal error", None)]
    #[case::nothing("", None)]
    fn an_element_is_found_by_its_path(#[case] xml: &str, #[case] expected: Option<&str>) {
        assert_eq!(text(xml, &["A", "B"]).as_deref(), expected);
    }
}
