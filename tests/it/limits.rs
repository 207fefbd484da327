//! How many accounts users may hold and claim: the tables of limits, through the port.

use crate::{
    activities::told,
    moves::{Order, Wish, all, verdict},
    world::{World, claim, open_pool, user},
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{
    self, Account, NewAccount, Pool, RetentionLimit, RetentionLimitSubjects, bulk_claim_accounts_request,
};
use tonic_types::StatusExt;

/// More than any limit here.
const MANY: usize = 25;

/// Lets `won` deals be closed with each of the accounts, or its only one be reopened.
async fn set_deals(world: &World, ids: &[String], won: usize) {
    world.server.clock.advance(TimeDelta::seconds(1));
    let now = world.server.clock.now();
    let deal = |id: &String, number: usize| proto::Activity {
        object_id: format!("{id}-{number}"),
        ..match won {
            0 => told(&format!("reopened-{id}"), id, "opportunity.reopened", now),
            _ => told(&format!("won-{id}-{number}"), id, "opportunity.won", now),
        }
    };
    let deals = ids
        .iter()
        .flat_map(|id| (0..won.max(1)).map(move |number| deal(id, number)));
    let outcomes = world.tell("crm", deals.collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let status = world.account(&ids[0]).await.deals.unwrap().won_count;
    assert_eq!(usize::try_from(status), Ok(won));
}

/// Creates accounts as `who`; says which were created and why the first of the others was not.
async fn create(
    world: &World,
    who: &str,
    prefix: &str,
    pool: &str,
    owner: &str,
    count: usize,
) -> (Vec<String>, String) {
    if count == 0 {
        return (Vec::new(), String::new());
    }
    let new = |at: usize| NewAccount {
        account: Some(Account {
            name: format!("{prefix} {at}"),
            ..Account::default()
        }),
        pool_id: pool.into(),
        owner: owner.into(),
    };
    let request = proto::BulkCreateAccountsRequest {
        new_accounts: (0..count).map(new).collect(),
        ..Default::default()
    };
    let answer = world.user(who).accounts().bulk_create_accounts(request).await.unwrap();
    let results = answer.into_inner().results;
    let why = results.iter().find(|result| result.account_id.is_empty());
    let why = why
        .map(|result| result.status.clone().unwrap().message)
        .unwrap_or_default();
    let made = results.into_iter().map(|result| result.account_id);
    (made.filter(|id| !id.is_empty()).collect(), why)
}

/// How many of the accounts `who` could claim, one after the other.
async fn room(world: &World, who: &str, ids: &[String]) -> usize {
    let item = |id: &String| bulk_claim_accounts_request::Item {
        account_id: id.clone(),
        ..Default::default()
    };
    let request = proto::BulkClaimAccountsRequest {
        items: ids.iter().map(item).collect(),
        validate_only: true,
        ..Default::default()
    };
    let answer = world
        .user(who)
        .circulation()
        .bulk_claim_accounts(request)
        .await
        .unwrap();
    let admissions = answer
        .into_inner()
        .results
        .into_iter()
        .map(|result| result.admission.unwrap());
    admissions.filter(|admission| admission.admitted).count()
}

/// Limits what a user may hold.
async fn set_limit(world: &World, who: &str, limit: i32, count_pool: bool, count_won: bool) -> RetentionLimit {
    let limit = RetentionLimit {
        display_name: format!("{who} {limit}"),
        subjects: Some(RetentionLimitSubjects {
            users: vec![who.into()],
            ..Default::default()
        }),
        limit: Some(limit),
        count_pool_accounts: Some(count_pool),
        count_won,
        ..RetentionLimit::default()
    };
    let request = proto::CreateRetentionLimitRequest {
        retention_limit: Some(limit),
        ..Default::default()
    };
    let answer = world
        .server
        .admin()
        .limits()
        .create_retention_limit(request)
        .await
        .unwrap();
    answer.into_inner().retention_limit.unwrap()
}

/// One row of the tables: a rule, a pool, what is held, and how many more fit.
struct Case {
    id: &'static str,
    /// Limit, whether it counts pool accounts, whether it counts won ones.
    rule: Option<(i32, bool, bool)>,
    /// Limit of the pool, whether it counts won ones.
    pool: (Option<i32>, bool),
    /// In the pool: open, won. Own: open, won, repeatedly won.
    held: [usize; 5],
    own: usize,
    in_pool: usize,
    won_in_pool: Option<usize>,
}

async fn check(world: &World, case: &Case) {
    let who = &case.id.to_lowercase();
    let request = proto::BatchUpsertUsersRequest {
        users: vec![user(who)],
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    let pool = world.pool(open_pool(case.id)).await;
    for (at, (place, won)) in [(&*pool, 0), (&*pool, 1), ("", 0), ("", 1), ("", 2)]
        .into_iter()
        .enumerate()
    {
        let prefix = format!("{who} {at}");
        let (ids, why) = create(world, "root", &prefix, place, who, case.held[at]).await;
        assert_eq!((ids.len(), why.as_str()), (case.held[at], ""), "{}", case.id);
        if won > 0 && !ids.is_empty() {
            set_deals(world, &ids, won).await;
        }
    }
    let lying = world.many_lying(&format!("{who} lies"), &pool, MANY).await;
    let (limit, counts_won) = case.pool;
    let config = Pool {
        id: pool,
        claim_limit: limit,
        claim_limit_counts_won: counts_won,
        ..Pool::default()
    };
    world
        .update_pool(config, &["claim_limit", "claim_limit_counts_won"])
        .await;
    if let Some((limit, count_pool, count_won)) = case.rule {
        set_limit(world, who, limit, count_pool, count_won).await;
    }
    assert_eq!(room(world, who, &lying).await, case.in_pool, "{}: more pool", case.id);
    if let Some(expected) = case.won_in_pool {
        set_deals(world, &lying, 1).await;
        assert_eq!(room(world, who, &lying).await, expected, "{}: more pool, won", case.id);
    }
    let (ids, _) = create(world, who, &format!("{who} more"), "", "", MANY).await;
    assert_eq!(ids.len(), case.own, "{}: more own", case.id);
}

/// L01-L17, R118-R126, R130, R195, W26 (E1-E4): every combination of toggles.
#[tokio::test]
async fn limits_are_what_the_tables_say() {
    let world = World::start().await;
    let e1 = |id, rule, held, in_pool, own| Case {
        id,
        rule,
        pool: (Some(20), false),
        held,
        own,
        in_pool,
        won_in_pool: None,
    };
    let e2 = |id, count_pool, limit, own, in_pool| Case {
        id,
        rule: Some((20, count_pool, false)),
        pool: (limit, false),
        held: [3, 0, 17, 0, 0],
        own,
        in_pool,
        won_in_pool: None,
    };
    let e3 = |id, count_won, own| Case {
        id,
        rule: Some((20, true, count_won)),
        pool: (None, false),
        held: [0, 0, 18, 1, 1],
        own,
        in_pool: own,
        won_in_pool: None,
    };
    let e4 = |id, count_pool, count_won, pool_won, own, in_pool, won| Case {
        id,
        rule: Some((20, count_pool, count_won)),
        pool: (Some(5), pool_won),
        held: [2, 1, 15, 1, 1],
        own,
        in_pool,
        won_in_pool: Some(won),
    };
    let (yes, no) = (true, false);
    for case in [
        e1("L01", Some((10, yes, no)), [0; 5], 10, 10),
        e1("L02", Some((10, yes, no)), [0, 0, 4, 0, 0], 6, 6),
        e1("L03", Some((10, no, no)), [0; 5], 20, 10),
        e1("L04", Some((10, no, no)), [20, 0, 0, 0, 0], 0, 10),
        e1("L05", None, [0; 5], 20, MANY),
        e2("L06", yes, Some(5), 0, 0),
        e2("L06-no-pool-limit", yes, None, 0, 0),
        e2("L07", no, Some(5), 3, 2),
        e2("L07-no-pool-limit", no, None, 3, MANY),
        e3("L08", no, 2),
        e3("L09", yes, 0),
        e4("L10", yes, yes, yes, 0, 0, 0),
        e4("L11", yes, yes, no, 0, 0, 0),
        e4("L12", yes, no, yes, 3, 2, 2),
        e4("L13", yes, no, no, 3, 3, MANY),
        e4("L14", no, yes, yes, 3, 2, 2),
        e4("L15", no, yes, no, 3, 3, MANY),
        e4("L16", no, no, yes, 5, 2, 2),
        e4("L17", no, no, no, 5, 3, MANY),
    ] {
        check(&world, &case).await;
    }
    world.stop().await;
}

/// L18-L21, R122: what is won later, reopened or limited later; nothing is taken away.
#[tokio::test]
async fn what_is_held_follows_what_happens_to_it() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let (own, _) = create(&world, "bob", "Own", "", "", 3).await;
    let limit = set_limit(&world, "bob", 3, true, false).await;
    let won = world.many_lying("Won", &pool, 3).await;
    set_deals(&world, &won, 1).await;
    // L18: the count is compared whatever is claimed; below the limit a won one takes no room.
    assert_eq!(room(&world, "bob", &won).await, 0);
    set_deals(&world, &own[..1], 1).await;
    assert_eq!(room(&world, "bob", &won).await, 3, "L19: the place is free at once");
    world.play("bob", &won[0], Wish::Claim).await;
    let (more, _) = create(&world, "bob", "More", "", "", 5).await;
    assert_eq!(more.len(), 1, "L18: the won one took no room");
    // L20: reopened, he holds more than he may, and gets nothing until he holds less.
    set_deals(&world, &own[..1], 0).await;
    let open = world.many_lying("Open", &pool, 2).await;
    assert_eq!(room(&world, "bob", &open).await, 0);
    world.play("bob", &own[0], Wish::because("", "", &pool)).await;
    assert_eq!(room(&world, "bob", &open).await, 0, "L20: he is at the limit");
    world.play("bob", &own[1], Wish::because("", "", &pool)).await;
    assert_eq!(room(&world, "bob", &open).await, 1);
    // L21: a lower limit takes nothing away.
    let lower = RetentionLimit {
        limit: Some(1),
        ..limit
    };
    let request = proto::UpdateRetentionLimitRequest {
        retention_limit: Some(lower),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["limit".into()],
        }),
        ..Default::default()
    };
    world
        .server
        .admin()
        .limits()
        .update_retention_limit(request)
        .await
        .unwrap();
    let request = proto::ExplainRetentionLimitRequest { user_id: "bob".into() };
    let answer = world
        .server
        .admin()
        .limits()
        .explain_retention_limit(request)
        .await
        .unwrap();
    let explained = answer.into_inner().explanation.unwrap();
    assert_eq!((explained.used, explained.over_limit, explained.room), (2, 1, Some(0)));
    assert_eq!(room(&world, "bob", &open).await, 0);
    world.stop().await;
}

