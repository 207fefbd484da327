//! Business objects: how each is as the latest event says, in whatever order events come; amounts, and who sees them.

use super::told;
use crate::{
    harness::{Client, run_sql},
    world::{World, claim, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, Statement};
use secrecy::ExposeSecret;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tidepool::{
    domain::{
        ids::{AccountId, TenantKey},
        object::BusinessObject,
    },
    rpc::proto::{self, Activity, Money, RecordOutcome},
    store::activity_object,
};
use tokio::time::Instant;

#[expect(
    clippy::unnecessary_wraps,
    reason = "fields of messages are optional, and this is one"
)]
pub(super) fn money(amount: &str, currency: &str) -> Option<Money> {
    let (amount, currency) = (amount.to_owned(), currency.to_owned());
    Some(Money { amount, currency })
}

/// All objects, by source, type and id.
pub(super) type All = BTreeMap<(String, String, String), Stored>;

/// What is stored of an object: its amount, owner, flags, last action, and who may see it; whether its deal is closed.
pub(super) type Stored = (
    Option<String>,
    Option<String>,
    bool,
    bool,
    String,
    BTreeSet<String>,
    bool,
);

impl World {
    /// Everything that is stored of the account's objects, by source, type and id.
    pub(crate) async fn objects(&self, id: &str) -> All {
        let account = AccountId::parse(id).unwrap();
        let unit = self.server.db().unit("test", Instant::now() + Duration::from_secs(10));
        let reader = unit.reader().await.unwrap();
        let found = activity_object::of_accounts(&reader, TenantKey(1), &[account], (None, None), 10_000)
            .await
            .unwrap();
        let sql =
            "SELECT source, object_type, object_id, user_id FROM object_viewer WHERE tenant = ? AND account_id = ?";
        let values = [1.into(), account.0.into()];
        let asked = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        let mut viewers: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for row in reader.query_all_raw(asked).await.unwrap() {
            let text = |column: &str| row.try_get::<String>("", column).unwrap();
            let key = (text("source"), text("object_type"), text("object_id"));
            viewers.entry(key).or_default().insert(text("user_id"));
        }
        let stored = |object: BusinessObject, viewers: BTreeSet<String>| {
            let closed = object.is_closed();
            let told = object.snapshot.unwrap().value;
            let owner = told.owner.map(|owner| owner.to_string());
            let amount = told.amount.map(|money| money.to_string());
            (
                amount,
                owner,
                told.locked,
                told.in_workflow,
                told.action,
                viewers,
                closed,
            )
        };
        let objects = found.into_iter().map(|((source, key), object)| {
            let at = (source.to_string(), key.object_type, key.object_id.to_string());
            let viewers = viewers.remove(&at).unwrap_or_default();
            (at, stored(object, viewers))
        });
        let objects = objects.collect();
        assert!(viewers.is_empty(), "of no object: {viewers:?}");
        objects
    }

    async fn timeline(&self, client: Client, id: &str) -> Vec<Activity> {
        let request = proto::ListActivitiesRequest {
            account_id: id.into(),
            ..Default::default()
        };
        client
            .activities()
            .list_activities(request)
            .await
            .unwrap()
            .into_inner()
            .activities
    }
}

/// R024, R176, R198, D41: what is told of objects is kept with the activity and shown to those who may see the object.
#[tokio::test]
async fn what_is_told_of_objects_is_shown() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.user("dan").circulation().claim_account(claim(&id)).await.unwrap();
    let now = world.server.clock.now();
    let order = Activity {
        amount: money("1200.5", "EUR"),
        object_owner: "bob".into(),
        visible_to: vec!["cid".into(), "ann".into()],
        object_locked: true,
        object_in_workflow: true,
        ..told("e1", &id, "sales_order.created", now)
    };
    assert_eq!(
        world.tell("crm", vec![order.clone()]).await,
        [Ok(RecordOutcome::Recorded)]
    );
    let shown = world.timeline(world.server.admin(), &id).await.remove(0);
    assert_eq!(
        (shown.amount, shown.object_owner.as_str(), shown.visible_to.as_slice()),
        (
            money("1200.50", "EUR"),
            "bob",
            &["ann".to_owned(), "cid".to_owned()][..]
        )
    );
    assert!(shown.object_locked && shown.object_in_workflow && !shown.late);
    // He owns the account, and not the order.
    let hidden = world.timeline(world.user("dan"), &id).await.remove(0);
    assert_eq!(
        (hidden.kind.as_str(), hidden.amount, hidden.visible_to.len()),
        ("sales_order.created", None, 0)
    );

    let again = Activity {
        visible_to: vec!["ann".into(), "cid".into()],
        amount: money("1200.50", "EUR"),
        ..order.clone()
    };
    let other = Activity {
        amount: money("1200.51", "EUR"),
        ..order.clone()
    };
    let bare = told("e1", &id, "sales_order.created", now);
    assert_eq!(
        world.tell("crm", vec![again, other, bare]).await,
        [
            Ok(RecordOutcome::Duplicate),
            Err("EVENT_ID_REUSED".to_owned()),
            Err("EVENT_ID_REUSED".to_owned())
        ]
    );
    let kinds = [
        "call.made",
        "account.forwarded",
        "calendar_entry.created",
        "personal_reminder.created",
        "expense.created",
    ];
    for (at, kind) in kinds.into_iter().enumerate() {
        let told = Activity {
            object_id: format!("k{at}"),
            ..told(kind, &id, kind, now)
        };
        assert_eq!(
            world.tell("crm", vec![told]).await,
            [Ok(RecordOutcome::Recorded)],
            "{kind}"
        );
    }
    let nowhere = Activity {
        account_id: String::new(),
        ..told("e9", &id, "expense.created", now)
    };
    assert_eq!(
        world.tell("crm", vec![nowhere]).await,
        [Err("INVALID_ARGUMENT".to_owned())]
    );
    world.stop().await;
}

