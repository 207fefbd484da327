//! A TCP proxy in this process that does to a connection what networks do: delay it, swallow it, cut it.

use secrecy::{ExposeSecret, SecretString};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

/// What happens when a request is seen that a trap was set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks before the request arrives.
    CutRequest,
    /// The request arrives; the connection breaks before the answer comes back.
    CutAnswer,
    /// The request arrives; from then on nothing passes on any connection.
    Swallow,
    /// The request is held back, and everything after it on any connection, until that is healed.
    Hold,
    /// The request arrives; its answer is held back, and everything after it on any connection, until that is healed.
    HoldAnswer,
    /// The request does not arrive, and nothing after it on any connection.
    EndBefore,
    /// The request arrives and is answered; neither the answer nor anything after it passes on any connection.
    EndAfter,
}

/// What becomes of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// They pass when everything passes again.
    Hold,
    /// They do not pass, nor anything after them.
    End,
}

/// Who ends a connection in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Which request springs a trap.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// The n-th that contains these bytes.
    Containing(&'static [u8], usize),
    /// The n-th that runs a statement, BEGIN and COMMIT included.
    Statement(usize),
}

impl Which {
    /// Whether it is this one; if it is one of those before it, it is counted.
    fn is(&mut self, request: &[u8]) -> bool {
        let (fits, left) = match self {
            Self::Containing(bytes, left) => (request.windows(bytes.len()).any(|window| window == *bytes), left),
            Self::Statement(left) => (matches!(request.get(COMMAND), Some(&(QUERY | EXECUTE))), left),
        };
        *left -= usize::from(fits);
        fits && *left == 0
    }
}

/// Where a packet of the protocol says what is wanted.
const COMMAND: usize = 4;
const QUERY: u8 = 3;
const EXECUTE: u8 = 0x17;

#[derive(Debug, Default)]
struct State {
    /// Where new connections lead.
    target: String,
    delay: Duration,
    swallows: bool,
    cuts: u64,
    /// How often connections were half closed: by the client, by the server.
    halves: [u64; 2],
    trap: Option<(Which, Fault)>,
}

/// A running proxy; dropped with its runtime.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
}

/// How the driver sends COMMIT: as a text query.
pub(crate) const COMMIT: &[u8] = b"\x03COMMIT";

impl Proxy {
    /// Passes connections on to the server of this URL.
    pub(crate) async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(watch::Sender::new(State {
                target: host(server).to_owned(),
                ..State::default()
            })),
        };
        let state = proxy.state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let target = state.borrow().target.clone();
                // As a server that is gone refuses, this one hangs up.
                if let Ok(server) = TcpStream::connect(&target).await {
                    tokio::spawn(connection(client, server, state.clone()));
                }
            }
        });
        proxy
    }

    /// The URL of the same database through this proxy, which reads what is sent: some servers would encrypt it unasked.
    pub(crate) fn url(&self, direct: &SecretString) -> SecretString {
        let direct = direct.expose_secret();
        let proxied = direct.replacen(host(direct), &self.address.to_string(), 1);
        let and = if proxied.contains('?') { '&' } else { '?' };
        format!("{proxied}{and}ssl-mode=DISABLED").into()
    }

    /// From now on connections lead to this server, as those to a name do that leads elsewhere; old ones break.
    pub(crate) fn lead_to(&self, server: &str) {
        self.state.send_modify(|state| {
            host(server).clone_into(&mut state.target);
            state.cuts += 1;
        });
    }

    /// Delays everything by this much, each way.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Nothing passes any more; nobody is told.
    pub(crate) fn swallow(&self) {
        self.state.send_modify(|state| state.swallows = true);
    }

    /// What was held back passes, and everything after it.
    pub(crate) fn heal(&self) {
        self.state.send_modify(|state| state.swallows = false);
    }

    /// Breaks all connections.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Ends all connections in one direction: as if the client had said all it has to say, or the server.
    pub(crate) fn half_close(&self, side: Side) {
        self.state.send_modify(|state| state.halves[side as usize] += 1);
    }

    /// Does this at the next request that contains `bytes`, once.
    pub(crate) fn trap(&self, bytes: &'static [u8], fault: Fault) {
        self.trap_at(Which::Containing(bytes, 1), fault);
    }

    /// Does this at that request, once.
    pub(crate) fn trap_at(&self, which: Which, fault: Fault) {
        self.state.send_modify(|state| state.trap = Some((which, fault)));
    }

    /// Takes the trap away.
    pub(crate) fn disarm(&self) {
        self.state.send_modify(|state| state.trap = None);
    }

    /// Whether nothing passes.
    pub(crate) fn is_silent(&self) -> bool {
        self.state.borrow().swallows
    }

    /// Waits until nothing passes any more.
    pub(crate) async fn silent(&self) {
        let mut state = self.state.subscribe();
        state.wait_for(|state| state.swallows).await.unwrap();
    }

    /// Whether the trap was sprung.
    pub(crate) fn sprung(&self) -> bool {
        self.state.borrow().trap.is_none()
    }
}

