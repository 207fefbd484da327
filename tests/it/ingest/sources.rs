//! Sources register themselves, and tell of no more than that (API10).

use super::*;
use tidepool::{app::call::Scope, domain::refusal::Reason};

fn source(name: &str, kinds: &[&str]) -> proto::RegisterActivitySourceRequest {
    proto::RegisterActivitySourceRequest {
        activity_source: Some(proto::ActivitySource {
            name: name.into(),
            display_name: "Orders".into(),
            kinds: kinds.iter().map(ToString::to_string).collect(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn register(client: &Client, name: &str, kinds: &[&str]) -> Result<proto::ActivitySource, Status> {
    let made = client.sources().register_activity_source(source(name, kinds)).await?;
    Ok(made.into_inner().activity_source.unwrap())
}

fn switch(name: &str) -> proto::DisableActivitySourceRequest {
    proto::DisableActivitySourceRequest {
        activity_source_name: name.into(),
        ..Default::default()
    }
}

/// API10: a source that said what it tells of tells of nothing else, whoever holds its credential; and registering again
/// changes nothing, narrows, but never widens.
#[tokio::test]
async fn a_source_narrows_itself_and_admins_widen_it() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let orders = world.source("orders");
    let order = |event: &str| told(event, &id, "sales_order.created", now);
    let call = |event: &str| told(event, &id, "call.made", now);
    // Nobody registered it: it tells of everything.
    assert_eq!(tell(&orders, of(vec![call("e1")])).await.unwrap(), [RECORDED]);

    let made = register(&orders, "", &["payment.received", "sales_order.*"])
        .await
        .unwrap();
    assert_eq!(
        (made.name.as_str(), made.enabled, made.etag.as_str()),
        ("orders", true, "1")
    );
    assert_eq!(
        tell(&orders, of(vec![order("e2"), call("e3")])).await.unwrap(),
        [RECORDED, refused("KIND_NOT_ALLOWED")]
    );
    // Also through a user: the source is the service.
    let clerk = Client {
        scopes: "ingest,act-as".into(),
        actor: "root".into(),
        ..orders.clone()
    };
    assert_eq!(
        tell(&clerk, of(vec![call("e4")])).await.unwrap(),
        [refused("KIND_NOT_ALLOWED")]
    );
    // Another source is another matter.
    assert_eq!(
        tell(&world.source("crm"), of(vec![call("e3")])).await.unwrap(),
        [RECORDED]
    );

    let again = register(&orders, "orders", &["sales_order.*", "payment.received"])
        .await
        .unwrap();
    assert_eq!(again, made);
    let wider = register(&orders, "", &["sales_order.*", "payment.*"]).await;
    let details = wider.refused(Code::PermissionDenied, Reason::NotAuthorized);
    assert_eq!(details.error_info().unwrap().metadata["kinds"], "payment.*");
    let narrower = register(&orders, "", &["sales_order.created"]).await.unwrap();
    assert_eq!(
        (narrower.kinds, narrower.etag.as_str()),
        (vec!["sales_order.created".to_owned()], "2")
    );
    let back = register(&orders, "", &["sales_order.*"]).await;
    back.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let by_admin = register(&world.server.admin(), "orders", &["call.*"]).await.unwrap();
    assert_eq!(by_admin.etag, "3");
    assert_eq!(
        tell(&orders, of(vec![order("e5"), call("e6")])).await.unwrap(),
        [refused("KIND_NOT_ALLOWED"), RECORDED]
    );
    world.stop().await;
}

/// P4: what was taken in once is known, whatever its source may tell of by now: told again it is answered as ever, and what
/// waits goes on waiting until its account is there.
#[tokio::test]
async fn what_a_source_told_before_it_was_narrowed_is_known() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let orders = world.source("orders");
    let call = told("e1", &id, "call.made", now);
    let waits = Activity {
        kind: "call.made".into(),
        ..named("e2", "erp-1", now)
    };
    let both = || waiting(vec![call.clone(), waits.clone()]);
    assert_eq!(tell(&orders, both()).await.unwrap(), [RECORDED, BUFFERED]);
    register(&orders, "", &["sales_order.*"]).await.unwrap();
    assert_eq!(tell(&orders, both()).await.unwrap(), [DUPLICATE, BUFFERED]);
    // In other words it is another thing, and not its own.
    let other = Activity {
        summary: "Other words".into(),
        ..call.clone()
    };
    let new = told("e3", &id, "call.made", now);
    let denied = || refused("KIND_NOT_ALLOWED");
    assert_eq!(tell(&orders, of(vec![other, new])).await.unwrap(), [denied(), denied()]);
    let other = world.known_as("Other", &pool, "erp-1").await;
    assert_eq!(tell(&orders, both()).await.unwrap(), [DUPLICATE, RECORDED]);
    assert_eq!((world.shown(&id).await.len(), world.shown(&other).await.len()), (1, 1));
    world.stop().await;
}

/// Who registers whom: a service itself; CRM admins and configuring services anybody.
#[tokio::test]
async fn services_register_nobody_else() {
    let world = World::start().await;
    let may = ["a.*"];
    let orders = world.source("orders");
    register(&orders, "payments", &may)
        .await
        .refused(Code::PermissionDenied, Reason::NotAuthorized);
    let acting = Client {
        scopes: "ingest,act-as".into(),
        actor: "bob".into(),
        ..orders.clone()
    };
    register(&acting, "", &may)
        .await
        .refused(Code::PermissionDenied, Reason::NotAuthorized);
    let other = world.server.caller("acme", "orders", &[Scope::Directory]);
    register(&other, "", &may)
        .await
        .refused(Code::PermissionDenied, Reason::ScopeMissing);
    register(&world.server.caller("acme", "ops", &[Scope::Config]), "one", &may)
        .await
        .unwrap();
    register(&world.user("root"), "two", &may).await.unwrap();
    register(&orders, "", &may).await.unwrap();

    let get = |name: &str| proto::GetActivitySourceRequest {
        activity_source_name: name.into(),
    };
    let own = orders.sources().get_activity_source(get("orders")).await.unwrap();
    assert_eq!(own.into_inner().activity_source.unwrap().name, "orders");
    let others = orders.sources().get_activity_source(get("two")).await;
    others.refused(Code::NotFound, Reason::NotFound);
    let by_bob = world.user("bob").sources().get_activity_source(get("two")).await;
    by_bob.refused(Code::NotFound, Reason::NotFound);
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListActivitySourcesRequest {
            page_size: 2,
            page_token,
        };
        let page = world
            .server
            .admin()
            .sources()
            .list_activity_sources(request)
            .await
            .unwrap();
        let page = page.into_inner();
        names.extend(page.activity_sources.into_iter().map(|source| source.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["one", "orders", "two"]);
    world.stop().await;
}

/// A disabled source tells of nothing, neither activities nor that it lives, and does not enable itself.
#[tokio::test]
async fn a_disabled_source_is_silent() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let (orders, admin) = (world.source("orders"), world.server.admin());
    register(&orders, "", &["sales_order.*"]).await.unwrap();
    let tells = |event: &str| of(vec![told(event, &id, "sales_order.created", now)]);
    let denied = |result: Result<Vec<Came>, Status>| {
        let details = result.refused(Code::PermissionDenied, Reason::SourceDisabled);
        assert_eq!(details.error_info().unwrap().metadata["source"], "orders");
    };
    let by_itself = orders.sources().disable_activity_source(switch("orders")).await;
    by_itself.refused(Code::PermissionDenied, Reason::ScopeMissing);
    let stale = proto::DisableActivitySourceRequest {
        etag: "7".into(),
        ..switch("orders")
    };
    let stale = admin.sources().disable_activity_source(stale).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    admin.sources().disable_activity_source(switch("orders")).await.unwrap();
    denied(tell(&orders, tells("e1")).await);
    let beat = proto::HeartbeatRequest::default();
    let beat = orders.sweeps().heartbeat(beat).await;
    beat.refused(Code::PermissionDenied, Reason::SourceDisabled);
    assert!(!register(&orders, "", &["sales_order.*"]).await.unwrap().enabled);
    denied(tell(&orders, tells("e1")).await);
    let enable = proto::EnableActivitySourceRequest {
        activity_source_name: "orders".into(),
        ..Default::default()
    };
    admin.sources().enable_activity_source(enable).await.unwrap();
    assert_eq!(tell(&orders, tells("e1")).await.unwrap(), [RECORDED]);
    // Nothing is left of it but what it told: it is as one that was never registered.
    let delete = proto::DeleteActivitySourceRequest {
        activity_source_name: "orders".into(),
        ..Default::default()
    };
    admin.sources().delete_activity_source(delete.clone()).await.unwrap();
    assert_eq!(
        tell(&orders, of(vec![told("e2", &id, "call.made", now)]))
            .await
            .unwrap(),
        [RECORDED]
    );
    let gone = admin.sources().delete_activity_source(delete).await;
    gone.refused(Code::NotFound, Reason::NotFound);
    let gone = admin.sources().disable_activity_source(switch("orders")).await;
    gone.refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}

/// Where sources have to be registered nobody else tells of anything, a user's service included.
#[tokio::test]
async fn sources_may_have_to_register() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let settings = proto::TenantSettings {
        sources_must_register: true,
        ..Default::default()
    };
    let request = proto::UpdateTenantRequest {
        tenant: Some(proto::Tenant {
            settings: Some(settings),
            ..Default::default()
        }),
        update_mask: crate::build::mask(&["settings.sources_must_register"]),
        ..Default::default()
    };
    world.server.admin().tenants().update_tenant(request).await.unwrap();
    let orders = world.source("orders");
    for client in [&orders, &world.user("root")] {
        let told = tell(client, of(vec![told("e1", &id, "call.made", now)])).await;
        told.refused(Code::PermissionDenied, Reason::SourceNotRegistered);
    }
    register(&orders, "", &["call.*"]).await.unwrap();
    assert_eq!(
        tell(&orders, of(vec![told("e1", &id, "call.made", now)]))
            .await
            .unwrap(),
        [RECORDED]
    );
    world.stop().await;
}

/// Sources have nothing to do with deadlines: nothing is computed again because of them.
#[tokio::test]
async fn sources_move_no_deadlines() {
    let world = World::start().await;
    let replan = async || {
        let request = proto::GetReplanRequest::default();
        let replan = world.server.admin().sweeps().get_replan(request).await.unwrap();
        replan.into_inner()
    };
    let before = replan().await;
    register(&world.source("orders"), "", &["call.*"]).await.unwrap();
    assert_eq!(replan().await, before);
    world.stop().await;
}
