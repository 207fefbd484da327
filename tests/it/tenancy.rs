//! Two tenants on one server: what one does changes and reveals nothing of the other.

use crate::{
    build::{
        create_pool, department, everything, get_pool, get_user, group, mask, pool, push_departments, push_groups,
        push_users, update_pool, update_tenant, user,
    },
    harness::{ACME, Client, Refused, Server},
};
use prost::Message;
use std::collections::BTreeMap;
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, Pool, Tenant, User},
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What a refusal says, without the id that was asked for.
pub(crate) fn said<T: std::fmt::Debug>(answer: Result<T, Status>, id: &str) -> String {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status:?}");
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    let metadata: BTreeMap<_, _> = info.metadata.iter().collect();
    format!("{} {} {metadata:?}", status.message(), info.reason).replace(id, "<id>")
}

/// Everything that can be asked about a pool by its id.
async fn ask(client: &Client, id: &str) -> Vec<String> {
    let pool_id = || id.to_owned();
    let mut pools = client.pools();
    let update = proto::UpdatePoolRequest {
        pool: Some(Pool {
            id: pool_id(),
            claim_limit: Some(1),
            ..Pool::default()
        }),
        update_mask: mask(&["claim_limit"]),
        ..Default::default()
    };
    vec![
        said(get_pool(client, id).await, id),
        said(pools.update_pool(update).await, id),
        said(
            pools
                .enable_pool(proto::EnablePoolRequest {
                    pool_id: pool_id(),
                    ..Default::default()
                })
                .await,
            id,
        ),
        said(
            pools
                .disable_pool(proto::DisablePoolRequest {
                    pool_id: pool_id(),
                    ..Default::default()
                })
                .await,
            id,
        ),
        said(
            pools
                .delete_pool(proto::DeletePoolRequest {
                    pool_id: pool_id(),
                    ..Default::default()
                })
                .await,
            id,
        ),
        said(
            pools
                .get_pool_counters(proto::GetPoolCountersRequest { pool_id: pool_id() })
                .await,
            id,
        ),
    ]
}

/// Furnishes a tenant with one of everything and returns its pool.
async fn furnish(client: &Client, tag: &str) -> Pool {
    push_departments(client, vec![department(&format!("d-{tag}"), "")]).await;
    push_groups(client, vec![group(&format!("g-{tag}"))]).await;
    push_users(client, vec![user("ann"), user("bob"), user(&format!("u-{tag}"))]).await;
    create_pool(client, pool("North")).await
}

/// The ids of another tenant are to a caller what ids of nothing are.
#[tokio::test]
async fn ids_of_another_tenant_are_unknown_ids() {
    let server = Server::start().await;
    server.create_tenant("other").await;
    let ours = server.admin();
    let theirs = server.caller("other", "console", &[Scope::Admin]);
    furnish(&ours, "ours").await;
    let their_pool = furnish(&theirs, "theirs").await;
    let before = everything(&theirs).await;

    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    assert_eq!(ask(&ours, &their_pool.id).await, ask(&ours, unknown).await);
    let directory = || ours.directory();
    let leave = |id: &str| proto::DeactivateUserRequest {
        user_id: id.into(),
        ..Default::default()
    };
    let department = |id: &str| proto::GetDepartmentRequest {
        department_id: id.into(),
    };
    let group = |id: &str| proto::GetGroupRequest { group_id: id.into() };
    for (their, nobody) in [("u-theirs", "u-nobody")] {
        assert_eq!(
            said(get_user(&ours, their).await, their),
            said(get_user(&ours, nobody).await, nobody)
        );
        assert_eq!(
            said(directory().deactivate_user(leave(their)).await, their),
            said(directory().deactivate_user(leave(nobody)).await, nobody)
        );
    }
    assert_eq!(
        said(directory().get_department(department("d-theirs")).await, "d-theirs"),
        said(directory().get_department(department("d-nobody")).await, "d-nobody")
    );
    assert_eq!(
        said(directory().get_group(group("g-theirs")).await, "g-theirs"),
        said(directory().get_group(group("g-nobody")).await, "g-nobody")
    );
    // Nor can anything of theirs be referred to.
    let borrowed = User {
        primary_department: "d-theirs".into(),
        groups: vec!["g-theirs".into()],
        supervisor: "u-theirs".into(),
        ..user("ann")
    };
    assert_eq!(
        crate::build::try_users(&ours, vec![borrowed]).await.violations().len(),
        3
    );
    let borrowed = Pool {
        administrators: vec!["u-theirs".into()],
        ..pool("South")
    };
    let said = crate::build::try_create_pool(&ours, borrowed, "").await.violations();
    assert_eq!(said, ["pool.administrators[0]: user u-theirs does not exist"]);
    // Users of theirs are nobody here.
    let stranger = Client {
        actor: "u-theirs".into(),
        ..ours.clone()
    };
    get_user(&stranger, "ann")
        .await
        .refused(Code::PermissionDenied, Reason::ActorUnknown);
    assert_eq!(everything(&theirs).await, before);
    server.stop().await;
}

