//! Values of options, checked before any file is read and any call is made.

use ipnetwork::IpNetwork;

use crate::exit::Usage;

/// Checks the form of a region name, so that a typing error is not resolved as a host name.
pub(crate) fn check_region(region: &str) -> Result<(), Usage> {
    let mut parts = region.split('-');
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    // Four letters in the European Sovereign Cloud: eusc-de-east-1.
    let first = parts.next().is_some_and(|part| matches!(part.len(), 2 | 4) && is_word(part));
    let last = parts.next_back().is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let middle: Vec<_> = parts.collect();
    if first && last && !middle.is_empty() && middle.iter().all(|part| is_word(part)) {
        return Ok(());
    }
    Err(Usage(format!("`{region}` is not the name of a region, such as eu-central-1; --all-regions needs no names")))
}

/// Checks the id of an account: a typing error would go into reports, or into an exemption that never applies.
pub(crate) fn check_account(option: &str, id: &str) -> Result<(), Usage> {
    if exposure::is_account_id(id) {
        return Ok(());
    }
    Err(Usage(format!("{option}: `{id}` is not the id of an account: write its 12 digits, such as 123456789012")))
}

/// Refuses host bits, as in 203.0.113.5/24: either the address or the prefix is a typing error.
pub(crate) fn check_host_bits(option: &str, text: &str, network: IpNetwork) -> Result<(), Usage> {
    let (address, first) = (network.ip(), network.network());
    if address == first {
        return Ok(());
    }
    let alone = if address.is_ipv4() { 32 } else { 128 };
    Err(Usage(format!(
        "{option}: `{text}` has bits behind its prefix: write {first}/{} for the range, or {address}/{alone} for the address",
        network.prefix()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_region_names_are_refused() {
        for region in ["eu-central-1", "us-gov-west-1", "ap-southeast-12", "us-isob-east-1", "eusc-de-east-1"] {
            assert!(check_region(region).is_ok(), "{region}");
        }
        for region in
            ["", "eu", "eu-central", "eu_central_1", "EU-central-1", "eu-central-1a", "frankfurt", "-1", "eu--1"]
        {
            assert!(check_region(region).is_err(), "{region}");
        }
    }

    #[test]
    fn an_account_is_twelve_digits() {
        assert!(check_account("--account", "012345678901").is_ok());
        for id in ["", "12345678901", "1234567890123", "12345678901a", "１２３４５６７８９０１２"] {
            assert!(check_account("--account", id).is_err(), "{id}");
        }
    }

    #[test]
    fn host_bits_are_refused() {
        let check = |text: &str| check_host_bits("--authorized-cidr", text, text.parse().unwrap());
        for text in ["203.0.113.0/24", "203.0.113.5/32", "203.0.113.5", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1/128"]
        {
            assert!(check(text).is_ok(), "{text}");
        }
        let problem = check("203.0.113.5/24").unwrap_err().to_string();
        assert!(
            problem.ends_with("write 203.0.113.0/24 for the range, or 203.0.113.5/32 for the address"),
            "{problem}"
        );
        assert!(check("2001:db8::1/32").unwrap_err().to_string().contains("2001:db8::1/128"));
    }
}
