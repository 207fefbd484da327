//! `ListEvents`: from any position, of what is wanted, for those who may.

use super::{all, assert_whole, kind};
use crate::{
    harness::{ACME, Client, Refused},
    world::{World, open_pool, user},
};
use chrono::TimeDelta;
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{
        self, Event, EventFilter, ListEventsRequest, ListEventsResponse, OwnerChange, PoolChange, WatchEventsRequest,
    },
};
use tonic::{Code, Status};

async fn list(client: &Client, after_position: i64, page_size: i32) -> Result<ListEventsResponse, Status> {
    let request = ListEventsRequest {
        after_position,
        page_size,
        filter: None,
    };
    Ok(client.events().list_events(request).await?.into_inner())
}

/// A world in which something happened in two pools.
async fn eventful() -> (World, [String; 2]) {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let site = world.site();
    for (at, pool) in [&north, &south, &north].into_iter().enumerate() {
        let id = world.lying(&format!("Acme {at}"), pool).await;
        world.server.clock.advance(TimeDelta::minutes(1));
        site.claim(0, ["bob", "cid"][at % 2], &id).await.unwrap();
        if at > 0 {
            let transfer = proto::TransferAccountRequest {
                account_id: id.clone(),
                target_pool_id: south.clone(),
                ..Default::default()
            };
            // The second one lies there already.
            let moved = world.server.admin().circulation().transfer_account(transfer).await;
            assert_eq!(moved.is_ok(), at == 2);
        }
        world.server.clock.advance(TimeDelta::minutes(1));
        site.give_back(["bob", "cid"][at % 2], &id).await;
    }
    world.relay().await;
    (world, [north, south])
}

/// X11: from any position the rest of one and the same sequence, in pages of any size.
#[tokio::test]
async fn any_position_is_a_place_to_go_on() {
    let (world, _) = eventful().await;
    let admin = world.server.admin();
    let stream = world.stream().await;
    assert_eq!(stream.len(), 10);
    assert_whole(&stream, 1);
    for after in 0..=10 {
        let skipped = usize::try_from(after).unwrap();
        assert_eq!(all(&admin, after, None).await, stream[skipped..]);
        for size in [1, 3, 10] {
            let page = list(&admin, after, size).await.unwrap();
            let end = stream.len().min(skipped + usize::try_from(size).unwrap());
            assert_eq!(page.events, stream[skipped..end]);
            assert_eq!((page.position, page.last_position), (i64::try_from(end).unwrap(), 10));
        }
    }
    world.stop().await;
}

fn owned(event: &Event) -> [String; 2] {
    let effects = event.account_event.as_ref().unwrap().effects.clone().unwrap();
    let OwnerChange { old, .. } = effects.owner.unwrap_or_default();
    [old, event.owner.clone()]
}

fn lay(event: &Event) -> [String; 2] {
    let effects = event.account_event.as_ref().unwrap().effects.clone().unwrap();
    let PoolChange { old, .. } = effects.pool.unwrap_or_default();
    [old, event.pool_id.clone()]
}

type Fits<'a> = Box<dyn Fn(&Event) -> bool + 'a>;

/// X11: kinds by name or beginning, pools and owners before and after the change; each list narrows the others.
#[tokio::test]
async fn filters_say_what_is_wanted() {
    let (world, [north, south]) = eventful().await;
    let admin = world.server.admin();
    let stream = world.stream().await;
    let filter = |kinds: &[&str], pools: &[&String], owners: &[&str]| EventFilter {
        kinds: kinds.iter().map(ToString::to_string).collect(),
        pool_ids: pools.iter().map(ToString::to_string).collect(),
        owners: owners.iter().map(ToString::to_string).collect(),
    };
    let cases: Vec<(EventFilter, usize, Fits<'_>)> = vec![
        (filter(&["account.*"], &[], &[]), 10, Box::new(|_| true)),
        (
            filter(&["account.claimed", "account.returned"], &[], &[]),
            6,
            Box::new(|event| matches!(kind(event), "account.claimed" | "account.returned")),
        ),
        (
            filter(&[], &[&north], &[]),
            6,
            Box::new(|event| lay(event).contains(&north)),
        ),
        (
            filter(&[], &[&south], &[]),
            5,
            Box::new(|event| lay(event).contains(&south)),
        ),
        (
            filter(&[], &[], &["cid"]),
            2,
            Box::new(|event| owned(event).contains(&"cid".to_owned())),
        ),
        (
            filter(&["account.returned"], &[&south], &["bob", "ann"]),
            1,
            Box::new(|event| {
                kind(event) == "account.returned"
                    && lay(event).contains(&south)
                    && owned(event).contains(&"bob".to_owned())
            }),
        ),
        (filter(&["account.deleted"], &[], &[]), 0, Box::new(|_| false)),
    ];
    for (filter, count, fits) in cases {
        let wanted: Vec<_> = stream.iter().filter(|event| fits(event)).cloned().collect();
        assert_eq!(wanted.len(), count, "{filter:?}");
        assert_eq!(all(&admin, 0, Some(filter.clone())).await, wanted, "{filter:?}");
        // What is not wanted is passed over, not waited for.
        let request = ListEventsRequest {
            filter: Some(filter),
            ..Default::default()
        };
        let page = admin.events().list_events(request).await.unwrap().into_inner();
        assert_eq!((page.position, page.last_position), (10, 10));
    }
    world.stop().await;
}