/// `host:port` of a URL.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").unwrap().1;
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

async fn connection(client: TcpStream, server: TcpStream, state: Arc<watch::Sender<State>>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = state.subscribe();
    let cuts = cut.borrow().cuts;
    // What becomes of the answers, and whether the next one is the last thing that is seen.
    let (deaf, late, last) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
    let answer = |_: &[u8]| {
        if last.swap(false, Ordering::SeqCst) {
            state.send_modify(|state| state.swallows = true);
        }
        if deaf.load(Ordering::SeqCst) {
            Verdict::End
        } else if late.swap(false, Ordering::SeqCst) {
            Verdict::Hold
        } else {
            Verdict::Pass
        }
    };
    // Whoever does not pump any more has shut down what he wrote to; the other direction goes on until its own end.
    let requests = async {
        let ended = pump(from_client, to_server, &state, |bytes| {
            spring(&state, [&deaf, &late, &last], bytes)
        });
        until_half_closed(&state, Side::Client, ended).await;
    };
    let answers = async {
        let ended = pump(from_server, to_client, &state, answer);
        until_half_closed(&state, Side::Server, ended).await;
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
        _ = cut.wait_for(|state| state.cuts != cuts) => {}
    }
}

/// Until this direction has ended; does not end where it was half closed, but lets go of it.
async fn until_half_closed(state: &watch::Sender<State>, side: Side, ended: impl Future<Output = ()>) {
    let mut closed = state.subscribe();
    let halves = closed.borrow().halves[side as usize];
    let half_closed = async {
        // The sender is there for as long as the connection is.
        drop(closed.wait_for(|state| state.halves[side as usize] != halves).await);
    };
    if until(ended, half_closed).await {
        std::future::pending::<()>().await;
    }
}

/// Whether the second was first. Both are gone then.
async fn until(first: impl Future<Output = ()>, second: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = first => false,
        () = second => true,
    }
}

/// Whether the request may pass.
fn spring(state: &watch::Sender<State>, [deaf, late, last]: [&AtomicBool; 3], request: &[u8]) -> Verdict {
    let mut verdict = Verdict::Pass;
    state.send_if_modified(|state| {
        let Some((which, fault)) = &mut state.trap else {
            return false;
        };
        if !which.is(request) {
            return false;
        }
        let fault = *fault;
        state.trap = None;
        match fault {
            Fault::CutRequest => verdict = Verdict::End,
            Fault::CutAnswer => deaf.store(true, Ordering::SeqCst),
            Fault::Swallow => state.swallows = true,
            Fault::Hold | Fault::EndBefore => {
                verdict = if fault == Fault::Hold {
                    Verdict::Hold
                } else {
                    Verdict::End
                };
                state.swallows = true;
            }
            Fault::HoldAnswer => {
                late.store(true, Ordering::SeqCst);
                last.store(true, Ordering::SeqCst);
            }
            Fault::EndAfter => {
                deaf.store(true, Ordering::SeqCst);
                last.store(true, Ordering::SeqCst);
            }
        }
        true
    });
    verdict
}

/// Passes bytes on in order, each with the same delay, until one side ends or `judge` says so.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &watch::Sender<State>,
    judge: impl Fn(&[u8]) -> Verdict,
) {
    let (queue, mut queued) = mpsc::unbounded_channel();
    let read = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let due = Instant::now() + state.borrow().delay;
            if queue.send((due, buffer[..read].to_vec())).is_err() {
                return;
            }
        }
        drop(queue);
        std::future::pending::<()>().await;
    };
    let mut faults = state.subscribe();
    let write = async {
        while let Some((due, bytes)) = queued.recv().await {
            sleep_until(due).await;
            if faults.wait_for(|state| !state.swallows).await.is_err() {
                return;
            }
            match judge(&bytes) {
                Verdict::Pass => {}
                Verdict::Hold if faults.wait_for(|state| !state.swallows).await.is_ok() => {}
                Verdict::Hold | Verdict::End => return,
            }
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
    }
}