/// L22, R016, R040, W7, W27: the limit of whoever gets the account, row by row, whoever creates it.
#[tokio::test]
async fn creating_asks_the_limit_of_the_owner() {
    let world = World::start().await;
    set_limit(&world, "bob", 2, true, false).await;
    set_limit(&world, "ann", 0, true, false).await;
    let (made, why) = create(&world, "ann", "For bob", "", "bob", 3).await;
    assert_eq!(
        (made.len(), why.as_str()),
        (2, "at most 2 accounts may be held at once")
    );
    let (made, why) = create(&world, "ann", "For herself", "", "", 1).await;
    assert_eq!(
        (made.len(), why.as_str()),
        (0, "at most 0 accounts may be held at once")
    );
    // 4.4: nobody's limit is asked for an account that goes into a pool without an owner.
    let pool = world.pool(open_pool("North")).await;
    assert_eq!(create(&world, "ann", "For all", &pool, "", 2).await.0.len(), 2);
    world.stop().await;
}

/// L25-L27: limits as accounts move into, out of and between pools in their owner's hands.
#[tokio::test]
async fn limits_where_accounts_keep_their_owner() {
    let world = World::start().await;
    let small = Pool {
        claim_limit: Some(1),
        ..open_pool("Small")
    };
    let (home, small) = (world.pool(open_pool("Home")).await, world.pool(small).await);
    let ids = create(&world, "root", "In the pool", &home, "bob", 3).await.0;
    let kept = "ASSIGNED bob was - moved 0 -";
    assert_eq!(world.play("ann", &ids[0], Wish::transfer(&small)).await, kept);
    assert_eq!(
        world.play("ann", &ids[1], Wish::transfer(&small)).await,
        "POOL_CLAIM_LIMIT_REACHED"
    );
    assert_eq!(
        world.play("ann", &ids[1], Wish::transfer_alone(&small)).await,
        "UNASSIGNED - was bob moved 0 TRANSFERRED"
    );
    // Pools are not counted: what goes into one frees a place, what comes out of one needs it.
    set_limit(&world, "bob", 2, false, false).await;
    let own = create(&world, "bob", "Own", "", "", 3).await.0;
    assert_eq!(own.len(), 2);
    assert_eq!(
        world.play("ann", &ids[2], Wish::Remove(false)).await,
        "HOLDING_LIMIT_REACHED"
    );
    assert_eq!(
        world.play("root", &own[0], Wish::Add(small.clone(), false)).await,
        "POOL_CLAIM_LIMIT_REACHED"
    );
    assert_eq!(world.play("root", &own[0], Wish::Add(home.clone(), false)).await, kept);
    assert_eq!(create(&world, "bob", "One more", "", "", 2).await.0.len(), 1, "L26");
    assert_eq!(
        world.play("ann", &ids[2], Wish::Remove(false)).await,
        "HOLDING_LIMIT_REACHED",
        "L27"
    );
    assert_eq!(
        world.play("ann", &ids[2], Wish::Remove(true)).await,
        "UNASSIGNED - was bob moved 0 TRANSFERRED"
    );
    // Moving between pools changes nothing of what the limit counts, at it and above it.
    assert_eq!(world.play("root", &own[0], Wish::transfer(&home)).await, "SAME_POOL");
    world.stop().await;
}

