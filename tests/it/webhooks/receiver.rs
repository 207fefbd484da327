//! Somebody who is sent events: an HTTP server in this process that keeps what came and answers as the test says.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ring::hmac;
use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Notify,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The event, whatever the body says.
    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Which account the event is of, and which of its versions.
    pub(crate) fn of(&self) -> (String, i64) {
        let (account, version) = self.id().split_once('/').unwrap();
        (account.to_owned(), version.parse().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["account_event"]["kind"].as_str().unwrap().to_owned()
    }

    /// Which of the signatures are by this secret: checked as a receiver does it, with nothing of ours.
    pub(crate) fn signed_by(&self, secret: &str) -> Vec<bool> {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let told = format!("{}.{}.", self.id(), self.header("webhook-timestamp"));
        let told = [told.as_bytes(), &self.body].concat();
        let signatures = self.header("webhook-signature").split(' ');
        signatures
            .map(|signature| {
                let code = BASE64_STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
                hmac::verify(&key, &told, &code).is_ok()
            })
            .collect()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This status, with these headers.
    Status(u16, Vec<(&'static str, String)>),
    /// Nothing, until the receiver is told to go on; then 200.
    Nothing,
    /// So many bytes, with 200.
    Bytes(usize),
}

pub(crate) const OK: Answer = Answer::Status(200, Vec::new());

pub(crate) fn status(status: u16) -> Answer {
    Answer::Status(status, Vec::new())
}

type Answers = Box<dyn FnMut(&Received) -> Answer + Send>;

struct Kept {
    came: Mutex<Vec<Received>>,
    answers: Mutex<Answers>,
    connections: AtomicUsize,
    go_on: Notify,
    more: Notify,
}

/// The receiver. It ends with the test.
pub(crate) struct Receiver {
    kept: Arc<Kept>,
    port: u16,
    tls: bool,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        Self::with(None).await
    }

    /// The same over TLS, with the certificate of the test's authority.
    pub(crate) async fn start_tls() -> Self {
        let read = |name: &str| {
            let path = format!("{}/tests/it/tls/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read(path).unwrap()
        };
        let pem = read("server.pem");
        let chain = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap);
        let chain: Vec<_> = chain.collect();
        let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self::with(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Kept {
            came: Mutex::default(),
            answers: Mutex::new(Box::new(|_| OK)),
            connections: AtomicUsize::new(0),
            go_on: Notify::new(),
            more: Notify::new(),
        });
        let (serves, is_tls) = (kept.clone(), tls.is_some());
        let serving = tokio::spawn(async move {
            // With the receiver its connections end too.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serves.connections.fetch_add(1, Ordering::SeqCst);
                let (kept, tls) = (serves.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, kept).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, kept).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            kept,
            port,
            tls: is_tls,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url_of("127.0.0.1")
    }

    /// Its address under another name of its host.
    pub(crate) fn url_of(&self, host: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{host}:{}/events?of=acme", self.port)
    }

    /// From now on it answers like this.
    pub(crate) fn answer(&self, answers: impl FnMut(&Received) -> Answer + Send + 'static) {
        *self.kept.answers.lock().unwrap() = Box::new(answers);
    }

    /// Lets those go on that it did not answer.
    pub(crate) fn go_on(&self) {
        self.kept.go_on.notify_waiters();
    }

    /// What came so far.
    pub(crate) fn came(&self) -> Vec<Received> {
        self.kept.came.lock().unwrap().clone()
    }

    /// What came since it was last asked.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.kept.came.lock().unwrap())
    }

    /// Waits until so many came.
    pub(crate) async fn wait_for(&self, number: usize) {
        loop {
            let more = self.kept.more.notified();
            if self.kept.came.lock().unwrap().len() >= number {
                return;
            }
            more.await;
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.kept.connections.load(Ordering::SeqCst)
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, kept: Arc<Kept>) {
    let service = service_fn(|request: Request<Incoming>| {
        let kept = kept.clone();
        async move { Ok::<_, Infallible>(respond(request, &kept).await) }
    });
    // Whoever sends may go whenever he likes.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn respond(request: Request<Incoming>, kept: &Kept) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Response::new(Full::default());
    };
    let received = Received {
        path: head.uri.to_string(),
        headers: head.headers,
        body: body.to_bytes(),
    };
    let answer = (kept.answers.lock().unwrap())(&received);
    let go_on = kept.go_on.notified();
    kept.came.lock().unwrap().push(received);
    kept.more.notify_waiters();
    match answer {
        Answer::Status(status, headers) => {
            let mut response = Response::new(Full::from("{\"thanks\": true}"));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Answer::Nothing => {
            go_on.await;
            Response::new(Full::default())
        }
        Answer::Bytes(number) => Response::new(Full::from(vec![b'x'; number])),
    }
}