/// A filter that few events fit looks at a bounded number of them, and says how far it came.
#[tokio::test]
async fn a_narrow_filter_goes_on_from_where_it_looked() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Acme", &pool, 2700).await;
    let last = world.lying("Last", &pool).await;
    world.site().claim(0, "bob", &last).await.unwrap();
    world.relay().await;
    let admin = world.server.admin();
    let mut request = ListEventsRequest {
        filter: Some(EventFilter {
            kinds: vec!["account.claimed".into()],
            ..EventFilter::default()
        }),
        ..ListEventsRequest::default()
    };
    let page = admin.events().list_events(request.clone()).await.unwrap().into_inner();
    assert_eq!((page.events.len(), page.position, page.last_position), (0, 2560, 2702));
    request.after_position = page.position;
    let page = admin.events().list_events(request).await.unwrap().into_inner();
    assert_eq!((page.events.len(), page.position), (1, 2702));
    world.stop().await;
}

/// Beyond the end there is nothing to go on after: whoever says so follows another stream.
#[tokio::test]
async fn a_position_that_is_not_there_yet_is_refused() {
    let (world, _) = eventful().await;
    let admin = world.server.admin();
    let refused = list(&admin, 11, 0).await.refused(Code::OutOfRange, Reason::EventsAhead);
    assert_eq!(refused.error_info().unwrap().metadata["last_position"], "10");
    let watch = WatchEventsRequest {
        after_position: 11,
        ..WatchEventsRequest::default()
    };
    let refused = admin.events().watch_events(watch).await;
    refused.refused(Code::OutOfRange, Reason::EventsAhead);
    let both = WatchEventsRequest {
        after_position: 1,
        from_now: true,
        ..WatchEventsRequest::default()
    };
    let wrong = admin.events().watch_events(both).await.violations();
    assert_eq!(wrong, ["from_now: must not be set together with after_position"]);
    world.stop().await;
}

/// X11: the stream is forgotten after thirty days, to the microsecond; the history of accounts is not.
#[tokio::test]
async fn what_is_old_is_forgotten_and_stays_history() {
    let (world, _) = eventful().await;
    let (admin, app) = (world.server.admin(), &world.server.running.app);
    let stream = world.stream().await;
    let time = |event: &Event| event.account_event.as_ref().unwrap().event_time.unwrap();
    let fourth = time(&stream[3]);
    let fourth = chrono::DateTime::from_timestamp(fourth.seconds, fourth.nanos.cast_unsigned()).unwrap();
    let older = stream
        .iter()
        .filter(|event| time(event).seconds < fourth.timestamp())
        .count();
    assert_eq!(app.purge_events(|| true).await.unwrap(), 0);
    world
        .server
        .clock
        .advance(fourth + TimeDelta::days(30) - world.server.clock.now());
    assert_eq!(app.purge_events(|| true).await.unwrap(), i64::try_from(older).unwrap());
    assert_eq!(world.stream().await, stream[older..]);
    let refused = list(&admin, 1, 0).await.refused(Code::OutOfRange, Reason::EventsPurged);
    let oldest = (older + 1).to_string();
    assert_eq!(refused.error_info().unwrap().metadata["oldest_position"], oldest);
    assert!(list(&admin, i64::try_from(older).unwrap(), 0).await.is_ok());
    let history = world.events(&stream[0].account_id).await;
    assert_eq!(history.len(), 3);

    world.server.clock.advance(TimeDelta::days(1));
    app.purge_events(|| true).await.unwrap();
    assert!(world.stream().await.is_empty());
    // What comes next has the next place.
    world.site().claim(0, "cid", &stream[0].account_id).await.unwrap();
    assert_eq!(world.relay().await, 1);
    let stream = world.stream().await;
    assert_eq!((stream.len(), stream[0].position), (1, 11));
    world.stop().await;
}

