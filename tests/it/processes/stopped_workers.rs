//! A worker whose process stands still in the middle of a batch for longer than its lease lasts: another one takes over,
//! and of what the first had begun nothing is written when it goes on. It does not know how much time has passed.

use super::{Deployed, WORKS, soon};
use crate::{
    activities::told,
    harness::{external_server, on_a_server},
    process::Process,
    proxy::{Fault, Proxy},
    races::overdue,
    site::Site,
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::TimeDelta;
use std::time::Duration;
use tidepool::{
    clock::Clock,
    rpc::proto::{self, AdvanceReminder, PoolEntryCause, ReclaimRule, RecordOutcome, ReminderKind, ReminderRecipient},
};
use tokio::time::sleep;

/// How a batch makes sure that the lease is still its own, which is the first thing that it does.
const RENEWAL: &[u8] = b"UPDATE lease SET expire_time";
/// The last that it writes.
const EVENT: &[u8] = b"INSERT INTO account_event";
/// How a round begins that has the lease.
const DUE: &[u8] = b"SELECT wake_time, tenant, id";

/// What a worker whose lease is gone says.
const TAKEN_OVER: &str = "another replica took over the sweep";

const ACCOUNTS: usize = 6;

/// What `bob` has owned for four weeks.
struct Owned {
    /// Should have been reclaimed long ago.
    lost: Vec<String>,
    /// Will be reclaimed the day after tomorrow, of which he should have been reminded yesterday.
    kept: Vec<String>,
}

impl Owned {
    async fn make(world: &World) -> Self {
        let clock = &world.server.clock;
        clock.advance(Clock::System.now() - TimeDelta::days(28) - clock.now());
        let lost = overdue(world, ACCOUNTS).await;
        let kept = world.pool(open_pool("Kept")).await;
        let reminder = AdvanceReminder {
            days_before: 3,
            recipients: vec![ReminderRecipient::Owner.into()],
        };
        let rule = ReclaimRule {
            reminders: vec![reminder],
            ..follow_up(&kept, 30)
        };
        world.rule(rule).await;
        let site = world.site();
        site.many("Kept", &kept, "bob", ACCOUNTS).await;
        let ids = async |pool: &str| {
            let all = site.lying_in(pool).await.into_iter();
            all.map(|ownership| ownership.account_id).collect()
        };
        Self {
            lost: ids(&lost).await,
            kept: ids(&kept).await,
        }
    }
}

/// A worker that stands still at a point of its work.
struct Still {
    process: Process,
    proxy: Proxy,
}

impl Still {
    /// Starts a worker and stops it when it is about to run this statement.
    async fn at(deployed: &Deployed, statement: &'static [u8], fault: Fault) -> Self {
        let proxy = Proxy::start(&external_server().unwrap()).await;
        proxy.trap(statement, fault);
        let process = deployed.serve_at(&proxy.url(&deployed.url), &WORKS[..1]).await;
        soon("the statement", proxy.silent()).await;
        process.signal("STOP");
        Self { process, proxy }
    }

    fn go_on(&self) {
        self.proxy.heal();
        self.process.signal("CONT");
    }
}

impl Deployed {
    /// How often the sweep's lease was taken.
    async fn takings(&self) -> i64 {
        self.count("SELECT epoch FROM lease WHERE name = 'sweep'").await
    }
}

async fn tell_of_follow_up(site: &Site, account: &str) {
    let activity = told("saves", account, "sales_record.created", Clock::System.now());
    let request = proto::RecordActivitiesRequest {
        activities: vec![activity],
        ..Default::default()
    };
    let told = site.source_at(0, "crm").activities().record_activities(request).await;
    let outcomes: Vec<_> = told.unwrap().into_inner().results;
    assert_eq!(outcomes[0].outcome(), RecordOutcome::Recorded, "{outcomes:?}");
}

/// Of what the account's owner was reminded, the newest first.
async fn reminders(site: &Site, account: &str) -> Vec<ReminderKind> {
    let request = proto::ListAccountEventsRequest {
        account_id: account.into(),
        page_size: 500,
        ..Default::default()
    };
    let listed = site.admin().history().list_account_events(request).await.unwrap();
    let events = listed.into_inner().account_events.into_iter();
    let reminders = events.filter_map(|event| event.effects?.reminder);
    reminders.map(|reminder| reminder.kind()).collect()
}

/// Everything was done once, and what was followed up is still owned.
async fn all_was_done_once(site: &Site, owned: &Owned) {
    for (at, id) in owned.lost.iter().enumerate() {
        let ownership = site.ownership(id).await;
        let found = (ownership.owner.as_str(), ownership.pool_entry_cause());
        let wanted = if at == 0 {
            ("bob", PoolEntryCause::Unspecified)
        } else {
            ("", PoolEntryCause::AutoReclaimed)
        };
        assert_eq!(found, wanted, "{ownership:?}");
        // One version of the creation, one of what happened.
        assert_eq!(ownership.etag, "2", "{ownership:?}");
    }
    for id in &owned.kept {
        assert_eq!(site.ownership(id).await.owner, "bob");
        assert_eq!(reminders(site, id).await, [ReminderKind::Deadline], "{id}");
    }
}

async fn stopped_at(point: &str, statement: &'static [u8], fault: Fault) {
    if !on_a_server(point, "a file is served by one process, from which nobody takes over") {
        return;
    }
    let world = World::start().await;
    let owned = Owned::make(&world).await;
    let deployed = Deployed::of(world).await;
    let beside = deployed.serve().await;
    let site = Site::new(vec![beside.channel()]);

    let first = Still::at(&deployed, statement, fault).await;
    if fault == Fault::EndBefore {
        // Its transaction holds the lease's row for as long as the server waits for it to say something.
        first.proxy.cut();
    }
    deployed.expire_leases().await;
    let second = Still::at(&deployed, DUE, Fault::Swallow).await;
    // However long the rest takes, the lease is the second one's: as long as one can be, for one that lasts longer is nobody's.
    deployed
        .execute("UPDATE lease SET expire_time = expire_time + 40000000 WHERE name = 'sweep'")
        .await;
    let takings = deployed.takings().await;
    tell_of_follow_up(&site, &owned.lost[0]).await;

    let untouched = 2 * ACCOUNTS - 1;
    first.go_on();
    let ends = async {
        while !first.process.has_said(TAKEN_OVER) {
            assert_eq!(deployed.untouched().await, untouched, "written without the lease");
        }
    };
    soon("the end of the round", ends).await;
    assert_eq!(deployed.untouched().await, untouched, "written without the lease");
    assert_eq!(deployed.takings().await, takings, "it waits for its turn");

    second.go_on();
    let swept = async {
        while deployed.untouched().await > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    soon("what is due", swept).await;
    all_was_done_once(&site, &owned).await;
    super::stop_all(vec![second.process]).await;

    // The first is left, and goes through whole rounds again.
    let takings = deployed.takings().await;
    let rounds = async {
        while deployed.takings().await < takings + 2 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    soon("its turn", rounds).await;
    all_was_done_once(&site, &owned).await;
    super::stop_all(vec![first.process, beside]).await;
    deployed.end().await;
}

/// W22: before it makes sure of its lease, with the accounts in hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_before_its_batch_writes_nothing() {
    stopped_at("a worker that stands still before its batch", RENEWAL, Fault::Swallow).await;
}

/// W22: when everything but the last is written and nothing is committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_in_its_batch_writes_nothing() {
    stopped_at("a worker that stands still in its batch", EVENT, Fault::EndBefore).await;
}
