//! Accounts are canceled, restored, deleted.

use crate::{
    harness::{ACME, Refused},
    moves::{Order, Wish, named_pool, verdict},
    world::World,
};
use sea_orm::{ConnectionTrait, Statement};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Account, NewAccount, Pool, TeamAccess},
};
use tonic::Code;

async fn stage() -> (World, String) {
    let world = World::start().await;
    world.more_people().await;
    let home = world.pool(named_pool("Home")).await;
    (world, home)
}

/// R019, R020 (2.6): CRM admins do, others may not, strangers do not know.
#[tokio::test]
async fn crm_admins_cancel_restore_and_delete() {
    let (world, home) = stage().await;
    let id = world.create("Acme", &home, "bob").await.id;
    let who = ["adm", "ann", "bob", "cid", "dan"];
    for (at, wish) in [Wish::Cancel, Wish::Restore(false), Wish::Delete]
        .into_iter()
        .enumerate()
    {
        for who in who {
            // A member knows of an account that somebody else owns, and that is all.
            let expected = if who == "dan" { "NOT_FOUND" } else { "NOT_AUTHORIZED" };
            assert_eq!(verdict(&world.make(who, &id, &wish).await), expected, "{who} {wish:?}");
        }
        if at > 0 {
            let expected = ["", "INVALID_STATUS", "NOT_CANCELED"][at];
            assert_eq!(verdict(&world.make("root", &id, &wish).await), expected, "{wish:?}");
        }
    }
    assert_eq!(
        world.play("root", &id, Wish::Cancel).await,
        "CANCELED - was bob moved 0 -"
    );
    for wish in [Wish::Cancel, Wish::Restore(false), Wish::Delete] {
        for who in who {
            assert_eq!(
                verdict(&world.make(who, &id, &wish).await),
                "NOT_FOUND",
                "{who} {wish:?}"
            );
        }
    }
    assert_eq!(verdict(&world.make("root", &id, &Wish::Cancel).await), "INVALID_STATUS");
    let stale = Order {
        etag: "1".into(),
        ..Order::of(&id)
    };
    for wish in [Wish::Cancel, Wish::Restore(false), Wish::Delete] {
        assert_eq!(
            verdict(&stale.send(&world.user("root"), &wish).await),
            "ETAG_MISMATCH",
            "{wish:?}"
        );
    }
    world.stop().await;
}

/// R020, I4 (2.4): an account comes back as it was, with its owner or, on request, without.
#[tokio::test]
async fn a_canceled_account_comes_back_as_it_was() {
    let (world, home) = stage().await;
    let owned = world.create("Owned", &home, "bob").await.id;
    world.put_member("root", &owned, "tim", TeamAccess::Read).await;
    for (wish, expected) in [
        (Wish::Cancel, "CANCELED - was bob moved 0 -"),
        (Wish::Restore(false), "ASSIGNED bob was bob moved 0 -"),
        (Wish::Cancel, "CANCELED - was bob moved 0 -"),
        (Wish::Restore(true), "UNASSIGNED - was bob moved 0 RESTORED"),
        (Wish::Cancel, "CANCELED - was bob moved 0 RESTORED"),
        (Wish::Restore(false), "UNASSIGNED - was bob moved 0 RESTORED"),
    ] {
        assert_eq!(world.play("root", &owned, wish.clone()).await, expected, "{wish:?}");
        assert_eq!(world.ownership(&owned).await.pool_id, home);
    }
    assert_eq!(
        world.tenures(&owned).await,
        [
            "bob CREATED by , CANCELED by root",
            "bob RESTORED by root, CANCELED by root"
        ]
    );
    assert_eq!(world.team(&owned).await, ["tim"]);
    // A repeated call answers as the first did.
    let order = Order {
        request_id: "once".into(),
        ..Order::of(&owned)
    };
    let first = order.send(&world.user("root"), &Wish::Cancel).await.unwrap();
    world.play("root", &owned, Wish::Restore(false)).await;
    assert_eq!(order.send(&world.user("root"), &Wish::Cancel).await.unwrap(), first);
    let other = order.send(&world.user("root"), &Wish::Restore(false)).await;
    assert_eq!(verdict(&other), "REQUEST_ID_REUSED");
    // Canceling does not keep anybody from claiming, and neither does a pool that is out of use keep it away.
    world.disable(&home).await;
    assert_eq!(
        world.play("root", &owned, Wish::Cancel).await,
        "CANCELED - was bob moved 0 RESTORED"
    );
    assert_eq!(
        world.play("root", &owned, Wish::Restore(false)).await,
        "UNASSIGNED - was bob moved 0 RESTORED"
    );
    world.stop().await;
}

