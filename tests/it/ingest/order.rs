//! Everybody writes in one order: accounts, then what hangs on them. So nobody waits in a circle.

use super::*;
use crate::hold::Hold;
use crate::{
    harness::{Server, on_a_server},
    schema,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use secrecy::ExposeSecret;
use std::time::Duration;
use tidepool::worker;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

const LONG: Duration = Duration::from_secs(30);

/// How many of those that use this database wait to write accounts.
async fn writing(db: &DatabaseConnection) -> i64 {
    let sql = if schema::is_mariadb(db).await {
        "SELECT COUNT(*) AS number FROM information_schema.processlist \
         WHERE db = DATABASE() AND info LIKE 'UPDATE account SET %'"
    } else {
        // Its list of processes cannot be read while anybody runs a statement with bytes in it that are no text.
        "SELECT COUNT(DISTINCT engine_transaction_id) AS number FROM performance_schema.data_locks \
         WHERE object_schema = DATABASE() AND object_name = 'account' AND lock_status = 'WAITING'"
    };
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
    row.await.unwrap().unwrap().try_get("", "number").unwrap()
}

/// Lets both wait for the account, `first` in front, and lets them go then.
async fn one_after_the_other<A: Send + 'static, B: Send + 'static>(
    world: &World,
    first: impl Future<Output = A> + Send + 'static,
    second: impl Future<Output = B> + Send + 'static,
) -> (A, B) {
    let db = Database::connect(world.server.config.database.url.expose_secret())
        .await
        .unwrap();
    let hold = Hold::accounts(&world.server).await;
    let wait_for = async |number: i64| {
        let all_wait = async {
            while writing(&db).await < number {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, all_wait).await.expect("nobody waits");
    };
    let first: JoinHandle<A> = tokio::spawn(first);
    wait_for(1).await;
    let second: JoinHandle<B> = tokio::spawn(second);
    wait_for(2).await;
    hold.release().await;
    db.close().await.unwrap();
    (first.await.unwrap(), second.await.unwrap())
}

/// R060: somebody hands an account over with its objects while activities tell of these, and while deals are counted again:
/// the database has to give up nobody's transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handovers_activities_and_recounts_meet_in_no_deadlock() {
    let test = "handovers_activities_and_recounts_meet_in_no_deadlock";
    if !on_a_server(test, "there is one writer") {
        return;
    }
    // They meet in connections of their own.
    let server = Server::start_with(|config| config.database.max_connections = 4).await;
    let world = World::of(server).await;
    let id = world.create("Acme", "", "bob").await.id;
    let now = world.server.clock.now();
    let about = |event: &str, kind: &str| Activity {
        object_id: "o1".into(),
        object_owner: "bob".into(),
        ..told(event, &id, kind, now)
    };
    let activities = vec![about("e1", "sales_order.created"), about("e2", "sales_order.confirmed")];
    tell(&world.source("erp"), of(activities)).await.unwrap();
    let hand_over = |to: &'static str| {
        let root = world.user("root");
        let request = proto::ChangeAccountOwnerRequest {
            account_id: id.clone(),
            new_owner: to.into(),
            related_types: vec![proto::RelatedObjectType::SalesOrder.into()],
            ..Default::default()
        };
        async move { root.circulation().change_account_owner(request).await.map(drop) }
    };
    let before = world.server.db().conflicts();
    for (to, event) in [("cid", "e3"), ("dan", "e4"), ("bob", "e5")] {
        let (source, activity) = (world.source("erp"), about(event, "sales_order.shipped"));
        let telling = async move { tell(&source, of(vec![activity])).await };
        let (moved, came) = Box::pin(one_after_the_other(&world, hand_over(to), telling)).await;
        moved.unwrap();
        assert_eq!(came.unwrap(), [RECORDED]);
        assert_eq!(world.ownership(&id).await.owner, to);
    }
    for (to, kind) in [("cid", "sales_order.confirmed"), ("dan", "opportunity.won")] {
        world.close_by(kind).await;
        let request = proto::RecomputeDealStatusRequest::default();
        let mut rules = world.user("root").activity_rules();
        rules.recompute_deal_status(request).await.unwrap();
        let app = world.server.running.app.clone();
        let recount = async move { Box::pin(worker::jobs::once(&app)).await };
        let (moved, worked) = one_after_the_other(&world, hand_over(to), recount).await;
        moved.unwrap();
        assert_eq!(worked.unwrap().failed, 0);
    }
    assert_eq!(world.server.db().conflicts() - before, 0);
    world.stop().await;
}
