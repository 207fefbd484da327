//! Builds what tests begin with: users, departments, groups, pools; and reads everything that a tenant shows.

use crate::harness::{Client, Refused, Server};
use prost::Message;
use tidepool::rpc::proto::{self, ConfigEvent, Department, Group, Pool, PoolMembers, Tenant, UpsertCounts, User};
use tonic::Status;

/// An active user.
pub(crate) fn user(id: &str) -> User {
    User {
        id: id.into(),
        display_name: id.to_uppercase(),
        active: true,
        ..User::default()
    }
}

/// A department; an empty parent means none.
pub(crate) fn department(id: &str, parent: &str) -> Department {
    Department {
        id: id.into(),
        parent: parent.into(),
        ..Department::default()
    }
}

/// A group.
pub(crate) fn group(id: &str) -> Group {
    Group {
        id: id.into(),
        ..Group::default()
    }
}

/// A pool that `ann` administers and whose member is `bob`.
pub(crate) fn pool(name: &str) -> Pool {
    Pool {
        display_name: name.into(),
        administrators: vec!["ann".into()],
        members: Some(PoolMembers {
            users: vec!["bob".into()],
            ..PoolMembers::default()
        }),
        ..Pool::default()
    }
}

/// Which fields to change.
#[expect(clippy::unnecessary_wraps, reason = "as requests have it")]
pub(crate) fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    let paths = paths.iter().map(|path| (*path).into()).collect();
    Some(prost_types::FieldMask { paths })
}

/// What an upsert changed.
pub(crate) fn counts(created: i32, updated: i32, unchanged: i32) -> UpsertCounts {
    UpsertCounts {
        created,
        updated,
        unchanged,
    }
}

/// Pushes users; they must be right.
pub(crate) async fn push_users(client: &Client, users: Vec<User>) -> UpsertCounts {
    try_users(client, users).await.unwrap()
}

/// Pushes users.
pub(crate) async fn try_users(client: &Client, users: Vec<User>) -> Result<UpsertCounts, Status> {
    let request = proto::BatchUpsertUsersRequest {
        users,
        ..Default::default()
    };
    let response = client.directory().batch_upsert_users(request).await?;
    Ok(response.into_inner().counts.unwrap())
}

/// Pushes departments; they must be right.
pub(crate) async fn push_departments(client: &Client, departments: Vec<Department>) -> UpsertCounts {
    try_departments(client, departments).await.unwrap()
}

/// Pushes departments.
pub(crate) async fn try_departments(client: &Client, departments: Vec<Department>) -> Result<UpsertCounts, Status> {
    let request = proto::BatchUpsertDepartmentsRequest {
        departments,
        ..Default::default()
    };
    let response = client.directory().batch_upsert_departments(request).await?;
    Ok(response.into_inner().counts.unwrap())
}

/// Pushes groups; they must be right.
pub(crate) async fn push_groups(client: &Client, groups: Vec<Group>) -> UpsertCounts {
    try_groups(client, groups).await.unwrap()
}

/// Pushes groups.
pub(crate) async fn try_groups(client: &Client, groups: Vec<Group>) -> Result<UpsertCounts, Status> {
    let request = proto::BatchUpsertGroupsRequest {
        groups,
        ..Default::default()
    };
    let response = client.directory().batch_upsert_groups(request).await?;
    Ok(response.into_inner().counts.unwrap())
}

/// Reads a user.
pub(crate) async fn get_user(client: &Client, id: &str) -> Result<User, Status> {
    let request = proto::GetUserRequest { user_id: id.into() };
    Ok(client.directory().get_user(request).await?.into_inner().user.unwrap())
}

/// Creates a pool; it must be right.
pub(crate) async fn create_pool(client: &Client, pool: Pool) -> Pool {
    try_create_pool(client, pool, "").await.unwrap()
}

/// Creates a pool.
pub(crate) async fn try_create_pool(client: &Client, pool: Pool, request_id: &str) -> Result<Pool, Status> {
    let request = proto::CreatePoolRequest {
        pool: Some(pool),
        request_id: request_id.into(),
    };
    Ok(client.pools().create_pool(request).await?.into_inner().pool.unwrap())
}