/// L31-L33, R127, W3: only what a user claims himself counts, and it counts for the day, whatever becomes of it.
#[tokio::test]
async fn claims_of_a_day_are_never_given_back() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            daily_claim_limit: Some(3),
            cooldown_days: Some(2),
            ..open_pool("North")
        })
        .await;
    let ids = world.many_lying("Card", &pool, 9).await;
    // L32: what is given does not count.
    for id in &ids[..2] {
        world.play("ann", id, Wish::assign("bob")).await;
    }
    // L33: what fails does not count.
    world.play("bob", &ids[0], Wish::give_back()).await;
    assert_eq!(world.play("bob", &ids[0], Wish::Claim).await, "CLAIM_COOLDOWN_ACTIVE");
    assert_eq!(world.play("bob", &ids[1], Wish::Claim).await, "ALREADY_CLAIMED");
    for id in &ids[2..5] {
        assert_eq!(world.play("bob", id, Wish::Claim).await, "ASSIGNED bob was - moved 0 -");
    }
    // L31: returned, reclaimed or moved away, they count all the same.
    world.play("bob", &ids[2], Wish::give_back()).await;
    world.play("ann", &ids[3], Wish::Reclaim(String::new())).await;
    world.play("ann", &ids[4], Wish::Remove(true)).await;
    let status = world
        .user("bob")
        .circulation()
        .claim_account(claim(&ids[5]))
        .await
        .unwrap_err();
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.metadata["used"].as_str()),
        ("DAILY_CLAIM_LIMIT_REACHED", "3")
    );
    // The day ends at midnight in Shanghai, 14 hours from now.
    assert_eq!(info.metadata["resets_at"], "2026-03-01T16:00:00Z");
    let retry = details.retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(retry.as_secs(), 14 * 3600);
    world.server.clock.advance(TimeDelta::hours(14) - TimeDelta::seconds(1));
    assert_eq!(
        world.play("bob", &ids[5], Wish::Claim).await,
        "DAILY_CLAIM_LIMIT_REACHED"
    );
    assert_eq!(
        world.play("cid", &ids[6], Wish::Claim).await,
        "ASSIGNED cid was - moved 0 -"
    );
    world.server.clock.advance(TimeDelta::seconds(1));
    assert_eq!(
        world.play("bob", &ids[5], Wish::Claim).await,
        "ASSIGNED bob was - moved 0 -"
    );
    world.stop().await;
}

