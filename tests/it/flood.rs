//! Peers that misuse HTTP/2 frame by frame: floods end the connection instead of being served for ever, what is cut off in the
//! middle ends it as well, and others are served as before.

use crate::{
    build::get_tenant,
    harness::{Refused, Server},
    raw::{ADMIN, Raw},
};
use std::{net::SocketAddr, time::Duration};
use tidepool::domain::refusal::Reason;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
    time::timeout,
};
use tonic::Code;

/// What the server bears, with room for what is on the way.
const BORNE: u32 = 3000;
/// How long it may take to have enough of it.
const PATIENCE: Duration = Duration::from_secs(30);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const METHOD: &str = "/tidepool.v1.TenantService/GetTenant";

/// Kinds of frames, and of reasons.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a call, each spelled out.
fn headers() -> Vec<u8> {
    let call = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", METHOD),
        (":authority", "tidepool"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    let call = call.map(|(name, value)| (name, value.as_bytes()));
    let mut block = Vec::new();
    for (name, value) in call.into_iter().chain(ADMIN) {
        block.push(0);
        for text in [name.as_bytes(), value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text);
        }
    }
    block
}

/// A connection on which the client has said what it must, and nothing more.
async fn connect(address: SocketAddr) -> (OwnedReadHalf, OwnedWriteHalf) {
    let (reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    writing.write_all(PREFACE).await.unwrap();
    writing.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    (reading, writing)
}

/// The next frame of the server: its kind, and what is in it. Nothing once it has said its last word: a GOAWAY, or the end of
/// the connection.
async fn next(reading: &mut OwnedReadHalf) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    reading.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    reading.read_exact(&mut payload).await.ok()?;
    (head[3] != GOAWAY).then_some((head[3], payload))
}

/// How many streams the server reset until its last word.
async fn resets(reading: &mut OwnedReadHalf) -> usize {
    let all = async {
        let mut resets = 0;
        while let Some((kind, _)) = next(reading).await {
            resets += usize::from(kind == RST_STREAM);
        }
        resets
    };
    timeout(PATIENCE, all).await.expect("the server bears everything")
}

/// Sends what `made` makes of each number, until nobody takes it any more.
fn flood(mut writing: OwnedWriteHalf, made: impl Fn(u32) -> Vec<u8> + Send + 'static) -> JoinHandle<OwnedWriteHalf> {
    tokio::spawn(async move {
        for at in 0..BORNE {
            if writing.write_all(&made(at)).await.is_err() {
                break;
            }
        }
        writing
    })
}

/// Opens streams and breaks the protocol on each, as a peer would that wants the server to be busy with resets.
#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let server = Server::start().await;
    let (mut reading, writing) = connect(server.running.address()).await;
    // Headers without a method are an error of the stream.
    let flooding = flood(writing, |at| frame(HEADERS, END_HEADERS, at * 2 + 1, &[0x86, 0x84]));
    let resets = resets(&mut reading).await;
    // Some belong to every long connection; these are no reason to end one.
    assert!((500..BORNE as usize).contains(&resets), "{resets}");
    drop(flooding.await.unwrap());
    // Others are served as before.
    get_tenant(&server.admin()).await.unwrap();
    server.stop().await;
}

