//! What reading an account says beside what was written.

use super::{named, number_value};
use crate::{
    sweeping::follow_up,
    world::{World, assign, claim, give_back, open_pool},
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{self, Account, CustomFieldType, Pool};

/// R022, R196: filled-in fields of those that can be edited, custom ones in use included; defaults do not count.
#[tokio::test]
async fn completeness_counts_what_somebody_filled_in() {
    let world = World::start().await;
    let bob = world.user("bob");
    // The name alone: one of thirteen. The kind has a value anyway.
    let made = bob.creates(named("Acme"), "", "").await;
    assert_eq!(made.profile_completeness_percent, Some(7));
    let five = Account {
        phone: "1".into(),
        tags: vec!["vip".into()],
        external_id: "x".into(),
        location: Some(proto::Location::default()),
        ..Account::default()
    };
    let updated = bob
        .updates(&made.id, five, &["phone", "tags", "external_id", "location"])
        .await;
    assert_eq!(updated.profile_completeness_percent, Some(38));
    // Fields that are defined later count at once, values of those out of use no more.
    let field = world.field("employees", CustomFieldType::Number, &[]).await;
    world.field("founded", CustomFieldType::Time, &[]).await;
    assert_eq!(bob.gets(&made.id).await.unwrap().profile_completeness_percent, Some(33));
    let with = Account {
        custom_fields: vec![number_value("employees", 0.0)],
        ..Account::default()
    };
    let updated = bob.updates(&made.id, with, &["custom_fields"]).await;
    assert_eq!(updated.profile_completeness_percent, Some(40));
    let out = proto::CustomField {
        enabled: Some(false),
        etag: String::new(),
        ..field
    };
    world.change_field(out, &["enabled"]).await;
    assert_eq!(bob.gets(&made.id).await.unwrap().profile_completeness_percent, Some(35));
    world.stop().await;
}

/// R097, R168, R171, R196: members of the pool see what it shows of unclaimed accounts, and which fields it does not;
/// how complete they are would tell of hidden ones.
#[tokio::test]
async fn members_see_what_the_pool_shows() {
    let world = World::start().await;
    world.field("employees", CustomFieldType::Number, &[]).await;
    let hidden = ["custom_fields", "phone", "tags"].map(String::from).to_vec();
    let pool = Pool {
        hidden_fields: hidden.clone(),
        unclaimed_history_visible: Some(false),
        ..open_pool("North")
    };
    let pool = world.pool(pool).await;
    let full = Account {
        phone: "1".into(),
        grade: "A".into(),
        tags: vec!["vip".into()],
        custom_fields: vec![number_value("employees", 7.0)],
        ..named("Acme")
    };
    let made = world.user("ann").creates(full, &pool, "").await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&made.id))
        .await
        .unwrap();
    world
        .user("bob")
        .circulation()
        .return_account(give_back(&made.id))
        .await
        .unwrap();

    let seen = world.user("cid").gets(&made.id).await.unwrap();
    assert_eq!(
        (seen.name.as_str(), seen.grade.as_str(), seen.phone.as_str()),
        ("Acme", "A", "")
    );
    assert!(seen.tags.is_empty() && seen.custom_fields.is_empty());
    assert_eq!((seen.hidden_fields, seen.profile_completeness_percent), (hidden, None));
    assert_eq!(seen.ownership.unwrap().last_owner, "");
    let request = proto::BatchGetAccountsRequest {
        account_ids: vec![made.id.clone()],
    };
    let batch = world
        .user("cid")
        .accounts()
        .batch_get_accounts(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(batch.accounts[0], world.user("cid").gets(&made.id).await.unwrap());

    let all = world.user("ann").gets(&made.id).await.unwrap();
    assert_eq!(
        (all.phone.as_str(), all.custom_fields.len(), all.hidden_fields.len()),
        ("1", 1, 0)
    );
    assert_eq!(
        (all.creator.as_str(), all.ownership.unwrap().last_owner.as_str()),
        ("ann", "bob")
    );
    world.stop().await;
}

/// R023, D22: the transfer count is of distinct owners.
#[tokio::test]
async fn transfers_are_counted() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let mut counts = Vec::new();
    for user in ["bob", "bob", "cid", "bob"] {
        world
            .user("ann")
            .circulation()
            .assign_account(assign(&id, user))
            .await
            .unwrap();
        counts.push(
            world
                .user(user)
                .gets(&id)
                .await
                .unwrap()
                .ownership
                .unwrap()
                .transfer_count,
        );
        world
            .user(user)
            .circulation()
            .return_account(give_back(&id))
            .await
            .unwrap();
    }
    assert_eq!(counts, [0, 0, 1, 2]);
    world.stop().await;
}

/// T40: the time left is shown in the last 30 % of it, on reads, in lists and in the answer of an update alike.
#[tokio::test]
async fn the_time_left_is_shown_near_the_end() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 30)).await;
    let id = world.lying("Acme", &pool).await;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    let bob = world.user("bob");
    world.server.clock.advance(TimeDelta::days(21));
    assert_eq!(bob.gets(&id).await.unwrap().remaining_retention, None);
    world.server.clock.advance(TimeDelta::seconds(1));
    let left = bob.gets(&id).await.unwrap().remaining_retention.unwrap();
    assert_eq!(left.seconds, 9 * 86_400 - 1);
    let request = proto::ListAccountsRequest {
        scope: proto::AccountScope::Mine.into(),
        ..Default::default()
    };
    let listed = bob.accounts().list_accounts(request).await.unwrap().into_inner();
    assert_eq!(listed.accounts, [bob.gets(&id).await.unwrap()]);
    world.stop().await;
}
