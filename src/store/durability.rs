//! Whether the database server keeps what it acknowledged, and shows it to all replicas of Tidepool. Tidepool promises no more
//! than the server below it does, so whoever runs it learns at start-up what is missing.

use super::{Db, dialect::Engine};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use std::collections::BTreeMap;

const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', 'sync_binlog', \
                         'log_bin', 'read_only', 'wsrep_on', 'wsrep_sync_wait', 'group_replication_single_primary_mode', \
                         'group_replication_consistency')";

/// What the settings of a MySQL-family server mean for acknowledged changes; nothing to say means that they are safe.
pub async fn concerns(db: &Db) -> Result<Vec<String>, DbErr> {
    if db.engine() == Engine::Sqlite {
        // Opened with synchronous = FULL by this very process.
        return Ok(Vec::new());
    }
    let asked = Statement::from_string(db.engine().backend(), VARIABLES);
    let rows = db.schema().query_all_raw(asked).await?;
    let settings = rows
        .iter()
        .map(|row| Ok((row.try_get_by_index::<String>(0)?, row.try_get_by_index::<String>(1)?)))
        .collect::<Result<BTreeMap<_, _>, DbErr>>()?;
    Ok(judge(&settings))
}

fn judge(settings: &BTreeMap<String, String>) -> Vec<String> {
    let value = |name: &str| settings.get(name).map_or("", String::as_str);
    let on = |name: &str| matches!(value(name).to_ascii_uppercase().as_str(), "ON" | "1");
    let mut concerns = Vec::new();
    match value("innodb_flush_log_at_trx_commit") {
        "0" => concerns.push(
            "innodb_flush_log_at_trx_commit = 0: when the database process is killed, the acknowledged changes of the \
             last second are lost; set it to 1"
                .to_owned(),
        ),
        // MariaDB's 3 is 1 with an older group commit.
        "2" => concerns.push(
            "innodb_flush_log_at_trx_commit = 2: when the database machine loses power, the acknowledged changes of \
             the last second are lost; set it to 1"
                .to_owned(),
        ),
        _ => {}
    }
    if on("log_bin") && value("sync_binlog") != "1" {
        concerns.push(format!(
            "sync_binlog = {}: after a power loss the replicas may miss acknowledged changes, or have some that the \
             primary lacks; set it to 1",
            value("sync_binlog")
        ));
    }
    if on("read_only") {
        concerns.push(
            "read_only = ON: this server is a replica, or set so by hand; every change will fail until the URL names \
             the primary"
                .to_owned(),
        );
    }
    // The first of its bits is for reads.
    let waits = value("wsrep_sync_wait").parse().is_ok_and(|mask: u32| mask & 1 == 1);
    if on("wsrep_on") && !waits {
        concerns.push(
            "wsrep_on = ON without wsrep_sync_wait = 1: on a Galera cluster let all replicas of Tidepool use the same \
             node, or set wsrep_sync_wait to 1 on all nodes; reads on another node lag behind"
                .to_owned(),
        );
    }
    let consistency = value("group_replication_consistency");
    let waits = matches!(consistency, "BEFORE" | "AFTER" | "BEFORE_AND_AFTER");
    if value("group_replication_single_primary_mode") == "OFF" && !waits {
        concerns.push(format!(
            "group_replication_consistency = {consistency}: in a group of several primaries let all replicas of Tidepool \
             use the same one, or set it to BEFORE on all servers; reads on another one lag behind"
        ));
    }
    concerns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(settings: &[(&str, &str)]) -> Vec<String> {
        judge(
            &settings
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn safe_settings_are_not_talked_about() {
        let safe = [
            ("innodb_flush_log_at_trx_commit", "1"),
            ("log_bin", "ON"),
            ("sync_binlog", "1"),
            ("read_only", "OFF"),
        ];
        assert_eq!(judged(&safe), Vec::<String>::new());
        // Without a binary log nothing has to be in step with it.
        assert_eq!(
            judged(&[("log_bin", "OFF"), ("sync_binlog", "0")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_unsafe_setting_is_named() {
        let all = [
            ("innodb_flush_log_at_trx_commit", "0"),
            ("log_bin", "ON"),
            ("sync_binlog", "0"),
            ("read_only", "ON"),
            ("wsrep_on", "ON"),
        ];
        let said = judged(&all);
        for (concern, (name, _)) in said.iter().zip([all[0], all[2], all[3], all[4]]) {
            assert!(concern.starts_with(name), "{concern}");
        }
        assert_eq!(said.len(), 4, "{said:?}");
        assert_eq!(judged(&[("innodb_flush_log_at_trx_commit", "2")]).len(), 1);
    }

    #[test]
    fn clusters_are_fine_where_reads_wait() {
        let galera = |mask| judged(&[("wsrep_on", "ON"), ("wsrep_sync_wait", mask)]).len();
        assert_eq!(["0", "1", "6", "7"].map(galera), [1, 0, 1, 0]);
        let group = |single, consistency| {
            let settings = [
                ("group_replication_single_primary_mode", single),
                ("group_replication_consistency", consistency),
            ];
            judged(&settings).len()
        };
        assert_eq!(group("ON", "BEFORE_ON_PRIMARY_FAILOVER"), 0);
        assert_eq!(group("OFF", "BEFORE_ON_PRIMARY_FAILOVER"), 1);
        assert_eq!(group("OFF", "EVENTUAL"), 1);
        assert_eq!(group("OFF", "BEFORE"), 0);
    }
}
