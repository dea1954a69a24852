//! Ranges of IP addresses. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.

use std::net::IpAddr;

/// A range of addresses: those that share its first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    first: IpAddr,
    prefix: u32,
}

const fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address's bits, at the upper end of 128.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn from_bits(bits: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(u32::try_from(bits >> 96).unwrap_or_default().into()),
        IpAddr::V6(_) => IpAddr::V6(bits.into()),
    }
}

/// The address that `text` spells.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

impl Cidr {
    /// Reads `10.0.0.0/8` or `2001:db8::/32`.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        const HINT: &str = "write \"10.0.0.0/8\" or \"2001:db8::/32\"";
        let (address, prefix) = text.split_once('/').ok_or(HINT)?;
        let first: IpAddr = address.parse().map_err(|_| HINT)?;
        let digits = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|prefix| digits && *prefix <= width(first)).ok_or(HINT)?;
        if first.to_canonical() != first {
            return Err("write the range in IPv4's own form".into());
        }
        let start = from_bits(bits(first) & mask(prefix), first);
        if start == first { Ok(Self { first, prefix }) } else { Err(format!("write \"{start}/{prefix}\"")) }
    }

    /// Whether `address` lies in it.
    pub(crate) fn holds(self, address: IpAddr) -> bool {
        width(self.first) == width(address) && bits(address) & mask(self.prefix) == bits(self.first)
    }
}

/// The upper `prefix` bits of 128.
fn mask(prefix: u32) -> u128 {
    !u128::MAX.checked_shr(prefix).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, text: &str) -> bool {
        Cidr::parse(range).unwrap().holds(address(text).unwrap())
    }

    #[test]
    fn a_range_holds_what_shares_its_first_bits() {
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("192.0.2.7/32", "192.0.2.7") && !holds("192.0.2.7/32", "192.0.2.6"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "::1") && !holds("::/0", "1.2.3.4"));
    }

    #[test]
    fn an_ipv4_address_in_disguise_is_the_ipv4_address() {
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!holds("::/0", "::ffff:10.0.0.1"));
    }

    #[test]
    fn what_is_no_range_is_refused_with_what_to_write() {
        for bad in [
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "a/8",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "",
            "::ffff:10.0.0.0/104",
        ] {
            assert!(Cidr::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Cidr::parse("10.1.2.3/8"), Err("write \"10.0.0.0/8\"".into()));
    }
}
