//! Leases: who does a kind of background work for now. They save work; they never protect correctness.
//!
//! Time is the database's, so that hosts whose clocks differ agree. Each taking raises the epoch: a holder that was
//! paused for too long finds its epoch gone at the next renewal and stops. If the database's clock goes back, what was written
//! before lies further ahead than any lease lasts; such a lease is nobody's.

use super::dialect::Engine;
use super::sql::statement;
use sea_orm::{ConnectionTrait, DbErr};
use std::time::Duration;

/// A lease that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: &'static str,
    /// Which taking it is.
    pub epoch: i64,
}

fn micros(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX)
}

/// Takes the lease if nobody holds it, its holder let it expire, it ends later than a lease can, or its holder is `owner`:
/// whoever could not let go of it, since the database was gone, or does not know that it has it, need not wait for itself. Its
/// earlier takings end with that.
pub async fn take(
    conn: &impl ConnectionTrait,
    engine: Engine,
    name: &'static str,
    owner: &str,
    ttl: Duration,
) -> Result<Option<Lease>, DbErr> {
    let now = engine.now_micros();
    let insert = format!(
        "{} lease (name, owner, epoch, expire_time) VALUES (?, '-', 0, 0)",
        engine.insert_or_ignore()
    );
    conn.execute_raw(statement(conn, &insert, [name.into()])).await?;
    let update = format!(
        "UPDATE lease SET owner = ?, epoch = epoch + 1, expire_time = {now} + ? \
         WHERE name = ? AND (expire_time < {now} OR expire_time > {now} + ? OR owner = ?)"
    );
    // The clocks of a cluster's nodes differ a little, and they may not take each other's leases all the time.
    let latest = micros(4 * ttl);
    let taken = conn
        .execute_raw(statement(
            conn,
            &update,
            [
                owner.into(),
                micros(ttl).into(),
                name.into(),
                latest.into(),
                owner.into(),
            ],
        ))
        .await?;
    if taken.rows_affected() == 0 {
        return Ok(None);
    }
    let select = "SELECT epoch FROM lease WHERE name = ? AND owner = ?";
    let row = conn
        .query_one_raw(statement(conn, select, [name.into(), owner.into()]))
        .await?;
    row.map(|row| {
        Ok(Lease {
            name,
            epoch: row.try_get("", "epoch")?,
        })
    })
    .transpose()
}

/// Holds on to the lease; `false` means that it was lost.
pub async fn renew(conn: &impl ConnectionTrait, engine: Engine, lease: &Lease, ttl: Duration) -> Result<bool, DbErr> {
    let now = engine.now_micros();
    let update =
        format!("UPDATE lease SET expire_time = {now} + ? WHERE name = ? AND epoch = ? AND expire_time >= {now}");
    let renewed = conn
        .execute_raw(statement(
            conn,
            &update,
            [micros(ttl).into(), lease.name.into(), lease.epoch.into()],
        ))
        .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Lets go, so that others need not wait until it expires.
pub async fn release(conn: &impl ConnectionTrait, lease: &Lease) -> Result<(), DbErr> {
    let update = "UPDATE lease SET expire_time = 0 WHERE name = ? AND epoch = ?";
    conn.execute_raw(statement(conn, update, [lease.name.into(), lease.epoch.into()]))
        .await
        .map(drop)
}
