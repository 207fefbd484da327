//! Every range that is not public, at its first and last address, and its neighbours that are (API7).

use super::*;

fn of(address: &str) -> Reach {
    reach(address.parse().unwrap())
}

#[test]
fn every_special_range_is_told_from_its_neighbours() {
    // The range, what it is, and the addresses before and after it, where those are public.
    let cases = [
        ("0.0.0.0 0.255.255.255", Never("unspecified"), "1.0.0.0"),
        ("10.0.0.0 10.255.255.255", Private("private"), "9.255.255.255 11.0.0.0"),
        (
            "100.64.0.0 100.127.255.255",
            Private("carrier-grade NAT"),
            "100.63.255.255 100.128.0.0",
        ),
        (
            "127.0.0.0 127.0.0.1 127.255.255.255",
            Private("loopback"),
            "126.255.255.255 128.0.0.0",
        ),
        (
            "169.254.0.0 169.254.169.254 169.254.255.255",
            Never("link-local"),
            "169.253.255.255 169.255.0.0",
        ),
        (
            "172.16.0.0 172.31.255.255",
            Private("private"),
            "172.15.255.255 172.32.0.0",
        ),
        (
            "192.0.0.0 192.0.0.170 192.0.0.255",
            Never("protocol assignments"),
            "191.255.255.255 192.0.1.0",
        ),
        ("192.0.2.0 192.0.2.255", Never("documentation"), "192.0.1.255 192.0.3.0"),
        (
            "192.88.99.0 192.88.99.255",
            Never("6to4 relay"),
            "192.88.98.255 192.88.100.0",
        ),
        (
            "192.168.0.0 192.168.255.255",
            Private("private"),
            "192.167.255.255 192.169.0.0",
        ),
        (
            "198.18.0.0 198.19.255.255",
            Never("benchmarks"),
            "198.17.255.255 198.20.0.0",
        ),
        (
            "198.51.100.0 198.51.100.255",
            Never("documentation"),
            "198.51.99.255 198.51.101.0",
        ),
        (
            "203.0.113.0 203.0.113.255",
            Never("documentation"),
            "203.0.112.255 203.0.114.0",
        ),
        ("224.0.0.0 239.255.255.255", Never("multicast"), "223.255.255.255"),
        ("240.0.0.0 255.255.255.255", Never("reserved"), ""),
        ("::", Never("unspecified"), ""),
        ("::1", Private("loopback"), ""),
        (
            "::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:255.255.255.255",
            Never("mapped IPv4"),
            "",
        ),
        ("::2 ::127.0.0.1 ::8.8.8.8", Never("compatible IPv4"), ""),
        (
            "64:ff9b:: 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1:: 64:ff9b:1:ffff::1",
            Never("NAT64"),
            "",
        ),
        ("100:: 100::ffff:ffff:ffff:ffff", Never("discard"), ""),
        ("2001:: 2001:0:7f00:1::", Never("Teredo"), ""),
        (
            "2001:1:: 2001:2:: 2001:1ff:ffff::",
            Never("protocol assignments"),
            "2001:200:: 2001:4860:4860::8888",
        ),
        (
            "2001:db8:: 2001:db8:ffff::1",
            Never("documentation"),
            "2001:db7:ffff::1 2001:db9::",
        ),
        (
            "2002:: 2002:7f00:1::1 2002:808:808::1",
            Never("6to4"),
            "2001:ffff::1 2003::1",
        ),
        (
            "3fff:: 3fff:fff:ffff::",
            Never("documentation"),
            "3ffe:ffff::1 3fff:1000::",
        ),
        ("fc00:: fd00::1 fdff:ffff::1", Private("unique local"), ""),
        ("fe80:: fe80::1 febf:ffff::1", Never("link-local"), ""),
        ("fec0:: feff:ffff::1", Never("site-local"), ""),
        ("ff00:: ff02::1 ffff::1", Never("multicast"), ""),
        (
            "101:: 1fff:ffff::1 4000:: 5f00:: fbff:ffff::1 fe00::1",
            Never("reserved"),
            "2000:: 2400:cb00::1",
        ),
    ];
    for (within, expected, public) in cases {
        for address in within.split_whitespace() {
            assert_eq!(of(address), expected, "{address}");
        }
        for address in public.split_whitespace() {
            assert_eq!(of(address), Reach::Public, "{address}");
        }
    }
}
