//! The processor time of callers, and of what is done by hand. They are in the process of the service, so the system does not tell
//! them apart: what is theirs is measured whenever it is polled, as are the tasks that carry the messages of callers.

use super::Outcome;
use rustix::time::{ClockId, clock_gettime};
use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
};
use tidepool::client::{Client, Who};
use tonic::{codegen::http::Uri, transport::Channel};

/// In nanoseconds, since the process began.
static SPENT: AtomicU64 = AtomicU64::new(0);

/// What the thread has taken, in nanoseconds.
fn of_thread() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanos = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(nanos).unwrap_or_default()
}

/// The same work, measured. Once, or it counts twice.
pub(crate) fn measured<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let mut work = Box::pin(work);
    poll_fn(move |context| {
        let before = of_thread();
        let polled = work.as_mut().poll(context);
        SPENT.fetch_add(of_thread() - before, Ordering::Relaxed);
        polled
    })
}

/// What was measured so far, in microseconds.
pub(crate) fn spent() -> u64 {
    SPENT.load(Ordering::Relaxed) / 1000
}

/// Lets measured tasks carry the messages of a connection.
struct Measured;

impl hyper::rt::Executor<Pin<Box<dyn Future<Output = ()> + Send>>> for Measured {
    fn execute(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(measured(work));
    }
}

/// A connection of its own, whose tasks are measured.
pub(crate) fn connect(address: SocketAddr, who: &Who) -> Outcome<Client> {
    let uri: Uri = format!("http://{address}").parse()?;
    let channel = Channel::builder(uri).executor(Measured).connect_lazy();
    Ok(Client::on(channel, who)?)
}
