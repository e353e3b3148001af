//! Values that a shell completes, for options that have their own errors or take other values as well.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use reports::Format;

/// Regions of AWS that are open to everyone, and those of its other public partitions. Only a suggestion: any other name of
/// the right form is accepted.
///
/// Source: AWS Regions and Availability Zones, [list of regions](https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html).
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// A parser, with values that a shell completes.
#[derive(Debug, Clone)]
pub(crate) struct Suggesting<P> {
    parser: P,
    values: Vec<&'static str>,
}

impl<P: TypedValueParser> TypedValueParser for Suggesting<P> {
    type Value = P::Value;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Self::Value, clap::Error> {
        self.parser.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.values.iter().map(|value| PossibleValue::new(*value))))
    }
}

/// Any text, with the names of regions as suggestions.
pub(crate) fn region() -> Suggesting<StringValueParser> {
    Suggesting { parser: StringValueParser::new(), values: REGIONS.to_vec() }
}

/// The format of a report.
pub(crate) fn format() -> Suggesting<impl TypedValueParser<Value = Format>> {
    let parser = StringValueParser::new().try_map(|text| text.parse::<Format>());
    Suggesting { parser, values: Format::ALL.iter().map(|format| format.as_str()).collect() }
}