/// D41: what is no amount of money is refused as such, by its place; so is what says how an object is and names none.
#[tokio::test]
async fn bad_money_is_refused() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let forty = "1".repeat(40);
    let wrong = [
        ("1e3", "EUR"),
        ("NaN", "EUR"),
        ("-1", "EUR"),
        (forty.as_str(), "EUR"),
        ("100000000000000", "EUR"),
        ("0.00001", "CLF"),
        ("0.001", "EUR"),
        ("1.0", "JPY"),
        ("1", "XYZ"),
        ("1", "eur"),
        ("", ""),
    ];
    let activities = wrong.iter().enumerate().map(|(at, (amount, currency))| Activity {
        amount: money(amount, currency),
        ..told(&format!("e{at}"), &id, "payment.received", now)
    });
    let answers = world.tell("crm", activities.collect()).await;
    for (answer, told) in answers.iter().zip(wrong) {
        assert_eq!(*answer, Err("INVALID_MONEY".to_owned()), "{told:?}");
    }
    let nameless = Activity {
        object_id: String::new(),
        object_locked: true,
        ..told("e90", &id, "payment.received", now)
    };
    let twice = Activity {
        visible_to: vec!["ann".into(), "ann".into()],
        ..told("e91", &id, "payment.received", now)
    };
    let many = Activity {
        visible_to: (0..101).map(|at| format!("u{at}")).collect(),
        ..told("e92", &id, "payment.received", now)
    };
    let invalid = || Err("INVALID_ARGUMENT".to_owned());
    assert_eq!(
        world.tell("crm", vec![nameless, twice, many]).await,
        [invalid(), invalid(), invalid()]
    );
    assert!(world.objects(&id).await.is_empty());
    world.stop().await;
}

/// P5, SPEC 3.12: five minutes ahead is the most; what happened ten years ago is recorded and marked as late.
#[tokio::test]
async fn times_have_bounds() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let at = |event: &str, time: DateTime<Utc>| told(event, &id, "call.made", time);
    let ahead = TimeDelta::minutes(5);
    let moment = TimeDelta::microseconds(1);
    let answers = world
        .tell(
            "crm",
            vec![
                at("ahead", now + ahead),
                at("too-far", now + ahead + moment),
                at("on-time", now - TimeDelta::days(30)),
                at("late", now - TimeDelta::days(30) - moment),
                at("ancient", now - TimeDelta::days(3653)),
            ],
        )
        .await;
    let recorded = || Ok(RecordOutcome::Recorded);
    let refused = Err("OCCURRED_IN_FUTURE".to_owned());
    assert_eq!(answers, [recorded(), refused, recorded(), recorded(), recorded()]);
    let shown = world.timeline(world.server.admin(), &id).await;
    let late: Vec<_> = shown
        .iter()
        .map(|activity| (activity.event_id.as_str(), activity.late))
        .collect();
    assert_eq!(
        late,
        [("ahead", false), ("on-time", false), ("late", true), ("ancient", true)]
    );
    world.stop().await;
}

/// An object stays with its account, whichever activity named it first; a call is refused one activity at a time.
#[tokio::test]
async fn an_object_belongs_to_one_account() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let (a, b) = (world.lying("A", &pool).await, world.lying("B", &pool).await);
    let now = world.server.clock.now();
    let told = |event: &str, account: &str| Activity {
        object_id: "shared".into(),
        ..told(event, account, "payment.received", now)
    };
    let refused = || Err("OBJECT_OF_OTHER_ACCOUNT".to_owned());
    assert_eq!(
        world.tell("crm", vec![told("e1", &a), told("e2", &b)]).await,
        [Ok(RecordOutcome::Recorded), refused()]
    );
    assert_eq!(world.tell("crm", vec![told("e3", &b)]).await, [refused()]);
    assert_eq!(
        world.tell("erp", vec![told("e1", &b)]).await,
        [Ok(RecordOutcome::Recorded)]
    );
    assert_eq!((world.objects(&a).await.len(), world.objects(&b).await.len()), (1, 1));
    world.stop().await;
}

