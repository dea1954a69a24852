use proptest::prelude::*;

use super::*;

const NETWORKS: [Network; 3] = [Network::Public, Network::Private, Network::Loopback];

fn allowed(addr: &str) -> Vec<Network> {
    let addr: IpAddr = addr.parse().unwrap();
    NETWORKS.into_iter().filter(|network| address_allowed(addr, *network)).collect()
}

#[test]
fn public_addresses_are_allowed_everywhere() {
    for addr in [
        "8.8.8.8",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "2001:200::1",
        "3fff:1000::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert_eq!(allowed(addr), NETWORKS, "{addr}");
    }
}

#[test]
fn private_addresses_need_private_or_loopback() {
    for addr in [
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "fc00::1",
        "fdff:ffff::1",
        "::ffff:10.0.0.1",
        "64:ff9b::192.168.1.1",
    ] {
        assert_eq!(allowed(addr), [Network::Private, Network::Loopback], "{addr}");
    }
}

#[test]
fn loopback_addresses_need_loopback() {
    for addr in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"] {
        assert_eq!(allowed(addr), [Network::Loopback], "{addr}");
    }
}

#[test]
fn some_addresses_are_never_allowed() {
    for addr in [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.0",
        "169.254.255.255",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::8.8.8.8",
        "::127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "5f00::1",
        "::ffff:0:8.8.8.8",
    ] {
        assert_eq!(allowed(addr), [], "{addr}");
    }
}

fn rule(url: &str, network: Network) -> Option<UrlRule> {
    check_url(url, network).err().map(|error| error.rule)
}

#[test]
fn a_public_server_has_an_https_url() {
    for url in [
        "https://example.com/mcp",
        "HTTPS://Example.COM",
        "https://example.com:8443/mcp?x=1&y=%20",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:443/mcp",
        "https://a-b_c.example/",
        "https://1.2.3.4.example.com/",
        "https://xn--bcher-kva.example/",
        "https://local.example/",
        "https://notlocalhost.com/",
        "https://0x.example/",
    ] {
        assert_eq!(rule(url, Network::Public), None, "{url}");
    }
    assert_eq!(rule("http://example.com/", Network::Public), Some(UrlRule::Https));
    assert_eq!(rule("http://example.com/", Network::Private), None);
}

#[test]
fn each_rule_is_named() {
    let long = format!("https://example.com/{}", "a".repeat(2048));
    for (url, expected) in [
        (long.as_str(), UrlRule::Length),
        ("", UrlRule::Syntax),
        ("example.com/mcp", UrlRule::Syntax),
        ("//example.com", UrlRule::Syntax),
        ("https:/example.com", UrlRule::Syntax),
        ("https:\\\\example.com", UrlRule::Syntax),
        ("https://example.com\\@127.0.0.1/", UrlRule::Syntax),
        ("https://exa\tmple.com/", UrlRule::Syntax),
        (" https://example.com/", UrlRule::Syntax),
        ("https://ex\u{e4}mple.com/", UrlRule::Syntax),
        ("https://\u{ff11}27.0.0.1/", UrlRule::Syntax),
        ("ftp://example.com/", UrlRule::Scheme),
        ("file:///etc/passwd", UrlRule::Scheme),
        ("https://u@example.com/", UrlRule::UserInfo),
        ("https://u:p@example.com/", UrlRule::UserInfo),
        ("https://example.com/#x", UrlRule::Fragment),
        ("https://example.com#@127.0.0.1/", UrlRule::Fragment),
        ("https://example.com:/", UrlRule::Port),
        ("https://example.com:0/", UrlRule::Port),
        ("https://example.com:65536/", UrlRule::Port),
        ("https://example.com:x/", UrlRule::Port),
        ("https:///example.com", UrlRule::Host),
        ("https://", UrlRule::Host),
        ("https://example.com./", UrlRule::Host),
        ("https://a..b/", UrlRule::Host),
        ("https://%31%32%37.0.0.1/", UrlRule::Host),
        ("https://[::1/", UrlRule::Host),
        ("https://[fe80::1%25eth0]/", UrlRule::Host),
        ("https://[1.2.3.4]/", UrlRule::Host),
        ("https://2130706433/", UrlRule::Host),
        ("https://127.1/", UrlRule::Host),
        ("https://0177.0.0.1/", UrlRule::Host),
        ("https://0x7f.0.0.1/", UrlRule::Host),
        ("https://0x7f000001/", UrlRule::Host),
        ("https://1.2.3.0x/", UrlRule::Host),
        ("https://1.2.3.4.5/", UrlRule::Host),
        ("https://example.256/", UrlRule::Host),
        ("https://127.0.0.1/", UrlRule::Address),
        ("https://[::1]/", UrlRule::Address),
        ("https://[::ffff:127.0.0.1]/", UrlRule::Address),
        ("https://[64:ff9b::7f00:1]/", UrlRule::Address),
        ("https://169.254.169.254/", UrlRule::Address),
        ("https://localhost/", UrlRule::Name),
        ("https://LocalHost:8080/", UrlRule::Name),
        ("https://a.localhost/", UrlRule::Name),
        ("https://printer.local/", UrlRule::Name),
        ("https://metadata.google.internal/", UrlRule::Name),
        ("https://nas.home.arpa/", UrlRule::Name),
        ("https://db/", UrlRule::Name),
    ] {
        assert_eq!(rule(url, Network::Public), Some(expected), "{url}");
    }
}

