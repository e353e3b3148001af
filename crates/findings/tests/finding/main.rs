//! The life of a finding: stories, what is due to channels, properties, bounds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

/// Properties of which only one in so many cases is run. `proptest!` would run all of `PROPTEST_CASES`, whatever its
/// configuration says.
macro_rules! properties {
    (one in $cases:literal; $(#[test] fn $name:ident($($value:pat in $strategy:expr),+ $(,)?) $body:block)+) => {
        $(#[test]
        fn $name() {
            let cases = proptest::prelude::ProptestConfig::default().cases.div_ceil($cases);
            let config = proptest::prelude::ProptestConfig::with_cases(cases);
            let mut runner = proptest::test_runner::TestRunner::new(config);
            let property = runner.run(&($($strategy,)+), |($($value,)+)| {
                $body
                Ok(())
            });
            property.unwrap();
        })+
    };
}

mod beside;
mod bounds;
mod deliveries;
mod grace;
mod news;
mod observations;
mod properties;
mod schema;
mod store;
mod stories;
