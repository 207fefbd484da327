//! Calls as no well-behaved client makes them: any bytes, any metadata, any path, on a connection of their own.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header::HeaderName};
use std::net::SocketAddr;
use tokio::{net::TcpStream, task::JoinHandle};
use tonic::Status;

/// A connection without a client library's own deadlines and checks.
#[derive(Debug)]
pub(crate) struct Raw {
    address: SocketAddr,
    client: h2::client::SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

/// Metadata of an administrating service of `acme`.
pub(crate) const ADMIN: [(&str, &[u8]); 3] = [
    ("x-tidepool-tenant", b"acme"),
    ("x-tidepool-caller", b"console"),
    ("x-tidepool-scopes", b"admin"),
];

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        let (client, connection) = h2::client::handshake(tcp).await.unwrap();
        // It ends with the peer; how it ends shows in the calls.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Self {
            address,
            client,
            driver,
        }
    }

    /// Sends one message of any bytes and returns what the trailers say, with the body if it went well.
    pub(crate) async fn call(&self, path: &str, metadata: &[(&str, &[u8])], message: &[u8]) -> Result<Vec<u8>, Status> {
        self.ask(path, metadata, message, false).await
    }

    /// The same of a method that answers with a stream without an end: its first message.
    pub(crate) async fn first(
        &self,
        path: &str,
        metadata: &[(&str, &[u8])],
        message: &[u8],
    ) -> Result<Vec<u8>, Status> {
        self.ask(path, metadata, message, true).await
    }

    async fn ask(
        &self,
        path: &str,
        metadata: &[(&str, &[u8])],
        message: &[u8],
        first: bool,
    ) -> Result<Vec<u8>, Status> {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("te", "trailers")
            .header("content-type", "application/grpc");
        let headers = request.headers_mut().unwrap();
        for (name, value) in metadata {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let mut client = self.client.clone().ready().await.unwrap();
        let (response, mut stream) = client.send_request(request.body(()).unwrap(), false).unwrap();
        let length = u32::try_from(message.len()).unwrap();
        let mut frame = vec![0];
        frame.extend(length.to_be_bytes());
        frame.extend(message);
        // Fails when the server has answered already.
        drop(stream.send_data(frame.into(), true));
        let response = response.await.map_err(|error| Status::unknown(error.to_string()))?;
        if !response.status().is_success() {
            return Err(Status::unknown(format!("HTTP {}", response.status())));
        }
        if let Some(status) = status(response.headers()) {
            return Err(status);
        }
        let mut body = response.into_body();
        let mut read = Vec::new();
        while let Some(chunk) = body.data().await {
            read.extend(chunk.unwrap());
            let length = read.get(1..5).and_then(|length| length.try_into().ok());
            let end = length.map(|length| 5 + u32::from_be_bytes(length) as usize);
            if let Some(end) = end.filter(|end| first && *end <= read.len()) {
                return Ok(read[5..end].to_vec());
            }
        }
        match body.trailers().await.unwrap().as_ref().and_then(status) {
            Some(status) => Err(status),
            None => Ok(read.split_off(5)),
        }
    }

    /// Begins a call as the admin with these bytes, and never ends it.
    pub(crate) async fn open(&self, path: &str, bytes: &[u8]) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("te", "trailers")
            .header("content-type", "application/grpc");
        for (name, value) in ADMIN {
            request = request.header(name, value);
        }
        let mut client = self.client.clone().ready().await.unwrap();
        let (response, mut stream) = client.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::copy_from_slice(bytes), false).unwrap();
        (response, stream)
    }

    /// How many streams the server allows at once.
    pub(crate) async fn max_streams(&self) -> usize {
        // The answer to any call comes after the server's SETTINGS.
        let refused = self.call("/nothing", &[], b"").await;
        assert!(refused.is_err());
        self.client.current_max_send_streams()
    }

    pub(crate) async fn close(self) {
        drop(self.client);
        self.driver.await.unwrap();
    }
}

fn status(headers: &HeaderMap) -> Option<Status> {
    Status::from_header_map(headers).filter(|status| status.code() != tonic::Code::Ok)
}
