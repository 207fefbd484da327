//! Invariants of the stored data, each as one query for the rows that break it. Read-only.
//!
//! The application keeps them by construction and the schema by keys and checks where it can; this is for operators who
//! restored a backup, changed rows by hand or doubt the service, and it ends every integration test.

use sea_orm::{ConnectionTrait, DbErr, Statement};

/// Rows that are shown per check.
const SAMPLES: usize = 5;
/// Rows that are counted per check.
const COUNTED: usize = 1000;

/// An invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub rule: &'static str,
    /// Selects `tenant` and `row_key` of what breaks it.
    sql: &'static str,
}

/// What breaks an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant's name.
    pub name: &'static str,
    /// What must hold.
    pub rule: &'static str,
    /// How many rows break it, counted up to a thousand.
    pub count: usize,
    /// The first of them, as `tenant/key`.
    pub samples: Vec<String>,
}

// ASSIGNED is 4; UNACTIVATED 1 and REPORTING 2 have an owner without a tenure; DELETED is 7.
/// All of them.
pub const CHECKS: &[Check] = &[
    Check {
        name: "owner",
        rule: "an account has an owner exactly while it is assigned or waits for approval",
        sql: "SELECT tenant, HEX(id) AS row_key FROM account WHERE (owner IS NOT NULL) <> (status IN (1, 2, 4)) \
              OR (owner IS NULL) <> (owner_since IS NULL)",
    },
    Check {
        name: "canceled",
        rule: "canceled accounts remember the status before",
        sql: "SELECT tenant, HEX(id) AS row_key FROM account WHERE status = 5 AND status_before_cancel IS NULL",
    },
    Check {
        name: "clock",
        rule: "only assigned accounts have a clock that runs",
        sql: "SELECT tenant, HEX(id) AS row_key FROM account WHERE status <> 4 AND (reclaim_time IS NOT NULL \
              OR anchor_time IS NOT NULL OR wake_time IS NOT NULL OR rule_id IS NOT NULL OR notice_floor <> 0 \
              OR tenure_clock IS NOT NULL)",
    },
    Check {
        name: "lock",
        rule: "only assigned accounts are locked, and who locked one is known",
        sql: "SELECT tenant, HEX(id) AS row_key FROM account WHERE (locked_by IS NOT NULL AND (status <> 4 \
              OR lock_time = 0)) OR (locked_by IS NULL AND (lock_time <> 0 OR lock_expire_time <> 0))",
    },
    Check {
        name: "pool",
        rule: "an account's pool exists",
        sql: "SELECT a.tenant, HEX(a.id) AS row_key FROM account a WHERE a.pool_id IS NOT NULL AND NOT EXISTS \
              (SELECT 1 FROM pool p WHERE p.tenant = a.tenant AND p.id = a.pool_id)",
    },
    Check {
        name: "owner-known",
        rule: "an account's owner is a user of the directory",
        sql: "SELECT a.tenant, HEX(a.id) AS row_key FROM account a WHERE a.owner IS NOT NULL AND NOT EXISTS \
              (SELECT 1 FROM directory_user u WHERE u.tenant = a.tenant AND u.id = a.owner)",
    },
    Check {
        name: "holder",
        rule: "every user has a guard row",
        sql: "SELECT u.tenant, u.id AS row_key FROM directory_user u WHERE NOT EXISTS \
              (SELECT 1 FROM holder h WHERE h.tenant = u.tenant AND h.user_id = u.id)",
    },
    Check {
        name: "tenure",
        rule: "an assigned account has one running tenure: its owner's, since he owns it",
        sql: "SELECT a.tenant, HEX(a.id) AS row_key FROM account a WHERE a.status = 4 AND (SELECT COUNT(*) FROM tenure t \
              WHERE t.tenant = a.tenant AND t.account_id = a.id AND t.open = 1 AND t.user_id = a.owner \
              AND t.start_time = a.owner_since) <> 1",
    },
    Check {
        name: "tenure-open",
        rule: "only assigned accounts have a running tenure",
        sql: "SELECT t.tenant, HEX(t.account_id) AS row_key FROM tenure t WHERE t.open = 1 AND NOT EXISTS \
              (SELECT 1 FROM account a WHERE a.tenant = t.tenant AND a.id = t.account_id AND a.status = 4)",
    },
    Check {
        name: "tenure-overlap",
        rule: "tenures of an account follow each other",
        sql: "SELECT a.tenant, HEX(a.account_id) AS row_key FROM tenure a JOIN tenure b ON b.tenant = a.tenant \
              AND b.account_id = a.account_id AND b.start_version > a.start_version \
              WHERE a.end_time IS NULL OR a.end_time > b.start_time",
    },
    Check {
        name: "history",
        rule: "an account has exactly one event per version",
        sql: "SELECT a.tenant, HEX(a.id) AS row_key FROM account a WHERE a.version <> (SELECT COUNT(*) FROM account_event e \
              WHERE e.tenant = a.tenant AND e.account_id = a.id) OR a.version <> (SELECT COALESCE(MAX(e.version), 0) \
              FROM account_event e WHERE e.tenant = a.tenant AND e.account_id = a.id)",
    },
    Check {
        name: "positions",
        rule: "the positions of a tenant's events are 1, 2, 3 and so on up to the end of its stream",
        sql: "SELECT t.id AS tenant, 'stream' AS row_key FROM tenant t WHERE (SELECT COUNT(*) FROM account_event e \
              WHERE e.tenant = t.id AND e.position IS NOT NULL) <> COALESCE((SELECT s.last_position FROM event_stream s \
              WHERE s.tenant = t.id), 0) OR (SELECT COALESCE(MAX(e.position), 0) FROM account_event e WHERE e.tenant = t.id) \
              <> (SELECT COUNT(DISTINCT e.position) FROM account_event e WHERE e.tenant = t.id AND e.position > 0)",
    },
    Check {
        name: "positions-order",
        rule: "the positions of an account's events rise with its versions",
        sql: "SELECT a.tenant, HEX(a.account_id) AS row_key FROM account_event a JOIN account_event b ON b.tenant = a.tenant \
              AND b.account_id = a.account_id AND b.version = a.version + 1 WHERE b.position IS NOT NULL \
              AND (a.position IS NULL OR a.position >= b.position)",
    },
    Check {
        name: "stream",
        rule: "a stream is kept from somewhere before its end",
        sql: "SELECT tenant, 'stream' AS row_key FROM event_stream WHERE purged_position < 0 \
              OR purged_position > last_position",
    },
    Check {
        name: "webhook",
        rule: "every webhook has its progress, and deliveries have a webhook",
        sql: "SELECT w.tenant, HEX(w.id) AS row_key FROM webhook w WHERE NOT EXISTS (SELECT 1 FROM webhook_progress p \
              WHERE p.tenant = w.tenant AND p.webhook_id = w.id) UNION ALL \
              SELECT p.tenant, HEX(p.webhook_id) FROM webhook_progress p WHERE NOT EXISTS (SELECT 1 FROM webhook w \
              WHERE w.tenant = p.tenant AND w.id = p.webhook_id) UNION ALL \
              SELECT d.tenant, HEX(d.webhook_id) FROM webhook_delivery d WHERE NOT EXISTS (SELECT 1 FROM webhook w \
              WHERE w.tenant = d.tenant AND w.id = d.webhook_id)",
    },
    Check {
        name: "webhook-progress",
        rule: "a webhook is no further than its stream, its deliveries are no further than it, and what waits is counted",
        sql: "SELECT p.tenant, HEX(p.webhook_id) AS row_key FROM webhook_progress p WHERE p.position < 0 \
              OR p.position > COALESCE((SELECT s.last_position FROM event_stream s WHERE s.tenant = p.tenant), 0) \
              OR p.waiting <> (SELECT COUNT(*) FROM webhook_delivery d WHERE d.tenant = p.tenant \
              AND d.webhook_id = p.webhook_id AND d.dead = 0) OR EXISTS (SELECT 1 FROM webhook_delivery d \
              WHERE d.tenant = p.tenant AND d.webhook_id = p.webhook_id AND d.position > p.position)",
    },
    Check {
        name: "history-account",
        rule: "events, tenures, activities and objects belong to an account",
        sql: "SELECT e.tenant, HEX(e.account_id) AS row_key FROM account_event e WHERE NOT EXISTS (SELECT 1 FROM account a \
              WHERE a.tenant = e.tenant AND a.id = e.account_id) UNION ALL \
              SELECT t.tenant, HEX(t.account_id) FROM tenure t WHERE NOT EXISTS (SELECT 1 FROM account a \
              WHERE a.tenant = t.tenant AND a.id = t.account_id) UNION ALL \
              SELECT v.tenant, HEX(v.account_id) FROM activity v WHERE NOT EXISTS (SELECT 1 FROM account a \
              WHERE a.tenant = v.tenant AND a.id = v.account_id) UNION ALL \
              SELECT o.tenant, HEX(o.account_id) FROM business_object o WHERE NOT EXISTS (SELECT 1 FROM account a \
              WHERE a.tenant = o.tenant AND a.id = o.account_id)",
    },
    Check {
        name: "disputes",
        rule: "disputed reclaims are listed, each once, and no others",
        sql: "SELECT a.tenant, HEX(a.id) AS row_key FROM account a WHERE (a.disputed_time <> 0) <> ((SELECT COUNT(*) FROM \
              disputed_reclaim d WHERE d.tenant = a.tenant AND d.account_id = a.id) = 1) UNION ALL \
              SELECT d.tenant, HEX(d.account_id) FROM disputed_reclaim d WHERE NOT EXISTS (SELECT 1 FROM account a \
              WHERE a.tenant = d.tenant AND a.id = d.account_id AND a.disputed_time <> 0)",
    },
    Check {
        name: "extras",
        rule: "tags, custom fields and team members belong to a live account",
        sql: "SELECT x.tenant, HEX(x.account_id) AS row_key FROM account_tag x WHERE NOT EXISTS (SELECT 1 FROM account a \
              WHERE a.tenant = x.tenant AND a.id = x.account_id AND a.status <> 7) UNION ALL \
              SELECT x.tenant, HEX(x.account_id) FROM account_field x WHERE NOT EXISTS (SELECT 1 FROM account a \
              WHERE a.tenant = x.tenant AND a.id = x.account_id AND a.status <> 7) UNION ALL \
              SELECT x.tenant, HEX(x.account_id) FROM account_team x WHERE NOT EXISTS (SELECT 1 FROM account a \
              WHERE a.tenant = x.tenant AND a.id = x.account_id AND a.status <> 7)",
    },
    Check {
        name: "deals",
        rule: "won deals are the closed objects, and the deal status follows from their number",
        sql: "SELECT a.tenant, HEX(a.id) AS row_key FROM account a WHERE a.status NOT IN (5, 6, 7) AND (a.won_count <> \
              (SELECT COUNT(*) FROM business_object o WHERE o.tenant = a.tenant AND o.account_id = a.id AND o.closed = 1) \
              OR a.deal_status <> CASE WHEN a.won_count = 0 THEN 0 WHEN a.won_count = 1 THEN 1 ELSE 2 END)",
    },
    Check {
        name: "name",
        rule: "an account claims its own name, and a deleted one none",
        sql: "SELECT tenant, HEX(id) AS row_key FROM account WHERE (status = 7 AND unique_name IS NOT NULL) \
              OR (status <> 7 AND (unique_name IS NULL OR unique_name <> name_key))",
    },
    Check {
        name: "tenant",
        rule: "rows belong to a tenant",
        sql: "SELECT a.tenant, HEX(a.id) AS row_key FROM account a WHERE NOT EXISTS (SELECT 1 FROM tenant t WHERE t.id = \
              a.tenant) UNION ALL SELECT p.tenant, HEX(p.id) FROM pool p WHERE NOT EXISTS (SELECT 1 FROM tenant t WHERE \
              t.id = p.tenant) UNION ALL SELECT u.tenant, u.id FROM directory_user u WHERE NOT EXISTS (SELECT 1 FROM tenant \
              t WHERE t.id = u.tenant)",
    },
];

/// Runs one check; `None` if nothing breaks it.
pub async fn run(conn: &impl ConnectionTrait, check: &Check) -> Result<Option<Finding>, DbErr> {
    let sql = format!("SELECT tenant, row_key FROM ({}) broken LIMIT {COUNTED}", check.sql);
    let rows = conn
        .query_all_raw(Statement::from_string(conn.get_database_backend(), sql))
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let sample = |row: &sea_orm::QueryResult| {
        Ok(format!(
            "{}/{}",
            row.try_get::<i32>("", "tenant")?,
            row.try_get::<String>("", "row_key")?
        ))
    };
    let samples = rows.iter().take(SAMPLES).map(sample).collect::<Result<_, DbErr>>()?;
    Ok(Some(Finding {
        name: check.name,
        rule: check.rule,
        count: rows.len(),
        samples,
    }))
}
