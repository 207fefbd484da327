//! One server per SQLite file; commands that come and go may work beside it. Other engines have many replicas.

use crate::{
    harness::{Server, external_server, start},
    process::Process,
};
use secrecy::ExposeSecret;
use tidepool::{
    app::App,
    clock::Clock,
    domain::{ids::TenantName, tenant::TenantSettings},
    lifecycle::{self, Running, StartError},
    store::{Db, lock::LockError, migrate},
};

#[tokio::test]
async fn a_second_server_is_refused_where_there_can_be_one_only() {
    let server = Server::start().await;
    let clock = Clock::manual(start());
    let db = lifecycle::open(&server.config, &clock).await.unwrap();
    let second = Running::start(&server.config, db, clock.clone()).await;
    if external_server().is_some() {
        second.unwrap().stop().await;
        return server.stop().await;
    }
    let refused = second.unwrap_err();
    assert!(matches!(refused, StartError::Lock(LockError::Taken(_))), "{refused:?}");
    let said = refused.to_string();
    assert!(
        said.contains("tidepool.sqlite") && said.contains("another server"),
        "{said}"
    );

    // The very file by another name is the same file.
    let mut by_another_name = server.config.clone();
    let url = server.config.database.url.expose_secret();
    by_another_name.database.url = url.replace("/tidepool.sqlite", "/./tidepool.sqlite").into();
    let db = lifecycle::open(&by_another_name, &clock).await.unwrap();
    let refused = Running::start(&by_another_name, db, clock.clone()).await;
    assert!(
        matches!(refused, Err(StartError::Lock(LockError::Taken(_)))),
        "{refused:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn commands_work_beside_a_running_server() {
    let server = Server::start().await;
    let clock = Clock::manual(start());
    // As `tidepool migrate status` and `tidepool tenant create`.
    let db = Db::open(server.config.store()).await.unwrap();
    assert_eq!(migrate::check(&db).await.unwrap(), Ok(()));
    db.close().await;
    let db = lifecycle::open(&server.config, &clock).await.unwrap();
    let app = App::start(db.clone(), clock.clone()).await.unwrap();
    let settings = TenantSettings::new("Beside".to_owned(), chrono_tz::UTC);
    app.create_tenant(&TenantName::parse("beside").unwrap(), settings)
        .await
        .unwrap();
    db.close().await;
    let request = tidepool::rpc::proto::GetTenantRequest::default();
    let beside = server.caller("beside", "console", &[tidepool::app::call::Scope::Admin]);
    beside.tenants().get_tenant(request).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn the_lock_ends_with_its_server() {
    let server = Server::start().await;
    let clock = Clock::manual(start());
    let config = server.config.clone();
    let storage = server.stop_serving().await;
    let db = lifecycle::open(&config, &clock).await.unwrap();
    Running::start(&config, db, clock).await.unwrap().stop().await;
    storage.remove().await;
}

/// Between processes too: the second is told whose turn it is not, and has its turn as soon as the first was killed.
#[tokio::test]
async fn the_lock_ends_with_a_killed_process() {
    let server = Server::start().await;
    let url = server.config.database.url.expose_secret().to_owned();
    let storage = server.stop_serving().await;
    let settings = [
        ("TIDEPOOL__DATABASE__URL", url.as_str()),
        ("TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS", "0"),
        ("TIDEPOOL__LOG__FORMAT", "json"),
    ];
    let mut first = Process::serve(&settings).await;
    if external_server().is_none() {
        let said = Process::try_to_serve(&settings).await.unwrap_err();
        assert!(
            said.contains("tidepool.sqlite") && said.contains("another server"),
            "{said}"
        );
    }
    first.kill();
    let (status, said) = Process::serve(&settings).await.stop().await;
    assert!(status.success(), "{said}");
    storage.remove().await;
}