/// Reads a pool.
pub(crate) async fn get_pool(client: &Client, id: &str) -> Result<Pool, Status> {
    let request = proto::GetPoolRequest { pool_id: id.into() };
    Ok(client.pools().get_pool(request).await?.into_inner().pool.unwrap())
}

/// Updates a pool.
pub(crate) async fn update_pool(client: &Client, pool: Pool, paths: &[&str]) -> Result<Pool, Status> {
    let request = proto::UpdatePoolRequest {
        pool: Some(pool),
        update_mask: mask(paths),
        ..Default::default()
    };
    Ok(client.pools().update_pool(request).await?.into_inner().pool.unwrap())
}

/// Deletes a pool.
pub(crate) async fn delete_pool(client: &Client, id: &str) -> Result<(), Status> {
    let request = proto::DeletePoolRequest {
        pool_id: id.into(),
        ..Default::default()
    };
    client.pools().delete_pool(request).await.map(drop)
}

/// Reads the tenant.
pub(crate) async fn get_tenant(client: &Client) -> Result<Tenant, Status> {
    let response = client.tenants().get_tenant(proto::GetTenantRequest {}).await?;
    Ok(response.into_inner().tenant.unwrap())
}

/// Updates the tenant.
pub(crate) async fn update_tenant(client: &Client, tenant: Tenant, paths: &[&str]) -> Result<Tenant, Status> {
    let request = proto::UpdateTenantRequest {
        tenant: Some(tenant),
        update_mask: mask(paths),
        ..Default::default()
    };
    Ok(client
        .tenants()
        .update_tenant(request)
        .await?
        .into_inner()
        .tenant
        .unwrap())
}

/// The fields that a refused call names.
pub(crate) fn fields<T: std::fmt::Debug>(answer: Result<T, Status>) -> Vec<String> {
    let said = answer.violations();
    said.iter()
        .map(|line| line.split_once(": ").unwrap().0.to_owned())
        .collect()
}

/// The newest events of a kind of thing, or of one of them.
pub(crate) async fn events(client: &Client, resource_type: &str, resource: &str) -> Vec<ConfigEvent> {
    let request = proto::ListConfigEventsRequest {
        resource_type: resource_type.into(),
        resource: resource.into(),
        page_size: 500,
        ..Default::default()
    };
    let response = client.tenants().list_config_events(request).await.unwrap();
    response.into_inner().config_events
}

/// Everything that the tenant of `client` shows to an administrator, as bytes.
pub(crate) async fn everything(client: &Client) -> Vec<u8> {
    let mut bytes = get_tenant(client).await.unwrap().encode_to_vec();
    let mut add = |message: &dyn Fn(&mut Vec<u8>)| message(&mut bytes);
    let (page_size, page_token) = (500, String::new());
    let users = proto::ListUsersRequest {
        page_size,
        page_token,
        ..Default::default()
    };
    let users = client.directory().list_users(users).await.unwrap().into_inner();
    add(&|bytes| users.encode(bytes).unwrap());
    let departments = proto::ListDepartmentsRequest {
        page_size,
        page_token: String::new(),
    };
    let departments = client
        .directory()
        .list_departments(departments)
        .await
        .unwrap()
        .into_inner();
    add(&|bytes| departments.encode(bytes).unwrap());
    let groups = proto::ListGroupsRequest {
        page_size,
        page_token: String::new(),
    };
    let groups = client.directory().list_groups(groups).await.unwrap().into_inner();
    add(&|bytes| groups.encode(bytes).unwrap());
    let pools = proto::ListPoolsRequest {
        page_size,
        page_token: String::new(),
    };
    let pools = client.pools().list_pools(pools).await.unwrap().into_inner();
    add(&|bytes| pools.encode(bytes).unwrap());
    for event in events(client, "", "").await {
        add(&|bytes| event.encode(bytes).unwrap());
    }
    bytes
}

/// A server whose tenant has the users `ann`, `bob` and `cid`; `root` is a CRM admin.
pub(crate) async fn staffed() -> Server {
    let server = Server::start().await;
    let root = User {
        roles: vec!["crm-admin".into()],
        ..user("root")
    };
    push_users(&server.admin(), vec![user("ann"), user("bob"), user("cid"), root]).await;
    server
}
