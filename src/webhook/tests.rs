//! What is connected to, and what is not (API7): the name is asked once, and every address it has must be allowed.

use super::*;
use crate::domain::webhook::target::Allowed;
use std::sync::atomic::{AtomicUsize, Ordering};

fn courier(allowed: &str, private: bool, addresses: &[&str]) -> (Courier, Arc<AtomicUsize>) {
    let policy = Policy {
        allowed: vec![Allowed::parse(allowed).unwrap()],
        private,
    };
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = asked.clone();
    let courier = Courier::new(policy, None, Duration::from_secs(5)).unwrap();
    let courier = courier.resolving(Arc::new(move |_| {
        counts.fetch_add(1, Ordering::SeqCst);
        addresses.clone()
    }));
    (courier, asked)
}

async fn post(courier: &Courier, url: &str) -> Result<(), Failure> {
    let mut line = courier.line(Target::parse(url).unwrap());
    line.post(&HeaderMap::new(), &Bytes::from_static(b"{}")).await
}

#[tokio::test]
async fn every_address_of_a_name_must_be_allowed() {
    let cases: [(&[&str], Failure); 5] = [
        (&["127.0.0.1"], Failure::Address("loopback")),
        (&["8.8.8.8", "10.0.0.1"], Failure::Address("private")),
        (&["::ffff:127.0.0.1"], Failure::Address("mapped IPv4")),
        (&["169.254.169.254"], Failure::Address("link-local")),
        (&[], Failure::Unresolved),
    ];
    for (addresses, failure) in cases {
        let (courier, asked) = courier("*", false, addresses);
        assert_eq!(
            post(&courier, "https://hooks.example.com/").await,
            Err(failure),
            "{addresses:?}"
        );
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_not_even_looked_up() {
    let (courier, asked) = courier("other.example.com", false, &["8.8.8.8"]);
    assert_eq!(
        post(&courier, "https://hooks.example.com/").await,
        Err(Failure::NotAllowed)
    );
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// The port is that of a listener which is gone.
#[tokio::test]
async fn nobody_there_is_no_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (courier, _) = courier("*:*", true, &["127.0.0.1"]);
    let url = format!("http://hooks.example.com:{port}/");
    assert_eq!(post(&courier, &url).await, Err(Failure::Unreachable));
}

#[test]
fn a_time_to_come_again_is_read_in_seconds() {
    let read = |status: u16, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static(value));
        retry_after(StatusCode::from_u16(status).unwrap(), &headers).map(|time| time.as_secs())
    };
    for (status, value, seconds) in [
        (429, "120", Some(120)),
        (503, "0", Some(0)),
        (503, "99999999999", Some(RETRY_AFTER_MAX)),
        (503, "Wed, 21 Oct 2026 07:28:00 GMT", None),
        (503, "-1", None),
        (500, "120", None),
    ] {
        assert_eq!(read(status, value), seconds, "{status} {value}");
    }
}
