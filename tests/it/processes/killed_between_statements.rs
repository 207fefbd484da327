//! A process that is killed between two statements of a call, before each of them and before and after COMMIT: what it
//! did not acknowledge is done by the call's repetition, once.

use super::{
    Deployed,
    errands::{Errand, Kind, Stock, all_were_done_once},
};
use crate::{
    harness::{external_server, on_a_server, say},
    process::Process,
    proxy::{COMMIT, Fault, Proxy, Which},
    site::Site,
    world::World,
};
use secrecy::SecretString;

/// More points than any of the calls has.
const POINTS: usize = 40;

/// A process that reaches its database through a proxy, which knows what it is about to do.
struct Watched {
    deployed: Deployed,
    proxy: Proxy,
    url: SecretString,
    process: Process,
}

impl Watched {
    async fn start(deployed: Deployed) -> Self {
        let proxy = Proxy::start(&external_server().unwrap()).await;
        let url = proxy.url(&deployed.url);
        let process = deployed.serve_at(&url, &[]).await;
        Self {
            deployed,
            proxy,
            url,
            process,
        }
    }

    fn site(&self) -> Site {
        Site::new(vec![self.process.channel()])
    }

    /// Kills the process at this point of the errand. Says whether it came to that, and what the answer is: that of the
    /// next process if so.
    async fn killed_at(&mut self, errand: &Errand, which: Which, fault: Fault, stock: &Stock) -> (bool, String) {
        let site = self.site();
        // What a server reads once, it has read.
        site.counted(stock.pool()).await;
        self.proxy.trap_at(which, fault);
        let answered = tokio::select! {
            answered = errand.ask(&site, 0) => Some(answered.unwrap()),
            () = self.proxy.silent() => None,
        };
        self.proxy.disarm();
        match answered {
            Some(said) if !self.proxy.is_silent() => (false, said),
            answered => {
                self.restart().await;
                let said = errand.insist(&self.site(), 0).await;
                assert!(answered.is_none_or(|answered| answered == said));
                (true, said)
            }
        }
    }

    /// Kills the process; what it sent into the void never arrives. The next one starts.
    async fn restart(&mut self) {
        self.process.kill();
        self.proxy.cut();
        self.proxy.heal();
        self.process = self.deployed.serve_at(&self.url, &[]).await;
    }
}

async fn killed_in(kind: Kind) {
    let test = format!("killed between the statements of {kind:?}");
    if !on_a_server(&test, "its statements pass no proxy; see killed_anywhere") {
        return;
    }
    let world = World::start().await;
    let mut stock = Stock::make(&world, 3 * POINTS).await;
    let mut watched = Watched::start(Deployed::of(world).await).await;
    let mut done = Vec::new();
    for point in 1.. {
        assert!(point < POINTS, "a call without an end");
        let errand = stock.errand(kind);
        let which = Which::Statement(point);
        let (killed, said) = watched.killed_at(&errand, which, Fault::EndBefore, &stock).await;
        done.push((errand, said));
        if !killed {
            // What is read, what is written, the answer that is remembered, COMMIT.
            assert!(point > 4, "{kind:?} has {point} statements");
            say(&format!("{kind:?} was killed at {} points", point - 1));
            break;
        }
    }
    let errand = stock.errand(kind);
    let which = Which::Containing(COMMIT, 1);
    let (killed, said) = watched.killed_at(&errand, which, Fault::EndAfter, &stock).await;
    assert!(killed);
    done.push((errand, said));
    all_were_done_once(&watched.site(), &stock, &done).await;
    let (status, log) = watched.process.stop().await;
    assert!(status.success(), "{log}");
    watched.deployed.end().await;
}

/// A claim is made or not made, whenever its process dies.
#[tokio::test]
async fn claims_survive() {
    killed_in(Kind::Claim).await;
}

/// Of a bulk claim all is there or nothing.
#[tokio::test]
async fn bulk_claims_survive() {
    killed_in(Kind::ClaimMany).await;
}

#[tokio::test]
async fn returns_survive() {
    killed_in(Kind::Return).await;
}

/// An activity is recorded with what it changes, or not at all.
#[tokio::test]
async fn follow_ups_survive() {
    killed_in(Kind::FollowUp).await;
}

/// Two accounts are one or two, never something between.
#[tokio::test]
async fn merges_survive() {
    killed_in(Kind::Merge).await;
}

#[tokio::test]
async fn creations_survive() {
    killed_in(Kind::Create).await;
}

#[tokio::test]
async fn bulk_creations_survive() {
    killed_in(Kind::CreateMany).await;
}
