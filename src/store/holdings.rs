//! Counts what users hold and claimed, together with the version of their guard row, in one statement for all of them.
//!
//! The version is read in the same statement as the counts: a flow that raises the version by compare-and-set knows
//! that no account came into the user's hands since he was counted. That is what makes limits hold.
//!
//! Every count is answered from a covering index, `account_owner` or `tenure_user`, and ends at its cap; but for that of
//! locks, which reads the accounts of one owner, and is asked for when one of them is locked. The index is named: where one
//! user has much of what there is, MySQL would rather read the tenant's rows in the order of their key.

use super::{codec::Row, dialect::Engine, instant::micros};
use crate::domain::{
    ids::{TenantKey, UserId},
    limits::{Count, Counted, CountsRead},
};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

/// Users per statement.
const USERS: usize = 128;
/// Counts per statement: SQLite takes 500 terms in a UNION.
const COUNTS: usize = 400;

/// The deal statuses that count whether won or not, spelled out so that the column of the index behind is used as well.
const OPEN_AND_WON: &str = "deal_status IN (0, 1, 2)";
const OPEN: &str = "deal_status = 0";

/// What is known of a user who is to get accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolderFacts {
    /// Of his guard row, to compare and raise.
    pub version: i64,
    /// What was counted.
    pub counts: CountsRead,
}

/// Counts. A user without a guard row, which none of the directory is, is left out of the answer.
pub async fn read(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    wanted: &[(UserId, Vec<Count>)],
) -> Result<HashMap<UserId, HolderFacts>, DbErr> {
    let mut facts = HashMap::with_capacity(wanted.len());
    for ask in asks(wanted) {
        let (mut versions, mut numbers) = (Vec::new(), HashMap::<_, CountsRead>::new());
        for statement in ask.statements(Engine::of(conn), tenant) {
            for row in conn.query_all_raw(statement).await? {
                let slot: i64 = row.try_get("", "slot")?;
                let number: i64 = row.try_get("", "number")?;
                if let Some((user, what, _)) = usize::try_from(slot).ok().and_then(|slot| ask.counts.get(slot)) {
                    let number = u32::try_from(number).unwrap_or(u32::MAX);
                    numbers.entry(*user).or_default().0.insert(*what, number);
                } else {
                    let id: String = row.try_get("", "user_id")?;
                    let (table, key) = ("holder", &id);
                    versions.push((Row { table, tenant, key }.id("user_id", &id, UserId::parse)?, number));
                }
            }
        }
        facts.extend(versions.into_iter().map(|(user, version)| {
            let counts = numbers.remove(&user).unwrap_or_default();
            (user, HolderFacts { version, counts })
        }));
    }
    Ok(facts)
}

/// What [`read`] sends; for looking at how it is carried out.
#[must_use]
pub fn statements(engine: Engine, tenant: TenantKey, wanted: &[(UserId, Vec<Count>)]) -> Vec<Statement> {
    let asks = asks(wanted);
    asks.iter().flat_map(|ask| ask.statements(engine, tenant)).collect()
}

/// Some users, each in one `Ask` only, and what to count for them, at the place that is its slot in the answer.
struct Ask<'a> {
    users: Vec<&'a UserId>,
    counts: Vec<(&'a UserId, Counted, u32)>,
}

fn asks(wanted: &[(UserId, Vec<Count>)]) -> Vec<Ask<'_>> {
    // What is asked for twice is counted once, up to the higher cap.
    let mut users: BTreeMap<&UserId, BTreeMap<Counted, u32>> = BTreeMap::new();
    for (user, counts) in wanted {
        let caps = users.entry(user).or_default();
        for count in counts {
            let cap = caps.entry(count.what).or_insert(count.cap);
            *cap = count.cap.max(*cap);
        }
    }
    let users: Vec<_> = users.into_iter().collect();
    let asks = users.chunks(USERS).map(|chunk| {
        let counts = chunk
            .iter()
            .flat_map(|(user, caps)| caps.iter().map(|(what, cap)| (*user, *what, *cap)));
        Ask {
            users: chunk.iter().map(|(user, _)| *user).collect(),
            counts: counts.collect(),
        }
    });
    asks.collect()
}

impl Ask<'_> {
    /// One statement, unless there are more counts than fit into one. The versions are in the first, so that no count is
    /// older than the version that is to guard it.
    fn statements(&self, engine: Engine, tenant: TenantKey) -> Vec<Statement> {
        let places = vec!["?"; self.users.len()].join(", ");
        let mut sql = format!(
            "SELECT -1 AS slot, user_id, version AS number FROM holder WHERE tenant = ? AND user_id IN ({places})"
        );
        let users = self.users.iter().map(|user| user.as_str().into());
        let mut values: Vec<Value> = std::iter::once(tenant.0.into()).chain(users).collect();
        let mut statements = Vec::new();
        for (slot, (user, what, cap)) in self.counts.iter().enumerate() {
            if slot > 0 && slot.is_multiple_of(COUNTS) {
                let (sql, values) = (std::mem::take(&mut sql), std::mem::take(&mut values));
                statements.push(Statement::from_sql_and_values(engine.backend(), sql, values));
            }
            if !sql.is_empty() {
                sql.push_str(" UNION ALL ");
            }
            let from = rows(engine, tenant, user, *what, &mut values);
            values.push(i64::from(*cap).into());
            // Writing to a String cannot fail.
            let _ = write!(
                sql,
                "SELECT {slot} AS slot, NULL AS user_id, COUNT(*) AS number FROM (SELECT 1 FROM {from} LIMIT ?) AS t{slot}"
            );
        }
        statements.push(Statement::from_sql_and_values(engine.backend(), sql, values));
        statements
    }
}

/// The rows that one count counts. An owner has nothing but drafts (1, 2) and assigned accounts (4).
fn rows(engine: Engine, tenant: TenantKey, user: &UserId, what: Counted, values: &mut Vec<Value>) -> String {
    values.extend([tenant.0.into(), user.as_str().into()]);
    let owned = engine.by_index("account", "c", "account_owner");
    let claimed = engine.by_index("tenure", "c", "tenure_user");
    let deal = |count_won: bool| if count_won { OPEN_AND_WON } else { OPEN };
    match what {
        Counted::Holding { count_pool, count_won } => {
            let deal = deal(count_won);
            let pool = if count_pool { "" } else { " AND pool_id IS NULL" };
            format!("{owned} WHERE tenant = ? AND owner = ? AND {deal}{pool} AND status IN (1, 2, 4)")
        }
        Counted::Pool { pool, count_won } => {
            let deal = deal(count_won);
            values.push(pool.0.into());
            format!("{owned} WHERE tenant = ? AND owner = ? AND {deal} AND pool_id = ? AND status = 4")
        }
        Counted::DailyPool { pool, since } => {
            values.extend([micros(since).into(), pool.0.into()]);
            format!(
                "{claimed} WHERE tenant = ? AND user_id = ? AND start_cause = 1 AND start_time >= ? AND pool_id = ?"
            )
        }
        Counted::DailyTenant { since } => {
            values.push(micros(since).into());
            format!("{claimed} WHERE tenant = ? AND user_id = ? AND start_cause = 1 AND start_time >= ?")
        }
        Counted::Locked { at } => {
            values.push(micros(at).into());
            format!(
                "{owned} WHERE tenant = ? AND owner = ? AND status = 4 AND locked_by IS NOT NULL \
                 AND (lock_expire_time = 0 OR lock_expire_time > ?)"
            )
        }
    }
}
