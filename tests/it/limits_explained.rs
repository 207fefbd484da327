//! What limits a user: which limit holds, what he holds, and how much room that leaves.

use crate::{
    harness::{ACME, Refused, Server, start},
    holdings::{Row, in_tx, put_account, put_tenure},
    limits_config::{create, department, everybody, explain, explaining, groups, limit, organisation, updating, users},
};
use chrono::TimeDelta;
use tidepool::{
    domain::{
        ids::{PoolId, TenantName, UserId},
        limits::{Count, Counted, How, UserLimits},
        refusal::Reason,
    },
    rpc::proto::{self, Pool, PoolMembers, RetentionLimit, RetentionLimitLevel as Level, RetentionLimitLoss as Loss},
};
use tonic::Code;

/// R119, R120, X08: who wins, who loses and why; a department's limit is each employee's own.
#[tokio::test]
async fn an_explanation_names_winner_and_losers() {
    let server = Server::start().await;
    organisation(&server).await;
    let free = explain(&server, "ann").await;
    assert_eq!(
        (free.winner.as_ref(), free.losers.len(), free.room, free.used),
        (None, 0, None, 0),
        "R120"
    );

    create(&server, limit("Company", 30, department("company", true))).await;
    create(&server, limit("Keys", 20, groups(&["keys"]))).await;
    create(&server, limit("Ann", 25, users(&["ann"]))).await;
    create(&server, limit("All", 5, everybody())).await;
    let ann = explain(&server, "ann").await;
    let winner = ann.winner.clone().unwrap();
    assert_eq!(
        (winner.display_name.as_str(), winner.level(), winner.loss()),
        ("Ann", Level::User, Loss::Unspecified)
    );
    let losers: Vec<_> = ann
        .losers
        .iter()
        .map(|l| (l.display_name.as_str(), l.level(), l.loss()))
        .collect();
    let expected = [
        ("Keys", Level::Group, Loss::LessSpecific),
        ("Company", Level::DepartmentAbove, Loss::LessSpecific),
        ("All", Level::TenantDefault, Loss::LessSpecific),
    ];
    assert_eq!(losers, expected);
    let zoe = explain(&server, "zoe").await.winner.unwrap();
    assert_eq!(
        (zoe.display_name.as_str(), zoe.level()),
        ("Company", Level::PrimaryDepartment)
    );
    assert_eq!(explain(&server, "cid").await.winner.unwrap().display_name, "All");

    // He himself and those above him may know; a colleague may not, and nobody asks for strangers.
    for who in ["ann", "zoe"] {
        let answer = server
            .user(who)
            .limits()
            .explain_retention_limit(explaining("ann"))
            .await
            .unwrap();
        assert_eq!(answer.into_inner().explanation.as_ref(), Some(&ann));
    }
    for (who, whom) in [("bob", "ann"), ("ann", "zoe")] {
        let answer = server
            .user(who)
            .limits()
            .explain_retention_limit(explaining(whom))
            .await;
        answer.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let stranger = server
        .admin()
        .limits()
        .explain_retention_limit(explaining("nobody"))
        .await;
    stranger.refused(Code::NotFound, Reason::NotFound);
    server.discard().await;
}

async fn pool(server: &Server, pool: Pool) -> PoolId {
    let request = proto::CreatePoolRequest {
        pool: Some(Pool {
            administrators: vec!["zoe".into()],
            members: Some(PoolMembers {
                users: vec!["ann".into()],
                ..PoolMembers::default()
            }),
            ..pool
        }),
        ..Default::default()
    };
    let made = server.admin().pools().create_pool(request).await.unwrap().into_inner();
    PoolId::parse(&made.pool.unwrap().id).unwrap()
}

/// L12, L21, L31, R123 to R125, X08: what is held, what room is left, and by how much a lowered limit is exceeded.
#[tokio::test]
async fn an_explanation_counts_what_is_held() {
    let server = Server::start().await;
    organisation(&server).await;
    let north = Pool {
        display_name: "North".into(),
        claim_limit: Some(5),
        claim_limit_counts_won: true,
        daily_claim_limit: Some(3),
        ..Pool::default()
    };
    let north = pool(&server, north).await;
    let south = Pool {
        display_name: "South".into(),
        ..Pool::default()
    };
    let south = pool(&server, south).await;
    let east = Pool {
        display_name: "East".into(),
        claim_limit: Some(2),
        ..Pool::default()
    };
    let east = pool(&server, east).await;
    let (made, _) = create(&server, limit("Sales", 20, department("sales", false))).await;
    let midnight = start() - TimeDelta::hours(10);
    in_tx(&server, async |tx| {
        let own = Row {
            owner: "ann",
            pool: None,
            status: 4,
            deal_status: 0,
        };
        let in_north = Row {
            pool: Some(north),
            ..own
        };
        let in_east = Row {
            pool: Some(east),
            ..own
        };
        let won = |row| Row { deal_status: 1, ..row };
        let won_again = |row| Row { deal_status: 2, ..row };
        let rows = [
            (15, own),
            (1, won(own)),
            (1, won_again(own)),
            (2, in_north),
            (1, won(in_north)),
            (1, won(in_east)),
            (1, won_again(in_east)),
        ];
        for (number, row) in rows {
            for _ in 0..number {
                put_account(tx, row).await;
            }
        }
        for (pool, at) in [
            (north, midnight),
            (north, midnight - TimeDelta::microseconds(1)),
            (south, midnight),
        ] {
            put_tenure(tx, "ann", pool, 1, at.timestamp_micros()).await;
        }
    })
    .await;

    let ann = explain(&server, "ann").await;
    assert_eq!((ann.used, ann.room, ann.over_limit), (17, Some(3), 0), "L12");
    assert_eq!((ann.claimed_today, ann.daily_claim_limit), (2, None));
    assert_eq!(
        ann.reset_time.map(|time| time.seconds),
        Some((midnight + TimeDelta::days(1)).timestamp())
    );
    let [in_north, in_south, in_east] = &ann.pools[..] else {
        panic!("{:?}", ann.pools)
    };
    let of = |room: &proto::PoolRoom| (room.used, room.room, room.claimed_today, room.claim_room);
    assert_eq!(in_north.pool_id, north.to_string());
    assert_eq!(of(in_north), (3, Some(2), 1, Some(2)));
    assert_eq!(of(in_south), (0, Some(3), 1, Some(3)));
    assert_eq!(of(in_east), (0, Some(2), 0, Some(2)), "won ones do not count there");
    assert_eq!((in_north.daily_claim_limit, in_south.claim_limit), (Some(3), None));

    // Bob is in no pool and holds nothing.
    let bob = explain(&server, "bob").await;
    assert_eq!((bob.used, bob.room, bob.pools.len()), (0, Some(20), 0), "R119");

    let lower = RetentionLimit {
        limit: Some(15),
        ..made.clone()
    };
    server
        .admin()
        .limits()
        .update_retention_limit(updating(lower, &["limit"]))
        .await
        .unwrap();
    let ann = explain(&server, "ann").await;
    assert_eq!((ann.used, ann.room, ann.over_limit), (17, Some(0), 2), "L21");

    // L15 and L17's neighbour: pools do not count, so only what is outside does.
    let outside = RetentionLimit {
        count_pool_accounts: Some(false),
        count_won: true,
        ..made
    };
    let paths = ["count_pool_accounts", "count_won"];
    server
        .admin()
        .limits()
        .update_retention_limit(updating(
            RetentionLimit {
                etag: String::new(),
                ..outside
            },
            &paths,
        ))
        .await
        .unwrap();
    let ann = explain(&server, "ann").await;
    assert_eq!((ann.used, ann.room, ann.over_limit), (17, Some(0), 2));
    assert_eq!(of(&ann.pools[0]), (3, Some(2), 1, Some(2)));
    assert_eq!(of(&ann.pools[1]), (0, None, 1, None));

    // The next day begins at midnight in Shanghai.
    server.clock.advance(TimeDelta::hours(14));
    assert_eq!(explain(&server, "ann").await.claimed_today, 0);
    server.discard().await;
}

/// 4.4: only what some limit is compared with is counted, and only as far as the comparison needs.
#[tokio::test]
async fn only_what_binds_is_counted() {
    let server = Server::start().await;
    organisation(&server).await;
    let north = Pool {
        display_name: "North".into(),
        claim_limit: Some(5),
        daily_claim_limit: Some(3),
        ..Pool::default()
    };
    let north = pool(&server, north).await;
    let south = Pool {
        display_name: "South".into(),
        ..Pool::default()
    };
    let south = pool(&server, south).await;
    let outside = RetentionLimit {
        count_pool_accounts: Some(false),
        ..limit("Outside", 20, users(&["ann"]))
    };
    create(&server, outside).await;
    create(&server, limit("Keys", 7, groups(&["keys"]))).await;
    let tenant = TenantName::parse(ACME).unwrap();
    let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    let org = server
        .running
        .app
        .snapshots
        .current(&tenant, soon)
        .await
        .unwrap()
        .unwrap();
    let counts = |who: &str, into: &[Option<PoolId>], how, give_backs| {
        let limits = UserLimits::of(&org, &UserId::parse(who).unwrap(), into.iter().copied(), how, start());
        limits.counts(give_backs)
    };
    let holding = |count_pool, cap| Count {
        what: Counted::Holding {
            count_pool,
            count_won: false,
        },
        cap,
    };
    let in_north = Count {
        what: Counted::Pool {
            pool: north,
            count_won: false,
        },
        cap: 6,
    };
    let since = start() - TimeDelta::hours(10);
    let today = Count {
        what: Counted::DailyPool { pool: north, since },
        cap: 4,
    };
    let (given, claimed) = (How::Given, How::Claimed);
    // Ann's limit leaves pools alone; Bob's does not.
    assert_eq!(counts("ann", &[Some(south)], claimed, 0), []);
    assert_eq!(counts("ann", &[None], given, 0), [holding(false, 21)]);
    assert_eq!(counts("ann", &[Some(north)], given, 0), [in_north]);
    assert_eq!(counts("bob", &[Some(south)], given, 2), [holding(true, 10)]);
    assert_eq!(
        counts("bob", &[Some(north); 2], claimed, 0),
        [holding(true, 8), in_north, today]
    );
    assert_eq!(counts("cid", &[None, Some(south)], claimed, 0), []);
    assert_eq!(counts("bob", &[], claimed, 0), []);
    server.discard().await;
}