/// L34, D13: a limit for each pool in its zone, and one for all together in the tenant's.
#[tokio::test]
async fn each_pool_has_its_day_and_the_tenant_one_for_all() {
    let world = World::start().await;
    let settings = proto::TenantSettings {
        daily_claim_limit: Some(8),
        ..Default::default()
    };
    world.update_settings(settings, &["daily_claim_limit"]).await;
    let five = |name: &str, zone: &str| Pool {
        daily_claim_limit: Some(5),
        time_zone: zone.into(),
        ..open_pool(name)
    };
    let a = world.pool(five("A", "")).await;
    let b = world.pool(five("B", "America/New_York")).await;
    let (in_a, in_b) = (world.many_lying("A", &a, 6).await, world.many_lying("B", &b, 9).await);
    for id in &in_a[..5] {
        assert_eq!(verdict(&world.make("bob", id, &Wish::Claim).await), "OK");
    }
    let dry = Order {
        dry: true,
        ..Order::of(&in_a[5])
    };
    let (_, admission) = dry.send(&world.user("bob"), &Wish::Claim).await.unwrap();
    let rooms: Vec<_> = admission
        .unwrap()
        .rooms
        .iter()
        .map(|room| (room.limit, room.used))
        .collect();
    assert_eq!(rooms, [(5, 5), (8, 5)]);
    for id in &in_b[..3] {
        assert_eq!(verdict(&world.make("bob", id, &Wish::Claim).await), "OK");
    }
    let refused = world.make("bob", &in_b[3], &Wish::Claim).await.unwrap_err();
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["rule"], "tenant");
    // Where both days are used up, both are told.
    let (_, admission) = dry.send(&world.user("bob"), &Wish::Claim).await.unwrap();
    assert_eq!(all(&admission.unwrap()), ["DAILY_CLAIM_LIMIT_REACHED"; 2]);
    // Three hours on it is midnight in New York: that pool's day begins anew, the tenant's does not.
    world.server.clock.advance(TimeDelta::hours(3));
    let dry = Order {
        dry: true,
        ..Order::of(&in_b[3])
    };
    let (_, admission) = dry.send(&world.user("bob"), &Wish::Claim).await.unwrap();
    let rooms: Vec<_> = admission
        .unwrap()
        .rooms
        .iter()
        .map(|room| (room.limit, room.used))
        .collect();
    assert_eq!(rooms, [(5, 0), (8, 8)]);
    world.stop().await;
}