/// The whole script of one tenant, with the same names as the other's, leaves the other byte for byte as it was.
#[tokio::test]
async fn what_one_tenant_does_leaves_the_other_alone() {
    let server = Server::start().await;
    server.create_tenant("other").await;
    let ours = server.admin();
    let theirs = server.caller("other", "console", &[Scope::Admin]);
    let their_pool = furnish(&theirs, "x").await;
    let before = everything(&theirs).await;
    let shown_before = everything(&ours).await;

    let our_pool = furnish(&ours, "x").await;
    assert_ne!(our_pool.id, their_pool.id);
    let renamed = Tenant {
        display_name: "Renamed".into(),
        ..Tenant::default()
    };
    update_tenant(&ours, renamed, &["display_name"]).await.unwrap();
    update_pool(
        &ours,
        Pool {
            claim_limit: Some(1),
            ..our_pool.clone()
        },
        &["claim_limit"],
    )
    .await
    .unwrap();
    let pool_id = || our_pool.id.clone();
    let mut pools = ours.pools();
    pools
        .disable_pool(proto::DisablePoolRequest {
            pool_id: pool_id(),
            ..Default::default()
        })
        .await
        .unwrap();
    pools
        .enable_pool(proto::EnablePoolRequest {
            pool_id: pool_id(),
            ..Default::default()
        })
        .await
        .unwrap();
    pools
        .get_pool_counters(proto::GetPoolCountersRequest { pool_id: pool_id() })
        .await
        .unwrap();
    let leave = proto::DeactivateUserRequest {
        user_id: "bob".into(),
        ..Default::default()
    };
    ours.directory().deactivate_user(leave).await.unwrap();
    pools
        .delete_pool(proto::DeletePoolRequest {
            pool_id: pool_id(),
            ..Default::default()
        })
        .await
        .unwrap();

    assert_eq!(everything(&theirs).await, before);
    // Nothing of theirs shows here either: no id, no name, no event.
    let shown = everything(&ours).await;
    assert_ne!(shown, shown_before);
    assert!(!contains(&shown, their_pool.id.as_bytes()) && contains(&before, their_pool.id.as_bytes()));
    // A user who is inactive here acts there.
    let bob = Client {
        actor: "bob".into(),
        ..theirs.clone()
    };
    assert_eq!(
        get_pool(&bob, &their_pool.id).await.unwrap().encode_to_vec(),
        their_pool.encode_to_vec()
    );
    let bob = Client {
        actor: "bob".into(),
        tenant: ACME.into(),
        ..theirs
    };
    get_user(&bob, "ann")
        .await
        .refused(Code::PermissionDenied, Reason::ActorUnknown);
    server.stop().await;
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
