//! The protocols [awsQuery](https://smithy.io/2.0/aws/protocols/aws-query-protocol.html) and
//! [ec2Query](https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html): a form, and answers in XML.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Protocol, without_message};

const FORM: &str = "application/x-www-form-urlencoded";
/// awsQuery.
pub(crate) static AWS_QUERY: Protocol = Protocol { content_type: FORM, failure };
/// ec2Query.
pub(crate) static EC2_QUERY: Protocol = Protocol { content_type: FORM, failure: ec2_failure };

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

/// An element of an answer.
pub(crate) type Element<'d, 'e> = ScopedDecoder<'d, 'e>;
/// An answer is not what the API says.
pub(crate) type NotRead = XmlDecodeError;

/// Reads an answer by the children of its root.
pub(crate) fn read_root(
    xml: &str,
    read: impl FnMut(&str, &mut Element<'_, '_>) -> Result<(), NotRead>,
) -> Result<(), NotRead> {
    let mut document = Document::try_from(xml.as_bytes())?;
    let mut root = document.root_element()?;
    // The decoder takes the end of the text for the end of the element.
    let end = format!("</{}>", root.start_el().local());
    if !xml.trim_end().ends_with(&end) {
        return Err(XmlDecodeError::custom("it is cut"));
    }
    children(&mut root, read)
}

/// Reads an element by its children, each with its name.
pub(crate) fn children(
    element: &mut Element<'_, '_>,
    mut read: impl FnMut(&str, &mut Element<'_, '_>) -> Result<(), NotRead>,
) -> Result<(), NotRead> {
    while let Some(mut child) = element.next_tag() {
        let name = child.start_el().local().to_owned();
        read(&name, &mut child)?;
    }
    Ok(())
}

/// The text of an element; `None` if it is empty.
pub(crate) fn content(element: &mut Element<'_, '_>) -> Result<Option<String>, NotRead> {
    let text = try_data(element)?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A parameter for each value of a list: `Name.1`, `Name.2` …
pub(crate) fn numbered<'v>(
    name: &'v str,
    values: impl IntoIterator<Item = &'v str>,
) -> impl Iterator<Item = (String, String)> {
    values.into_iter().zip(1..).map(move |(value, number)| (format!("{name}.{number}"), value.to_owned()))
}

/// `<ErrorResponse><Error><Code>…</Code><Message>…</Message></Error></ErrorResponse>`
///
/// Source: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>
fn failure(response: &HttpResponse, body: &[u8]) -> ErrorMetadata {
    failure_at(response, body, (&["Error", "Code"], &["Error", "Message"]))
}

/// `<Response><Errors><Error><Code>…</Code><Message>…</Message></Error></Errors></Response>`
///
/// Source: <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html#operation-error-serialization>
fn ec2_failure(response: &HttpResponse, body: &[u8]) -> ErrorMetadata {
    failure_at(response, body, (&["Errors", "Error", "Code"], &["Errors", "Error", "Message"]))
}

fn failure_at(response: &HttpResponse, body: &[u8], (code, message): (&[&str], &[&str])) -> ErrorMetadata {
    let xml = String::from_utf8_lossy(body);
    let mut error = ErrorMetadata::builder();
    if let Some(code) = text(&xml, code) {
        error = error.code(code);
    }
    let message = text(&xml, message).filter(|message| !message.is_empty());
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