/// Calls and takes it back at once, many at a time: what is called is work, and what is taken back is in nobody's bound.
#[tokio::test]
async fn a_flood_of_calls_that_are_taken_back_ends_the_connection() {
    let server = Server::start().await;
    let (mut reading, writing) = connect(server.running.address()).await;
    let flooding = flood(writing, |at| {
        let pair = |at: u32| {
            let stream = at * 2 + 1;
            let call = frame(HEADERS, END_HEADERS, stream, &headers());
            [call, frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
        };
        (at * 100..(at + 1) * 100).flat_map(pair).collect()
    });
    resets(&mut reading).await;
    drop(flooding.await.unwrap());
    get_tenant(&server.admin()).await.unwrap();
    server.stop().await;
}

/// Headers that never end are not kept.
#[tokio::test]
async fn headers_without_an_end_end_the_connection() {
    let server = Server::start().await;
    let (mut reading, writing) = connect(server.running.address()).await;
    let more = [vec![0, 1, b'x', 120], vec![b'y'; 120]].concat().repeat(100);
    let flooding = flood(writing, move |at| match at {
        0 => frame(HEADERS, 0, 1, &headers()),
        _ => frame(CONTINUATION, 0, 1, &more),
    });
    resets(&mut reading).await;
    drop(flooding.await.unwrap());
    get_tenant(&server.admin()).await.unwrap();
    server.stop().await;
}

/// Of more streams than a connection may have, those above are refused, and the others stay.
#[tokio::test]
async fn streams_above_the_bound_are_refused() {
    let server = Server::start().await;
    let (mut reading, mut writing) = connect(server.running.address()).await;
    let open = |at: u32| frame(HEADERS, END_HEADERS, at * 2 + 1, &headers());
    let all: Vec<u8> = (0..250).flat_map(open).collect();
    writing.write_all(&all).await.unwrap();
    let refused = async {
        let mut refused = 0;
        while refused < 50 {
            let (kind, payload) = next(&mut reading).await.expect("the connection stays");
            if kind == RST_STREAM {
                assert_eq!(payload, REFUSED_STREAM.to_be_bytes());
                refused += 1;
            }
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
    get_tenant(&server.admin()).await.unwrap();
    // Nobody waits for what they would have said.
    drop((reading, writing));
    server.stop().await;
}

/// Ten thousand calls that are begun and never said to the end, over fifty connections, take all places that there are until their
/// time is over: others are told so at once, and are served as soon as those are gone.
#[tokio::test]
async fn ten_thousand_streams_keep_nobody_waiting() {
    const CONNECTIONS: usize = 50;
    const EACH: u32 = 200;
    let server = Server::start().await;
    let all: Vec<u8> = (0..EACH)
        .flat_map(|at| frame(HEADERS, END_HEADERS, at * 2 + 1, &headers()))
        .collect();
    let mut peers = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut reading, mut writing) = connect(server.running.address()).await;
        writing.write_all(&all).await.unwrap();
        // What is answered to a ping comes after everything before it was read.
        writing.write_all(&frame(PING, 0, 0, b"are seen")).await.unwrap();
        let seen = async {
            while let Some((kind, payload)) = next(&mut reading).await {
                if kind == PING && payload == b"are seen" {
                    return;
                }
            }
            panic!("the connection ends");
        };
        timeout(PATIENCE, seen).await.unwrap();
        peers.push((reading, writing));
    }
    let busy = get_tenant(&server.admin()).await;
    busy.refused(Code::Unavailable, Reason::ServerBusy);
    drop(peers);
    let served = async { while get_tenant(&server.admin()).await.is_err() {} };
    timeout(PATIENCE / 5, served)
        .await
        .expect("their places are free again");
    server.stop().await;
}

/// A peer whose words end in the middle, wherever that is, is let go of.
#[tokio::test]
async fn what_is_cut_off_ends_the_connection() {
    let server = Server::start().await;
    let whole = [
        PREFACE.to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, END_HEADERS, 1, &headers()),
        // A message of which two bytes of nine are there.
        frame(DATA, 0, 1, &[0, 0, 0, 0, 9, 1, 2]),
    ]
    .concat();
    for end in (1..=whole.len()).step_by(5) {
        let mut peer = TcpStream::connect(server.running.address()).await.unwrap();
        peer.write_all(&whole[..end]).await.unwrap();
        peer.shutdown().await.unwrap();
        let mut said = Vec::new();
        let over = timeout(PATIENCE, peer.read_to_end(&mut said)).await;
        assert!(over.is_ok(), "after {end} bytes of {}", whole.len());
    }
    get_tenant(&server.admin()).await.unwrap();
    server.stop().await;
}

/// Nothing is unpacked, so nothing small becomes large: who packs his message is told that it is not taken.
#[tokio::test]
async fn packed_messages_are_not_taken() {
    let server = Server::start().await;
    let raw = Raw::connect(server.running.address()).await;
    for encoding in ["gzip", "deflate", "zstd"] {
        let metadata: Vec<_> = ADMIN
            .into_iter()
            .chain([("grpc-encoding", encoding.as_bytes())])
            .collect();
        let refused = raw.call(METHOD, &metadata, b"").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{encoding}: {refused}");
    }
    raw.close().await;
    get_tenant(&server.admin()).await.unwrap();
    server.stop().await;
}