/// X11: everything of a tenant is for services that may have it, and for CRM admins.
#[tokio::test]
async fn the_stream_is_not_for_everybody() {
    let (world, _) = eventful().await;
    let server = &world.server;
    for scope in [Scope::Admin, Scope::Events] {
        let client = server.caller(ACME, "warehouse", &[scope]);
        assert_eq!(all(&client, 0, None).await.len(), 10);
    }
    for scope in [Scope::Config, Scope::Directory, Scope::Ingest, Scope::ActAs] {
        let client = server.caller(ACME, "warehouse", &[scope]);
        let refused = list(&client, 0, 0).await;
        let refused = refused.refused(Code::PermissionDenied, Reason::ScopeMissing);
        assert_eq!(refused.error_info().unwrap().metadata["required"], "admin or events");
    }
    assert_eq!(all(&world.user("root"), 0, None).await.len(), 10);
    // An admin of a pool is none of the tenant's.
    for who in ["ann", "bob"] {
        let refused = list(&world.user(who), 0, 0).await;
        refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
        let watch = world
            .user(who)
            .events()
            .watch_events(WatchEventsRequest::default())
            .await;
        watch.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let gone = list(&world.user("eve"), 0, 0).await;
    gone.refused(Code::PermissionDenied, Reason::ActorUnknown);
    // The scope is for nothing else.
    let client = server.caller(ACME, "warehouse", &[Scope::Events]);
    let accounts = client
        .accounts()
        .list_accounts(proto::ListAccountsRequest::default())
        .await;
    accounts.refused(Code::PermissionDenied, Reason::ScopeMissing);
    world.stop().await;
}

/// Each tenant has a stream of its own, that begins with 1.
#[tokio::test]
async fn tenants_have_streams_of_their_own() {
    let (world, _) = eventful().await;
    let server = &world.server;
    server.create_tenant("other").await;
    let other = server.caller("other", "console", &[Scope::Admin]);
    let request = proto::BatchUpsertUsersRequest {
        users: vec![user("ann")],
        ..Default::default()
    };
    other.directory().batch_upsert_users(request).await.unwrap();
    assert!(all(&other, 0, None).await.is_empty());
    list(&other, 1, 0).await.refused(Code::OutOfRange, Reason::EventsAhead);
    let request = proto::CreateAccountRequest {
        new_account: Some(crate::site::new_account("Theirs", "", "ann")),
        ..Default::default()
    };
    other.accounts().create_account(request).await.unwrap();
    world.relay().await;
    let theirs = all(&other, 0, None).await;
    assert_eq!(
        (theirs.len(), theirs[0].position, theirs[0].owner.as_str()),
        (1, 1, "ann")
    );
    assert_eq!(world.stream().await.len(), 10);
    world.stop().await;
}

/// What was written about an account that is deleted is in no stream.
#[tokio::test]
async fn notes_go_with_their_account() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    let extend = proto::SetEmbargoRequest {
        account_id: id.clone(),
        until: crate::activities::time(world.server.clock.now() + TimeDelta::days(1)),
        reason: "a canary sings".into(),
        ..Default::default()
    };
    world.server.admin().exceptions().set_embargo(extend).await.unwrap();
    world.relay().await;
    let note = |stream: &[Event]| -> Vec<String> {
        let notes = stream
            .iter()
            .map(|event| event.account_event.as_ref().unwrap().note.clone());
        notes.filter(|note| !note.is_empty()).collect()
    };
    assert_eq!(note(&world.stream().await), ["a canary sings"]);
    let mut accounts = world.server.admin().accounts();
    let cancel = proto::CancelAccountRequest {
        account_id: id.clone(),
        ..Default::default()
    };
    accounts.cancel_account(cancel).await.unwrap();
    let delete = proto::DeleteAccountRequest {
        account_id: id,
        ..Default::default()
    };
    accounts.delete_account(delete).await.unwrap();
    world.relay().await;
    assert!(note(&world.stream().await).is_empty());
    world.stop().await;
}
