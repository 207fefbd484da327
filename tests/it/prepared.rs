//! Statements on a server: which are prepared, when those are closed, and that what is written as text is what was sent.

use crate::{
    activities::told,
    harness::on_a_server,
    rig::{LONG, Rig, rests},
    world::World,
};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Statement, Value};
use tidepool::{
    rpc::proto::{self, Account, Activity, NewAccount, RecordOutcome},
    store::Tx,
};
use tokio::time::Instant;

async fn number(tx: &Tx, sql: &str) -> i64 {
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, Vec::<Value>::new());
    let row = tx.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn closed(tx: &Tx) -> i64 {
    let status = Statement::from_string(tx.get_database_backend(), "SHOW SESSION STATUS LIKE 'Com_stmt_close'");
    let row = tx.query_one_raw(status).await.unwrap().unwrap();
    row.try_get::<String>("", "Value").unwrap().parse().unwrap()
}

/// The close of a prepared statement is not answered, and the next one would wait for 40 ms until it is acknowledged: so none
/// is closed while a unit of work goes on, whatever it prepares, and what was prepared does not heap up on the server.
#[tokio::test]
async fn statements_are_closed_between_units_of_work_only() {
    if !on_a_server("prepared statements", "there is no server that keeps them") {
        return;
    }
    let rig = Rig::start(1).await;
    let mut before = 0;
    for round in 0..3 {
        let unit = rig.db.unit("many statements", Instant::now() + LONG);
        let counted = unit.tx(async |tx| {
            let begin = closed(tx).await;
            for at in 0..150 {
                assert_eq!(
                    number(tx, &format!("SELECT {round} * 1000 + {at}")).await,
                    round * 1000 + at
                );
            }
            Ok((begin, closed(tx).await))
        });
        let (begin, end) = counted.await.unwrap();
        assert_eq!(begin, end, "closed within a unit of work");
        if round > 0 {
            assert!(begin >= before + 150, "{begin} closed, {before} before the last unit");
        }
        before = end;
        rests(&rig.db).await;
    }
    rig.stop().await;
}

const NAMES: [&str; 6] = [
    "O'Brien \\ Sons",
    "Robert'); DROP TABLE account;--",
    "why? why? why?",
    "海边的池塘 🐟 \"best\"",
    "50 % _ off /* not a comment */",
    "ends with a backslash \\",
];

/// Wide writes go as text; nothing that is in it is more than a value, and every character and digit comes back.
#[tokio::test]
async fn what_is_written_as_text_is_what_was_sent() {
    let world = World::start().await;
    let location = Some(proto::Location {
        latitude: -89.123_456_789_012_34,
        longitude: 0.1 + 0.2,
    });
    let new_accounts = NAMES.map(|name| NewAccount {
        account: Some(Account {
            location,
            remark: format!("line one\nline 'two'\t{name}"),
            name: name.into(),
            ..Account::default()
        }),
        ..NewAccount::default()
    });
    let request = proto::BulkCreateAccountsRequest {
        new_accounts: new_accounts.clone().into(),
        ..Default::default()
    };
    let ann = world.user("ann").accounts();
    let created = ann.clone().bulk_create_accounts(request).await.unwrap().into_inner();
    let ids: Vec<_> = created.results.into_iter().map(|result| result.account_id).collect();
    for (id, sent) in ids.iter().zip(&new_accounts) {
        let request = proto::GetAccountRequest { account_id: id.clone() };
        let read = ann
            .clone()
            .get_account(request)
            .await
            .unwrap()
            .into_inner()
            .account
            .unwrap();
        let sent = sent.account.clone().unwrap();
        assert_eq!(
            (read.name, read.remark, read.location),
            (sent.name, sent.remark, sent.location)
        );
    }

    let at = world.server.clock.now() - TimeDelta::hours(1);
    let activities = ids
        .iter()
        .zip(NAMES)
        .enumerate()
        .map(|(number, (id, summary))| Activity {
            object_id: format!("{summary} {number}"),
            summary: summary.into(),
            ..told(&format!("{summary}/{number}"), id, "contact.visit", at)
        });
    let activities: Vec<_> = activities.collect();
    for again in [RecordOutcome::Recorded, RecordOutcome::Duplicate] {
        let outcomes = world.tell("orders", activities.clone()).await;
        assert_eq!(outcomes, vec![Ok(again); NAMES.len()]);
    }
    for (id, summary) in ids.iter().zip(NAMES) {
        let request = proto::ListTimelineRequest {
            account_id: id.clone(),
            ..Default::default()
        };
        let entries = world
            .user("root")
            .history()
            .list_timeline(request)
            .await
            .unwrap()
            .into_inner()
            .entries;
        assert!(
            format!("{entries:?}").contains(&format!("{summary:?}")),
            "{summary} in {entries:?}"
        );
    }
    world.stop().await;
}
