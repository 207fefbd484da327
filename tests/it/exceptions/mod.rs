//! Exceptions from retention: undo, extension, lock, embargo, leaves, pauses, disputes. Rules here have no cutoff, so that
//! deadlines can be told to the microsecond.

mod absences;
mod disputes;
mod embargo;
mod extend;
mod form;
mod locks;
mod pauses;
mod roles;
mod to_and_fro;
mod undo;

use crate::{
    activities::time,
    harness::Client,
    moves::{all, named_pool, reason},
    sweeping::follow_up,
    world::{World, claim},
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::rpc::proto::{self, ReclaimRule, RetentionExceptions};
use tonic::Status;

/// What is asked for an account.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Undo,
    Extend(i32),
    Lock(Option<DateTime<Utc>>),
    Unlock,
    Embargo(DateTime<Utc>),
    Clear,
}

/// One call.
#[derive(Clone, Debug, Default)]
struct Query {
    account: String,
    etag: String,
    request_id: String,
    dry: bool,
}

type Answer = Result<(Option<RetentionExceptions>, Option<proto::Admission>), Status>;

impl Query {
    fn of(account: &str) -> Self {
        Self {
            account: account.into(),
            ..Self::default()
        }
    }

    async fn send(&self, client: &Client, ask: Ask) -> Answer {
        macro_rules! call {
            ($method:ident, $request:ident { $($field:ident: $value:expr),* }) => {{
                let request = proto::$request {
                    account_id: self.account.clone(),
                    etag: self.etag.clone(),
                    request_id: self.request_id.clone(),
                    validate_only: self.dry,
                    $($field: $value),*
                };
                let answer = client.exceptions().$method(request).await?.into_inner();
                Ok((answer.exceptions, answer.admission))
            }};
        }
        let why = "because".to_owned();
        match ask {
            Ask::Undo => call!(undo_reclaim, UndoReclaimRequest { note: why }),
            Ask::Extend(days) => call!(
                extend_retention,
                ExtendRetentionRequest {
                    days: days,
                    reason: why
                }
            ),
            Ask::Lock(until) => call!(
                lock_account,
                LockAccountRequest {
                    expire_time: until.and_then(time),
                    note: why
                }
            ),
            Ask::Unlock => call!(unlock_account, UnlockAccountRequest { note: why }),
            Ask::Embargo(until) => call!(
                set_embargo,
                SetEmbargoRequest {
                    until: time(until),
                    reason: why
                }
            ),
            Ask::Clear => call!(clear_embargo, ClearEmbargoRequest { note: why }),
        }
    }
}

/// A world with a pool that `adm` administers, and its rule.
struct Stage {
    world: World,
    home: String,
}

/// So many days without a follow-up, to the microsecond.
fn exact(pool: &str, days: i32) -> ReclaimRule {
    ReclaimRule {
        cutoff: "NONE".into(),
        ..follow_up(pool, days)
    }
}

impl Stage {
    /// The pool takes back after 30 days without a follow-up.
    async fn set() -> Self {
        let stage = Self::without_rule().await;
        stage.world.rule(exact(&stage.home, 30)).await;
        stage
    }

    async fn without_rule() -> Self {
        let world = World::start().await;
        world.more_people().await;
        let home = world.pool(named_pool("Home")).await;
        Self { world, home }
    }

    fn now(&self) -> DateTime<Utc> {
        self.world.server.clock.now()
    }

    fn pass(&self, delta: TimeDelta) {
        self.world.server.clock.advance(delta);
    }

    /// An account of the pool that the user claimed.
    async fn claimed(&self, name: &str, who: &str) -> String {
        let id = self.world.lying(name, &self.home).await;
        self.world
            .user(who)
            .circulation()
            .claim_account(claim(&id))
            .await
            .unwrap();
        id
    }

    /// An account that `bob` lost to the rule just now.
    async fn reclaimed(&self, name: &str) -> String {
        let id = self.claimed(name, "bob").await;
        self.pass(TimeDelta::days(30));
        assert!(self.world.sweep().await.reclaimed > 0);
        id
    }

    async fn ask(&self, who: &str, account: &str, ask: Ask) -> Result<RetentionExceptions, Status> {
        let answer = Query::of(account).send(&self.world.user(who), ask).await?;
        let exceptions = answer.0.unwrap();
        // What the answer says is what is stored.
        assert_eq!(exceptions.ownership, Some(self.world.ownership(account).await));
        Ok(exceptions)
    }

    /// `OK`, or all reasons of a dry run; what really happens begins with the same one.
    async fn verdict(&self, who: &str, account: &str, ask: Ask) -> String {
        let client = self.world.user(who);
        let dry = Query {
            dry: true,
            ..Query::of(account)
        };
        let before = self.world.ownership(account).await;
        let said = match dry.send(&client, ask).await {
            Err(status) => reason(&status),
            Ok((None, Some(admission))) if admission.admitted => "OK".into(),
            Ok((None, Some(admission))) => all(&admission).join(" "),
            Ok(other) => panic!("{other:?}"),
        };
        if said != "OK" {
            let really = Query::of(account).send(&client, ask).await.unwrap_err();
            assert_eq!(Some(reason(&really).as_str()), said.split(' ').next());
        }
        assert_eq!(self.world.ownership(account).await, before);
        said
    }

    /// Its reclaim deadline.
    async fn deadline(&self, account: &str) -> Option<DateTime<Utc>> {
        let time = self.world.ownership(account).await.reclaim_time?;
        DateTime::from_timestamp(time.seconds, time.nanos.cast_unsigned())
    }

    async fn owner(&self, account: &str) -> String {
        self.world.ownership(account).await.owner
    }

    async fn kinds(&self, account: &str) -> Vec<String> {
        let events = self.world.events(account).await.into_iter();
        events.map(|event| event.kind.replacen("account.", "", 1)).collect()
    }

    async fn stop(self) {
        self.world.stop().await;
    }
}

/// A fact of the refusal.
fn fact(status: &Status, key: &str) -> String {
    use tonic_types::StatusExt;
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    info.metadata.get(key).cloned().unwrap_or_default()
}
