//! Which addresses are read, and which of them are allowed (API7).

use super::*;

fn policy(allowed: &[&str], private: bool) -> Policy {
    Policy {
        allowed: allowed.iter().map(|text| Allowed::parse(text).unwrap()).collect(),
        private,
    }
}

#[test]
fn addresses_are_taken_apart() {
    let cases = [
        ("https://hooks.example.com", (true, "hooks.example.com", 443, "/")),
        ("HTTP://hooks.example.com", (false, "hooks.example.com", 80, "/")),
        (
            "https://Hooks.Example.COM/A?b=C",
            (true, "hooks.example.com", 443, "/A?b=C"),
        ),
        (
            "https://hooks.example.com:8443/x",
            (true, "hooks.example.com", 8443, "/x"),
        ),
        ("http://svc_a.default.svc:80/", (false, "svc_a.default.svc", 80, "/")),
        ("https://192.0.2.1/", (true, "192.0.2.1", 443, "/")),
        ("https://[2001:DB8::1]:444/", (true, "2001:db8::1", 444, "/")),
    ];
    for (url, (tls, host, port, path)) in cases {
        let (host, path) = (host.to_owned(), path.to_owned());
        assert_eq!(Target::parse(url).unwrap(), Target { tls, host, port, path }, "{url}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    let long = format!("https://hooks.example.com/{}", "x".repeat(URL_MAX));
    for url in [
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:secret@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https://hooks.example.com/#there",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\n",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com:x/",
        "https://hooks.example.com:/",
        "https://hooks.example.com:+443/",
        "https://hooks.example.com:443:443/",
        "https://hooks..example.com/",
        "https://-hooks.example.com/",
        "https://hooks.example.com./",
        "https://h\u{f6}oks.example.com/",
        "https://%68ooks.example.com/",
        "https://[::1/",
        "https://[hooks]/",
        "https://[fe80::1%25eth0]/",
        &long,
    ] {
        assert!(Target::parse(url).is_err(), "{url:?}: {:?}", Target::parse(url));
    }
}

#[test]
fn a_request_names_its_host_as_the_address_does() {
    for (url, authority) in [
        ("https://hooks.example.com/x", "hooks.example.com"),
        ("https://hooks.example.com:443/x", "hooks.example.com"),
        ("http://hooks.example.com:443/x", "hooks.example.com:443"),
        ("https://[2001:db8::1]:444/", "[2001:db8::1]:444"),
    ] {
        assert_eq!(Target::parse(url).unwrap().authority(), authority);
    }
}

#[test]
fn only_what_is_listed_is_allowed() {
    // What is listed, what that allows, what it does not.
    let cases = [
        (
            "hooks.example.com",
            "https://hooks.example.com/ https://HOOKS.example.com:443/x",
            "https://example.com/ https://x.hooks.example.com/ https://hooks.example.com:8443/ \
             https://hooks.example.com.evil.org/ http://hooks.example.com/",
        ),
        (
            "*.example.com",
            "https://a.example.com/ https://a.b.example.com/",
            "https://example.com/ https://aexample.com/ https://a.example.com.evil.org/ https://a.example.com:1/",
        ),
        (
            "hooks.example.com:8443",
            "https://hooks.example.com:8443/",
            "https://hooks.example.com/",
        ),
        (
            "hooks.example.com:*",
            "https://hooks.example.com:1/ https://hooks.example.com/",
            "https://example.com/",
        ),
        (
            "*",
            "https://anything.example.org/",
            "https://8.8.8.8/ https://[2400:cb00::1]/",
        ),
        ("8.8.8.8", "https://8.8.8.8/", "https://8.8.4.4/"),
        (
            "[2400:cb00::1]:444",
            "https://[2400:cb00::1]:444/",
            "https://[2400:cb00::1]/",
        ),
        // Listed by mistake: it is not public all the same.
        ("169.254.169.254", "", "https://169.254.169.254/"),
        ("127.0.0.1", "", "https://127.0.0.1/"),
        ("[::1]", "", "https://[::1]/"),
    ];
    for (listed, allowed, refused) in cases {
        let policy = policy(&[listed], false);
        for url in allowed.split_whitespace() {
            assert_eq!(policy.admits(&Target::parse(url).unwrap()), Ok(()), "{listed}: {url}");
        }
        for url in refused.split_whitespace() {
            assert!(policy.admits(&Target::parse(url).unwrap()).is_err(), "{listed}: {url}");
        }
    }
    assert!(Policy::default().is_off());
}

/// A separate setting opens private addresses, and TLS may be left out for them; what clouds tell machines stays closed.
#[test]
fn private_addresses_are_opened_apart() {
    let policy = policy(&["127.0.0.1:*", "169.254.169.254:*", "hooks.svc:*"], true);
    for url in ["http://127.0.0.1:8080/", "http://hooks.svc/"] {
        assert_eq!(policy.admits(&Target::parse(url).unwrap()), Ok(()));
    }
    assert!(
        policy
            .admits(&Target::parse("http://169.254.169.254/").unwrap())
            .is_err()
    );
    for (address, allowed) in [
        ("10.1.2.3", true),
        ("::1", true),
        ("fd00::1", true),
        ("169.254.169.254", false),
        ("fe80::1", false),
        ("::ffff:10.1.2.3", false),
        ("0.0.0.0", false),
    ] {
        assert_eq!(policy.reaches(address.parse().unwrap()).is_ok(), allowed, "{address}");
    }
}

#[test]
fn what_is_no_host_is_not_listed() {
    for text in [
        "",
        "https://hooks.example.com",
        "*example.com",
        "a.*.com",
        "*.",
        "host:",
        "host:0",
        "host:x",
        "[::1",
        "[::1]x",
        "two words",
        "*.127.0.0.1:99999",
    ] {
        assert!(Allowed::parse(text).is_err(), "{text:?}");
    }
}
