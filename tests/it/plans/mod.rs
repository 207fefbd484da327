//! How servers carry out what calls and workers send: along an index, and no farther than they have to, whatever there is of
//! others. Statements of single flows are looked at more closely beside the tests of these.

mod every_rpc;
mod everyday;

use crate::{
    explain::{explaining, told as column},
    harness::{Server, on_a_server},
    schema,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement};
use secrecy::ExposeSecret;
use std::collections::HashSet;

/// More rows than that are not looked at one by one.
const FEW: i64 = 100;

/// What a statement begins with that looks for rows.
const LOOKING: [&str; 3] = ["SELECT", "UPDATE", "DELETE"];

/// Statements that read all that fits, by words of theirs.
const ALL_THAT_FITS: [&str; 4] = [
    // Accounts of one owner are found by him and sorted: limits say how many there are.
    "(account_owner)",
    // The counters of a pool are counted, from its index alone.
    "AS owned, (SELECT COUNT(*)",
    // A job that counts deals again reads what was told of some accounts, object by object.
    "SELECT * FROM (SELECT source, SUBSTR(kind, 1, INSTR(kind, '.') - 1) AS object_type",
    // Once for a change of rules, which looks at each of them anyway.
    "SELECT COUNT(*) AS number FROM account a FORCE INDEX (PRIMARY) WHERE tenant = ? AND status = 4 AND planned_revision",
];

/// Why these tests need a server.
const SILENT: &str = "it says nothing of how many rows it reads";

/// How many rows the server expects to look at; servers differ in the type.
fn rows(row: &QueryResult) -> i64 {
    let signed = row.try_get::<Option<i64>>("", "rows").ok();
    let unsigned = || {
        row.try_get::<Option<u64>>("", "rows")
            .ok()
            .map(|rows| rows.map(u64::cast_signed))
    };
    let text = || column(row, "rows").parse().ok();
    signed.or_else(unsigned).unwrap_or_else(text).unwrap_or(0)
}

/// What is wrong with a step of the statement's plan that has many rows to look at, if anything.
fn wrong(sql: &str, step: &QueryResult) -> Option<&'static str> {
    // What another step has found is read as a whole.
    if column(step, "table").starts_with('<') || rows(step) <= FEW {
        return None;
    }
    // Many are looked at where many are named, in a list; where that is a large part of a table, MySQL rather reads it as a whole.
    let named = match sql.matches('?').count() {
        // All values are in the text.
        0 => sql.matches(", ").count(),
        marks => marks,
    };
    let named = i64::try_from(named).unwrap();
    let (kind, extra) = (column(step, "type"), column(step, "Extra"));
    if kind == "ALL" || kind == "index" {
        return (rows(step) > 4 * named).then_some("reads everything");
    }
    if rows(step) <= named {
        return None;
    }
    if ALL_THAT_FITS.iter().any(|words| sql.contains(words)) {
        return None;
    }
    if extra.contains("filesort") || extra.contains("temporary") {
        return Some("reads all that fits before it knows the first");
    }
    (!sql.contains("LIMIT")).then_some("reads all that fits")
}

/// The database of a server, as somebody sees it who asks how statements are carried out.
struct Plans<'a> {
    server: &'a Server,
    direct: DatabaseConnection,
}

impl<'a> Plans<'a> {
    /// Begins to keep what the server sends. Nothing, and a word about it, where plans cannot be told.
    async fn watch(test: &str, server: &'a Server) -> Option<Self> {
        if !on_a_server(test, SILENT) {
            return None;
        }
        let url = server.config.database.url.expose_secret();
        let plans = Self {
            direct: Database::connect(url).await.unwrap(),
            server,
        };
        plans.analyze().await;
        server.db().keep_statements();
        Some(plans)
    }

    /// Servers choose by what they know of the tables.
    async fn analyze(&self) {
        for table in schema::names(&self.direct).await {
            let sql = format!("ANALYZE TABLE {table}");
            self.direct.execute_unprepared(&sql).await.unwrap();
        }
    }

    /// The steps of the statement's plan that are wrong.
    async fn judge(&self, statement: Statement) -> Vec<String> {
        let sql = statement.sql.clone();
        let steps = self.direct.query_all_raw(explaining(statement)).await.unwrap();
        let told = steps.iter().filter_map(|step| {
            let [table, kind, key] = ["table", "type", "key"].map(|name| column(step, name));
            let why = wrong(&sql, step)?;
            Some(format!("{table} {kind} {key} {} rows, {why}: {sql}", rows(step)))
        });
        told.collect()
    }

    /// Looks at all that was sent, of which there must be so much.
    async fn end(self, least: usize) {
        self.analyze().await;
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        for statement in self.server.db().kept_statements() {
            let looks = LOOKING.iter().any(|word| statement.sql.starts_with(word));
            if looks && seen.insert(statement.sql.clone()) {
                found.extend(self.judge(statement).await);
            }
        }
        let (count, all) = (found.len(), seen.len());
        assert!(all > least, "{all} statements");
        assert!(found.is_empty(), "{count} of {all}:\n{}", found.join("\n"));
        self.sees().await;
        self.direct.close().await.unwrap();
    }

    /// Otherwise all is well whatever is sent.
    async fn sees(&self) {
        let backend = self.direct.get_database_backend();
        for (sql, why) in [
            ("SELECT phone FROM account WHERE email = 'x'", "reads everything"),
            (
                "SELECT phone FROM account FORCE INDEX (PRIMARY) WHERE tenant = 1",
                "reads all that fits",
            ),
            (
                "SELECT phone FROM account FORCE INDEX (PRIMARY) WHERE tenant = 1 ORDER BY email LIMIT 1",
                "before it knows the first",
            ),
        ] {
            let found = self.judge(Statement::from_string(backend, sql)).await;
            assert!(found.len() == 1 && found[0].contains(why), "{sql}: {found:?}");
        }
    }
}
