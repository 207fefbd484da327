//! Who calls: nobody unknown, nobody beyond his scopes, nobody for a user who may not act.

use crate::{
    build::{get_tenant, get_user, staffed},
    harness::{ACME, Client, Refused, Server},
    raw::{ADMIN, Raw},
};
use prost::Message;
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, DESCRIPTORS},
};
use tonic::Code;

/// Every method of the API, as a path.
fn methods() -> Vec<String> {
    let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut paths = Vec::new();
    for file in set.file.iter().filter(|file| file.package() == "tidepool.v1") {
        for service in &file.service {
            let methods = service.method.iter();
            paths.extend(methods.map(|m| format!("/{}.{}/{}", file.package(), service.name(), m.name())));
        }
    }
    paths
}

/// Every method there is refuses a call without credentials, and one whose credentials name no tenant that exists.
#[tokio::test]
async fn nobody_calls_without_credentials() {
    let server = Server::start().await;
    let raw = Raw::connect(server.running.address()).await;
    assert!(methods().len() >= 21);
    for path in methods() {
        let nobody = raw.call(&path, &[], b"").await;
        nobody.refused(Code::Unauthenticated, Reason::Unauthenticated);
        // Scopes without a name are no credentials.
        raw.call(&path, &ADMIN[2..], b"")
            .await
            .refused(Code::Unauthenticated, Reason::Unauthenticated);
        raw.call(&path, &ADMIN[..1], b"")
            .await
            .refused(Code::Unauthenticated, Reason::Unauthenticated);
    }
    let missing = raw.call(&methods()[0], &[], b"").await.unwrap_err();
    for key in ["x-tidepool-tenant", "x-tidepool-caller"] {
        assert!(missing.message().contains(key), "{}", missing.message());
    }
    // Health and reflection are for everybody; what does not exist is nobody's.
    raw.call("/grpc.health.v1.Health/Check", &[], b"").await.unwrap();
    let unknown = raw.call("/tidepool.v1.PoolService/DropPools", &ADMIN, b"").await;
    unknown.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let unknown = raw.call("/tidepool.v2.PoolService/GetPool", &ADMIN, b"").await;
    unknown.refused(Code::PermissionDenied, Reason::NotAuthorized);
    assert_eq!(
        raw.call("/other.v1.Service/Call", &ADMIN, b"")
            .await
            .unwrap_err()
            .code(),
        Code::Unimplemented
    );
    raw.close().await;
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_tenant_is_no_credential() {
    let server = staffed().await;
    let stranger = server.caller("nowhere", "console", &[Scope::Admin]);
    get_tenant(&stranger)
        .await
        .refused(Code::Unauthenticated, Reason::Unauthenticated);
    let created = crate::build::try_create_pool(&stranger, crate::build::pool("North"), "r").await;
    created.refused(Code::Unauthenticated, Reason::Unauthenticated);
    // Names are compared byte by byte, on every engine.
    let shouting = server.caller("ACME", "console", &[Scope::Admin]);
    get_tenant(&shouting)
        .await
        .refused(Code::Unauthenticated, Reason::Unauthenticated);
    // A tenant that is created later is there at the next call.
    server.create_tenant("nowhere").await;
    get_tenant(&stranger).await.unwrap();
    server.stop().await;
}

/// What a credential says is taken as it stands or not at all: something unreadable never counts as absent.
#[tokio::test]
async fn a_malformed_credential_is_refused() {
    let server = staffed().await;
    let raw = Raw::connect(server.running.address()).await;
    let path = "/tidepool.v1.TenantService/GetTenant";
    raw.call(path, &ADMIN, b"").await.unwrap();
    let long = [b'x'; 65];
    let wrong: [(&str, &[u8]); 9] = [
        // Without this actor the call would be one of an administrator.
        ("x-tidepool-actor", "zo\u{eb}".as_bytes()),
        ("x-tidepool-actor", b""),
        ("x-tidepool-actor", b"ann bob"),
        ("x-tidepool-actor", &long),
        ("x-tidepool-scopes", b"config"),
        ("x-tidepool-tenant", b"other"),
        ("x-tidepool-caller", b"another"),
        ("x-tidepool-scopes", b"\xff"),
        ("x-tidepool-tenant", b""),
    ];
    for (name, value) in wrong {
        let mut metadata = ADMIN.to_vec();
        metadata.push((name, value));
        let refused = raw.call(path, &metadata, b"").await;
        refused.refused(Code::Unauthenticated, Reason::Unauthenticated);
    }
    let mut twice = ADMIN.to_vec();
    twice.extend([("x-tidepool-actor", &b"root"[..]), ("x-tidepool-actor", b"ann")]);
    raw.call(path, &twice, b"")
        .await
        .refused(Code::Unauthenticated, Reason::Unauthenticated);
    raw.close().await;
    let unknown = Client {
        scopes: "admin,everything".into(),
        ..server.admin()
    };
    let details = get_tenant(&unknown).await;
    assert!(details.as_ref().unwrap_err().message().contains("act-as"));
    details.refused(Code::Unauthenticated, Reason::Unauthenticated);
    server.stop().await;
}

/// Each kind of call needs its scope, and says which would do.
#[tokio::test]
async fn scopes_are_required() {
    let server = staffed().await;
    let required = async |client: Client| {
        let listed = client.pools().list_pools(proto::ListPoolsRequest::default()).await;
        let details = listed.refused(Code::PermissionDenied, Reason::ScopeMissing);
        details.error_info().unwrap().metadata["required"].clone()
    };
    for scopes in [&[][..], &[Scope::Directory, Scope::Ingest, Scope::ActAs]] {
        assert_eq!(required(server.caller(ACME, "crm", scopes)).await, "admin or config");
    }
    // Acting for somebody is a right of its own.
    let nosy = Client {
        actor: "ann".into(),
        ..server.caller(ACME, "crm", &[Scope::Config, Scope::Directory])
    };
    assert_eq!(required(nosy.clone()).await, "act-as");
    get_tenant(&nosy)
        .await
        .refused(Code::PermissionDenied, Reason::ScopeMissing);
    // An admin service may, and then has the rights of that user, not its own.
    let for_ann = Client {
        actor: "ann".into(),
        ..server.admin()
    };
    assert!(
        for_ann
            .pools()
            .list_pools(proto::ListPoolsRequest::default())
            .await
            .is_ok()
    );
    let history = for_ann
        .tenants()
        .list_config_events(proto::ListConfigEventsRequest::default())
        .await;
    history.refused(Code::PermissionDenied, Reason::NotAuthorized);
    // Scopes may be separated by commas, blanks, or both.
    let spaced = Client {
        scopes: " directory,  config ".into(),
        ..server.admin()
    };
    spaced
        .pools()
        .list_pools(proto::ListPoolsRequest::default())
        .await
        .unwrap();
    // Any verified caller reads the directory and the tenant.
    let anybody = server.caller(ACME, "report", &[]);
    get_tenant(&anybody).await.unwrap();
    get_user(&anybody, "ann").await.unwrap();
    server.stop().await;
}

/// An actor whom the directory does not know, or knows as inactive, may do nothing at all.
#[tokio::test]
async fn only_active_users_act() {
    let server = staffed().await;
    let leave = proto::DeactivateUserRequest {
        user_id: "bob".into(),
        ..Default::default()
    };
    server.admin().directory().deactivate_user(leave).await.unwrap();
    for name in ["bob", "nobody", "ANN"] {
        // Whatever the service may do by itself.
        let client = Client {
            actor: name.into(),
            ..server.admin()
        };
        let refused = |answer: Result<(), tonic::Status>| {
            let details = answer.refused(Code::PermissionDenied, Reason::ActorUnknown);
            assert_eq!(details.error_info().unwrap().metadata["actor"], name);
        };
        refused(get_tenant(&client).await.map(drop));
        refused(get_user(&client, "ann").await.map(drop));
        refused(
            client
                .directory()
                .list_users(proto::ListUsersRequest::default())
                .await
                .map(drop),
        );
        refused(
            client
                .pools()
                .list_pools(proto::ListPoolsRequest::default())
                .await
                .map(drop),
        );
        refused(
            client
                .tenants()
                .list_config_events(proto::ListConfigEventsRequest::default())
                .await
                .map(drop),
        );
        refused(
            crate::build::try_create_pool(&client, crate::build::pool("North"), "")
                .await
                .map(drop),
        );
        refused(
            crate::build::try_users(&client, vec![crate::build::user("x")])
                .await
                .map(drop),
        );
    }
    server.stop().await;
}
