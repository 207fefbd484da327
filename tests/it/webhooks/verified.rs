//! `verify` knows what must hold of webhooks.

use super::*;
use crate::harness::run_sql;
use secrecy::ExposeSecret;

/// X15: each of these is found, and nothing else is said to be wrong.
#[tokio::test]
async fn what_is_broken_is_named() {
    for (name, sql) in [
        ("webhook", "DELETE FROM webhook_progress"),
        ("webhook", "UPDATE webhook_progress SET tenant = 77"),
        ("webhook-progress", "UPDATE webhook_progress SET waiting = waiting + 1"),
        ("webhook-progress", "UPDATE webhook_progress SET position = 1000"),
        ("webhook-progress", "UPDATE webhook_progress SET position = 1"),
    ] {
        let world = world().await;
        world.accounts(2).await;
        let receiver = Receiver::start().await;
        receiver.answer(|_| receiver::status(500));
        world.hook(&receiver).await;
        assert_eq!(world.post().await, failed(2));
        world.server.verify().await;
        run_sql(world.server.config.database.url.expose_secret(), sql.to_owned()).await;
        let broken = world.server.broken().await;
        assert!(broken.contains(&name.to_owned()), "{sql}: {broken:?}");
        assert!(broken.iter().all(|it| it.starts_with("webhook")), "{sql}: {broken:?}");
        world.server.discard().await;
    }
}