/// Activities that were stored before there were objects are known again, and say nothing of amounts.
#[tokio::test]
async fn what_was_stored_before_is_known_again() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let won = told("e1", &id, "opportunity.won", world.server.clock.now());
    world.tell("crm", vec![won.clone()]).await;
    // As a binary wrote it that did not know of them.
    let url = world.server.config.database.url.expose_secret().to_owned();
    for sql in [
        "UPDATE activity SET standing = NULL, visible_to = NULL",
        "UPDATE business_object SET action = NULL, detail_time = 0, detail_event_id = NULL, end_told_event_id = NULL",
    ] {
        run_sql(&url, sql.to_owned()).await;
    }
    assert_eq!(
        world.tell("crm", vec![won.clone()]).await,
        [Ok(RecordOutcome::Duplicate)]
    );
    let reopened = Activity {
        amount: money("5", "EUR"),
        kind: "opportunity.reopened".into(),
        event_id: "e2".into(),
        ..won
    };
    world.tell("crm", vec![reopened]).await;
    let objects = world.objects(&id).await;
    let (amount, closed) = objects
        .values()
        .map(|object| (object.0.clone(), object.6))
        .next()
        .unwrap();
    assert_eq!((amount.as_deref(), closed), (Some("5.00 EUR"), false));
    world.stop().await;
}

/// The budget: objects are read where activities name them, and the number of statements does not grow with the activities
/// of a batch.
#[tokio::test]
async fn recording_has_a_budget() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 60).await;
    let spent = async |event: &str, kind: &str, of: std::ops::Range<usize>, object: bool| {
        world.server.clock.advance(TimeDelta::minutes(1));
        let activity = |id: &String| Activity {
            object_id: if object { format!("o-{id}") } else { String::new() },
            amount: object.then(|| money("1", "EUR").unwrap()),
            visible_to: if object {
                vec!["ann".into(), "bob".into()]
            } else {
                vec![]
            },
            ..told(&format!("{event}-{id}"), id, kind, world.server.clock.now())
        };
        let activities = ids[of].iter().map(activity).collect();
        let before = world.server.db().statements();
        let answers = world.tell("crm", activities).await;
        assert!(
            answers.iter().all(|answer| *answer == Ok(RecordOutcome::Recorded)),
            "{answers:?}"
        );
        world.server.db().statements() - before
    };
    // Brings the snapshot up to date.
    spent("a", "call.made", 0..1, false).await;
    // Accounts, known events; activities.
    let calls = [
        spent("b", "call.made", 0..1, false).await,
        spent("c", "call.made", 0..60, false).await,
    ];
    assert_eq!(calls, [3, 3]);
    let both = async |event: &str, kind: &str| {
        let few = spent(&format!("{event}1"), kind, 0..1, true).await;
        [few, spent(&format!("{event}2"), kind, 1..60, true).await]
    };
    // Accounts, known events, objects; objects, who sees them; accounts, events, activities.
    assert_eq!(both("d", "payment.received").await, [8, 8]);
    // Those that are there: who saw them is taken out, too.
    assert_eq!(both("e", "payment.received").await, [9, 9]);
    // And deals are counted.
    assert_eq!(both("f", "opportunity.won").await, [9, 9]);
    assert_eq!(both("g", "opportunity.reopened").await, [10, 10]);
    world.stop().await;
}

/// P5: the epoch is a time like any other: what closed a deal then closed it, and a contract that ended then ended.
#[tokio::test]
async fn the_epoch_is_a_time() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    for (at, micros) in [0, 1].into_iter().enumerate() {
        let then = DateTime::from_timestamp_micros(micros).unwrap();
        let object = format!("o{at}");
        let won = Activity {
            object_id: object.clone(),
            ..told(&format!("won-{at}"), &id, "opportunity.won", then)
        };
        let ends = Activity {
            object_id: object.clone(),
            contract_end_time: super::time(then),
            ..told(&format!("ends-{at}"), &id, "contract.created", then)
        };
        let came = world.tell("crm", vec![won, ends]).await;
        assert_eq!(came, [Ok(RecordOutcome::Recorded), Ok(RecordOutcome::Recorded)]);
        let deals = world.account(&id).await.deals.unwrap();
        assert_eq!(usize::try_from(deals.won_count), Ok(at + 1));
        // At the earliest a microsecond later, since 0 stands for never there.
        let last = deals.last_won_time.expect("it was won");
        assert_eq!((last.seconds, last.nanos), (0, 1000));
        let account = AccountId::parse(&id).unwrap();
        let unit = world.server.db().unit("test", Instant::now() + Duration::from_secs(10));
        let reader = unit.reader().await.unwrap();
        let stored = activity_object::of_accounts(&reader, TenantKey(1), &[account], (None, None), 10).await;
        let ended = stored
            .unwrap()
            .into_values()
            .filter(|stored| stored.key.object_id.as_str() == object);
        let ended: Vec<_> = ended
            .filter_map(|stored| stored.contract_end.map(|told| told.value))
            .collect();
        assert_eq!(ended, [then]);
    }
    // Counted again, nothing is different.
    let before = world.account(&id).await;
    assert_eq!(world.recomputed().await.moved, 0);
    assert_eq!(world.account(&id).await, before);
    world.stop().await;
}