#[test]
fn names_follow_the_network() {
    for (url, private, loopback) in [
        ("http://localhost:1/", false, true),
        ("http://127.0.0.1:1/", false, true),
        ("http://x.localhost/", false, true),
        ("http://db:80/", true, true),
        ("http://db.internal/", true, true),
        ("http://10.1.2.3/", true, true),
        ("http://169.254.169.254/", false, false),
    ] {
        assert_eq!(check_url(url, Network::Private).is_ok(), private, "{url}");
        assert_eq!(check_url(url, Network::Loopback).is_ok(), loopback, "{url}");
    }
}

#[test]
fn the_message_names_the_setting_where_it_decides() {
    let text = check_url("https://10.0.0.1/", Network::Public).unwrap_err().to_string();
    assert!(text.contains("\"network\" is \"public\""), "{text}");
    let text = check_url("https://a@b/", Network::Public).unwrap_err().to_string();
    assert!(!text.contains("network"), "{text}");
}

/// Pieces that URL parsers are known to disagree about.
fn tricky_url() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "http://",
        "https://",
        "https:",
        "/",
        "//",
        "\\",
        "@",
        ":",
        "#",
        "?",
        ".",
        "..",
        "[",
        "]",
        "%",
        "%2e",
        "%00",
        "\t",
        "\n",
        " ",
        "127",
        "0",
        "1",
        "0x7f",
        "0x",
        "0177",
        "010",
        "2130706433",
        "localhost",
        "LOCAL",
        "local",
        "internal",
        "example",
        "com",
        "xn--",
        "xn--a",
        "-",
        "_",
        "::1",
        "::ffff:",
        "fe80::",
        "10",
        "192",
        "168",
        "169",
        "254",
        "80",
        "65536",
        "\u{ff0e}",
        "\u{ff11}",
        "\u{2488}",
        "\u{ad}",
        "a",
        "user",
    ]);
    (prop::sample::select(vec!["https://", "http://", ""]), prop::collection::vec(piece, 1..10))
        .prop_map(|(scheme, pieces)| format!("{scheme}{}", pieces.concat()))
}

fn network() -> impl Strategy<Value = Network> {
    prop::sample::select(NETWORKS.to_vec())
}

/// What a parser that keeps to the URL standard reads in a URL that was accepted.
fn agrees_with_the_standard(url: &str, network: Network) -> Result<(), TestCaseError> {
    let Ok(uri) = check_url(url, network) else { return Ok(()) };
    let standard = url::Url::parse(url);
    prop_assume!(standard.is_ok(), "a URL that nobody can fetch does no harm");
    let Ok(standard) = standard else { return Ok(()) };
    let ours = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    match standard.host() {
        Some(url::Host::Ipv4(addr)) => {
            prop_assert_eq!(&ours, &addr.to_string());
            prop_assert!(address_allowed(addr.into(), network), "{}", url);
        }
        Some(url::Host::Ipv6(addr)) => {
            prop_assert_eq!(ours.parse::<Ipv6Addr>().ok(), Some(addr));
            prop_assert!(address_allowed(addr.into(), network), "{}", url);
        }
        Some(url::Host::Domain(name)) => {
            prop_assert_eq!(&ours, &name);
            prop_assert!(network != Network::Public || (name.contains('.') && !name.ends_with("localhost")), "{}", url);
        }
        None => prop_assert!(false, "no host in {url}"),
    }
    prop_assert_eq!(uri.port_u16(), standard.port().or_else(|| uri.port_u16().filter(|p| matches!(p, 80 | 443))));
    prop_assert!(standard.username().is_empty() && standard.password().is_none() && standard.fragment().is_none());
    Ok(())
}

proptest! {
    // Most of these URLs are refused: many are needed for many that are not.
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_accepted_reads_the_same_by_the_standard(url in tricky_url(), network in network()) {
        agrees_with_the_standard(&url, network)?;
    }

    #[test]
    fn any_spelling_of_an_address_is_judged_as_that_address(
        octets in any::<[u8; 4]>(), radix in prop::collection::vec(0..3_u8, 4), parts in 1..=4_usize, network in network()
    ) {
        // The last part stands for all octets that are left, as inet_aton reads it.
        let mut spelled: Vec<u32> = octets.iter().map(|octet| u32::from(*octet)).collect();
        let tail = spelled.split_off(parts - 1).into_iter().fold(0, |all, octet| (all << 8) | octet);
        spelled.push(tail);
        let host: Vec<String> = spelled.iter().zip(radix).map(|(part, radix)| match radix {
            0 => part.to_string(),
            1 => format!("{part:#x}"),
            _ => format!("0{part:o}"),
        }).collect();
        agrees_with_the_standard(&format!("https://{}/", host.join(".")), network)?;
    }

    #[test]
    fn any_ipv6_address_is_judged_as_itself(bits in any::<u128>(), mapped in any::<u32>(), kind in 0..4_u8, network in network()) {
        let addr = match kind {
            0 => Ipv6Addr::from(bits),
            1 => Ipv6Addr::from((0xffff_u128 << 32) | u128::from(mapped)),
            2 => Ipv6Addr::from((0x64_ff9b_u128 << 96) | u128::from(mapped)),
            _ => Ipv6Addr::from(u128::from(mapped)),
        };
        let accepted = check_url(&format!("https://[{addr}]/"), network).is_ok();
        prop_assert_eq!(accepted, address_allowed(addr.into(), network));
        agrees_with_the_standard(&format!("https://[{addr}]/"), network)?;
    }

    #[test]
    fn nothing_makes_it_panic(url in any::<String>(), network in network()) {
        let _ = check_url(&url, network);
    }
}