/// L30: canceling frees a place, restoring needs one; an owner who cannot hold it any more is named.
#[tokio::test]
async fn restoring_needs_a_place() {
    let (world, _) = stage().await;
    let small = world
        .pool(Pool {
            claim_limit: Some(1),
            ..named_pool("Small")
        })
        .await;
    let id = world.create("Acme", &small, "bob").await.id;
    let next = world.lying("Next", &small).await;
    assert_eq!(world.play("bob", &next, Wish::Claim).await, "POOL_CLAIM_LIMIT_REACHED");
    world.play("root", &id, Wish::Cancel).await;
    assert_eq!(
        world.play("bob", &next, Wish::Claim).await,
        "ASSIGNED bob was - moved 0 -"
    );
    assert_eq!(
        world.play("root", &id, Wish::Restore(false)).await,
        "POOL_CLAIM_LIMIT_REACHED"
    );
    world.play("bob", &next, Wish::give_back()).await;
    assert_eq!(
        world.play("root", &id, Wish::Restore(false)).await,
        "ASSIGNED bob was bob moved 0 -"
    );

    world.play("root", &id, Wish::Cancel).await;
    let members = proto::PoolMembers {
        users: vec!["cid".into()],
        ..Default::default()
    };
    let pool = Pool {
        id: small.clone(),
        members: Some(members),
        ..Pool::default()
    };
    world.update_pool(pool, &["members"]).await;
    assert_eq!(
        world.play("root", &id, Wish::Restore(false)).await,
        "ASSIGNEE_NOT_MEMBER"
    );
    let gone = proto::User {
        active: false,
        ..crate::world::user("bob")
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![gone],
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    assert_eq!(world.play("root", &id, Wish::Restore(false)).await, "ASSIGNEE_INACTIVE");
    assert_eq!(
        world.play("root", &id, Wish::Restore(true)).await,
        "UNASSIGNED - was bob moved 0 RESTORED"
    );
    world.stop().await;
}

/// How many rows of the account the table has.
async fn rows(world: &World, table: &str, account: &str) -> i64 {
    let db = world.server.db();
    let unit = db.unit("test", tokio::time::Instant::now() + std::time::Duration::from_secs(30));
    let reader = unit.reader().await.unwrap();
    let sql = format!("SELECT COUNT(*) AS number FROM {table} WHERE account_id = ?");
    let id = uuid::Uuid::parse_str(account).unwrap();
    let statement = Statement::from_sql_and_values(db.engine().backend(), sql, [id.into()]);
    reader
        .query_one_raw(statement)
        .await
        .unwrap()
        .unwrap()
        .try_get("", "number")
        .unwrap()
}

/// R020 (2.3): a deleted account leaves who owned it when, and nothing that people wrote; its names are free again.
#[tokio::test]
async fn deleting_leaves_tenures_and_no_personal_data() {
    let (world, home) = stage().await;
    let new = || proto::CreateAccountRequest {
        new_account: Some(NewAccount {
            account: Some(Account {
                name: "Acme".into(),
                phone: "138-0000".into(),
                remark: "likes tea".into(),
                external_id: "sap-1".into(),
                tags: vec!["vip".into()],
                ..Account::default()
            }),
            pool_id: home.clone(),
            owner: "bob".into(),
        }),
        ..Default::default()
    };
    let mut admin = world.server.admin().accounts();
    let made = admin.create_account(new()).await.unwrap().into_inner().account.unwrap();
    let id = made.id;
    world.put_member("root", &id, "tim", TeamAccess::Read).await;
    world.play("bob", &id, Wish::because("", "says he likes tea", "")).await;
    world.play("root", &id, Wish::Cancel).await;
    // Not before it is deleted.
    admin
        .create_account(new())
        .await
        .refused(Code::AlreadyExists, Reason::DuplicateExact);
    let order = Order {
        request_id: "once".into(),
        ..Order::of(&id)
    };
    for _ in 0..2 {
        assert_eq!(verdict(&order.send(&world.user("root"), &Wish::Delete).await), "OK");
    }
    for wish in [Wish::Delete, Wish::Cancel, Wish::Restore(false), Wish::assign("cid")] {
        assert_eq!(verdict(&world.make("root", &id, &wish).await), "NOT_FOUND", "{wish:?}");
    }
    let read = proto::GetAccountRequest { account_id: id.clone() };
    admin.get_account(read).await.refused(Code::NotFound, Reason::NotFound);
    assert_eq!(world.tenures(&id).await, ["bob CREATED by , RETURNED by bob"]);
    let kinds: Vec<_> = world.events(&id).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds.last().unwrap(), "account.deleted");
    for table in ["account_tag", "account_field", "account_team"] {
        assert_eq!(rows(&world, table, &id).await, 0, "{table}");
    }
    assert_eq!(rows(&world, "tenure", &id).await, 1);
    let db = world.server.db();
    let unit = db.unit("test", tokio::time::Instant::now() + std::time::Duration::from_secs(30));
    let reader = unit.reader().await.unwrap();
    let sql = "SELECT * FROM account WHERE id = ?";
    let statement =
        Statement::from_sql_and_values(db.engine().backend(), sql, [uuid::Uuid::parse_str(&id).unwrap().into()]);
    let row = reader.query_one_raw(statement).await.unwrap().unwrap();
    for column in ["name", "phone", "remark", "last_end_note", "name_key"] {
        assert_eq!(row.try_get::<String>("", column).unwrap(), "", "{column}");
    }
    drop(reader);
    // Its names are free, and the pool it lay in can go.
    let again = admin.create_account(new()).await.unwrap().into_inner().account.unwrap();
    world.play("root", &again.id, Wish::Remove(false)).await;
    let request = proto::DeletePoolRequest {
        pool_id: home,
        ..Default::default()
    };
    world.server.admin().pools().delete_pool(request).await.unwrap();
    assert_eq!(world.server.admin().tenant, ACME);
    world.stop().await;
}
