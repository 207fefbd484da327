//! Short forms of the calls that tests of reclaim rules make: the answer's content, or the refusal.

use crate::harness::{Client, Server};
use tidepool::rpc::proto::{self, Pool, PoolMembers, ReclaimRule, ReclaimRulePlace, User};
use tonic::Status;

/// A shop with an admin `ann` and a member `bob` of all its pools, and `cid`, who is neither.
pub(crate) async fn shop() -> Server {
    let server = Server::start().await;
    let user = |id: &str| User {
        id: id.into(),
        display_name: id.to_uppercase(),
        active: true,
        ..User::default()
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![user("ann"), user("bob"), user("cid")],
        ..Default::default()
    };
    server.admin().directory().batch_upsert_users(request).await.unwrap();
    server
}

/// A pool of this name. Answers its id.
pub(crate) async fn pool(server: &Server, name: &str) -> String {
    let pool = Pool {
        display_name: name.into(),
        administrators: vec!["ann".into()],
        members: Some(PoolMembers {
            users: vec!["bob".into()],
            ..PoolMembers::default()
        }),
        ..Pool::default()
    };
    let request = proto::CreatePoolRequest {
        pool: Some(pool),
        ..Default::default()
    };
    let made = server.admin().pools().create_pool(request).await.unwrap();
    made.into_inner().pool.unwrap().id
}

/// A rule of the pool: 30 days without a follow-up.
pub(crate) fn thirty(pool: &str) -> ReclaimRule {
    ReclaimRule {
        pool_id: pool.into(),
        follow_up_days: Some(30),
        cutoff: "NONE".into(),
        ..ReclaimRule::default()
    }
}

/// Creates a rule.
pub(crate) async fn create(client: &Client, rule: ReclaimRule) -> Result<ReclaimRule, Status> {
    let request = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(rule),
        include_past_days: Some(true),
        ..Default::default()
    };
    let made = client.retention_rules().create_reclaim_rule(request).await?;
    Ok(made.into_inner().reclaim_rule.unwrap())
}

/// Reads a rule.
pub(crate) async fn get(client: &Client, id: &str) -> Result<ReclaimRule, Status> {
    let request = proto::GetReclaimRuleRequest {
        reclaim_rule_id: id.into(),
    };
    let read = client.retention_rules().get_reclaim_rule(request).await?;
    Ok(read.into_inner().reclaim_rule.unwrap())
}

/// One page of a pool's rules, and the token of the next.
pub(crate) async fn page(
    client: &Client,
    pool: &str,
    size: i32,
    token: &str,
) -> Result<(Vec<ReclaimRule>, String), Status> {
    let request = proto::ListReclaimRulesRequest {
        pool_id: pool.into(),
        page_size: size,
        page_token: token.into(),
        ..Default::default()
    };
    let listed = client.retention_rules().list_reclaim_rules(request).await?.into_inner();
    Ok((listed.reclaim_rules, listed.next_page_token))
}

/// The first 50 rules of a pool.
pub(crate) async fn list(client: &Client, pool: &str) -> Result<Vec<ReclaimRule>, Status> {
    Ok(page(client, pool, 0, "").await?.0)
}

/// Changes these fields of a rule.
pub(crate) async fn update(client: &Client, rule: &ReclaimRule, paths: &[&str]) -> Result<ReclaimRule, Status> {
    let request = proto::UpdateReclaimRuleRequest {
        reclaim_rule: Some(rule.clone()),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        include_past_days: Some(true),
        ..Default::default()
    };
    let updated = client.retention_rules().update_reclaim_rule(request).await?;
    Ok(updated.into_inner().reclaim_rule.unwrap())
}

/// Orders a pool's rules, each with its id and etag.
pub(crate) async fn reorder(client: &Client, pool: &str, rules: &[(&str, &str)]) -> Result<Vec<ReclaimRule>, Status> {
    let place = |(id, etag): &(&str, &str)| ReclaimRulePlace {
        reclaim_rule_id: (*id).into(),
        etag: (*etag).into(),
    };
    let request = proto::ReorderReclaimRulesRequest {
        pool_id: pool.into(),
        places: rules.iter().map(place).collect(),
        ..Default::default()
    };
    let ordered = client.retention_rules().reorder_reclaim_rules(request).await?;
    Ok(ordered.into_inner().reclaim_rules)
}

/// Takes a rule into use.
pub(crate) async fn enable(client: &Client, id: &str, etag: &str) -> Result<ReclaimRule, Status> {
    let request = proto::EnableReclaimRuleRequest {
        reclaim_rule_id: id.into(),
        etag: etag.into(),
        include_past_days: Some(true),
        ..Default::default()
    };
    let enabled = client.retention_rules().enable_reclaim_rule(request).await?;
    Ok(enabled.into_inner().reclaim_rule.unwrap())
}

/// Takes a rule out of use.
pub(crate) async fn disable(client: &Client, id: &str, etag: &str) -> Result<ReclaimRule, Status> {
    let request = proto::DisableReclaimRuleRequest {
        reclaim_rule_id: id.into(),
        etag: etag.into(),
        ..Default::default()
    };
    let disabled = client.retention_rules().disable_reclaim_rule(request).await?;
    Ok(disabled.into_inner().reclaim_rule.unwrap())
}

/// Deletes a rule.
pub(crate) async fn delete(client: &Client, id: &str, etag: &str) -> Result<(), Status> {
    let request = proto::DeleteReclaimRuleRequest {
        reclaim_rule_id: id.into(),
        etag: etag.into(),
        ..Default::default()
    };
    client.retention_rules().delete_reclaim_rule(request).await.map(drop)
}

/// Takes a pool out of use.
pub(crate) async fn disable_pool(server: &Server, id: &str) -> Result<(), Status> {
    let request = proto::DisablePoolRequest {
        pool_id: id.into(),
        ..Default::default()
    };
    server.admin().pools().disable_pool(request).await.map(drop)
}

/// Deletes a pool.
pub(crate) async fn delete_pool(server: &Server, id: &str) -> Result<(), Status> {
    let request = proto::DeletePoolRequest {
        pool_id: id.into(),
        ..Default::default()
    };
    server.admin().pools().delete_pool(request).await.map(drop)
}

/// The actions on the resource, oldest first.
pub(crate) async fn history(server: &Server, id: &str) -> Vec<String> {
    let request = proto::ListConfigEventsRequest {
        resource_type: "reclaim_rule".into(),
        resource: id.into(),
        ..Default::default()
    };
    let listed = server.admin().tenants().list_config_events(request).await.unwrap();
    let events = listed.into_inner().config_events;
    events.into_iter().rev().map(|event| event.action).collect()
}
