//! A peer that makes the server reset stream after stream is sent away, instead of being served for ever.

use crate::{build::get_tenant, harness::Server};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What the server bears, with room for what is on the way.
const BORNE: u32 = 3000;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Opens streams and breaks the protocol on each, as a peer would that wants the server to be busy with resets.
#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let server = Server::start().await;
    let (mut reading, mut writing) = TcpStream::connect(server.running.address()).await.unwrap().into_split();
    writing.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    writing.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let flooding = tokio::spawn(async move {
        for at in 0..BORNE {
            let stream = at * 2 + 1;
            // Headers without a method are an error of the stream.
            let frames = frame(1, 4, stream, &[0x86, 0x84]);
            if writing.write_all(&frames).await.is_err() {
                break;
            }
        }
        writing
    });
    // The server's last word: a GOAWAY, or the end of the connection.
    let ended = timeout(Duration::from_secs(30), async {
        let mut resets = 0_u32;
        let mut head = [0; 9];
        while reading.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            if head[3] == 7 || reading.read_exact(&mut payload).await.is_err() {
                break;
            }
            resets += u32::from(head[3] == 3);
        }
        resets
    });
    let resets = ended.await.expect("the server bears everything");
    // Some belong to every long connection; these are no reason to end one.
    assert!((500..BORNE).contains(&resets), "{resets}");
    drop(flooding.await.unwrap());
    // Others are served as before.
    get_tenant(&server.admin()).await.unwrap();
    server.stop().await;
}
