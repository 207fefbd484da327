//! Copies.

use super::{named, number_value};
use crate::{
    harness::Refused,
    world::{World, claim, open_pool},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Account, AccountStatus, CustomFieldType, Pool},
};
use tonic::Code;

fn copy(source: &str, name: &str, pool: &str) -> proto::CopyAccountRequest {
    proto::CopyAccountRequest {
        account_id: source.into(),
        name: name.into(),
        pool_id: pool.into(),
        ..Default::default()
    }
}

fn full(name: &str) -> Account {
    Account {
        grade: "A".into(),
        phone: "138-0001".into(),
        region: "north".into(),
        external_id: "x-1".into(),
        tags: vec!["hot".into(), "vip".into()],
        custom_fields: vec![number_value("employees", 12.0)],
        ..named(name)
    }
}

/// R011, R040: what is known is copied; owner, pool, history and external id are the copy's own.
#[tokio::test]
async fn a_copy_has_what_is_known_and_a_life_of_its_own() {
    let world = World::start().await;
    world.field("employees", CustomFieldType::Number, &[]).await;
    let pool = world.pool(open_pool("North")).await;
    let source = world.user("ann").creates(full("Acme"), &pool, "").await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&source.id))
        .await
        .unwrap();

    let bob = world.user("bob");
    let made = bob
        .accounts()
        .copy_account(copy(&source.id, "Acme North", ""))
        .await
        .unwrap();
    let made = made.into_inner().account.unwrap();
    let expected = Account {
        external_id: String::new(),
        ..full("Acme North")
    };
    let known = |account: &Account| {
        let account = account.clone();
        let mine = (
            account.name,
            account.grade,
            account.phone,
            account.region,
            account.external_id,
        );
        (mine, account.tags, account.custom_fields)
    };
    assert_eq!(known(&made), known(&expected));
    let ownership = made.ownership.clone().unwrap();
    assert_eq!(
        (ownership.status(), ownership.owner.as_str()),
        (AccountStatus::Assigned, "bob")
    );
    assert_eq!(
        (
            ownership.pool_id.as_str(),
            ownership.last_owner.as_str(),
            made.creator.as_str()
        ),
        ("", "", "bob")
    );
    assert_eq!(bob.gets(&made.id).await.unwrap(), made);

    // The same checks as for any new account.
    let twin = bob.accounts().copy_account(copy(&source.id, "ACME", "")).await;
    twin.refused(Code::AlreadyExists, Reason::DuplicateExact);
    assert_eq!(
        bob.accounts().copy_account(copy(&source.id, "", "")).await.violations(),
        ["name: must not be empty"]
    );
    let into = bob.accounts().copy_account(copy(&source.id, "Acme South", &pool)).await;
    into.refused(Code::PermissionDenied, Reason::NotAuthorized);
    // Only what can be read can be copied.
    let other = world
        .user("cid")
        .accounts()
        .copy_account(copy(&source.id, "Acme South", ""))
        .await;
    other.refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}

/// R168, D24: a copy of an unclaimed account tells nothing that its pool hides.
#[tokio::test]
async fn a_copy_tells_nothing_that_is_hidden() {
    let world = World::start().await;
    world.field("employees", CustomFieldType::Number, &[]).await;
    let pool = Pool {
        hidden_fields: ["phone", "tags", "custom_fields"].map(Into::into).into(),
        ..open_pool("North")
    };
    let pool = world.pool(pool).await;
    let source = world.user("ann").creates(full("Acme"), &pool, "").await;
    let made = world
        .user("bob")
        .accounts()
        .copy_account(copy(&source.id, "Acme North", ""))
        .await
        .unwrap();
    let made = made.into_inner().account.unwrap();
    assert_eq!((made.grade.as_str(), made.phone.as_str()), ("A", ""));
    assert!(made.tags.is_empty() && made.custom_fields.is_empty() && made.hidden_fields.is_empty());
    let stored = world.account(&made.id).await;
    assert!(stored.phone.is_empty() && stored.tags.is_empty() && stored.custom_fields.is_empty());
    world.stop().await;
}

/// A copy answers a repeated call as the first.
#[tokio::test]
async fn a_repeated_copy_is_one_copy() {
    let world = World::start().await;
    let source = world.create("Acme", "", "bob").await;
    let request = proto::CopyAccountRequest {
        request_id: "once".into(),
        ..copy(&source.id, "Acme North", "")
    };
    let first = world
        .user("bob")
        .accounts()
        .copy_account(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again = world
        .user("bob")
        .accounts()
        .copy_account(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    world.stop().await;
}
