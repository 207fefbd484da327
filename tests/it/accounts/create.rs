//! Who may create which accounts, and what keeps a new one out.

use super::{named, new, number_value, text_value, update};
use crate::{
    harness::Refused,
    world::{World, claim, open_pool},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{
        self, Account, AccountKind, AccountStatus, ClaimMode, CreatePermission, CustomField, CustomFieldType,
        NewAccount, Pool, PoolMembers, RetentionLimit, RetentionLimitSubjects, TenantSettings,
    },
};
use tonic::Code;

async fn limit(world: &World, user: &str, limit: i32) {
    let request = proto::CreateRetentionLimitRequest {
        retention_limit: Some(RetentionLimit {
            display_name: format!("{user} holds {limit}"),
            subjects: Some(RetentionLimitSubjects {
                users: vec![user.into()],
                ..RetentionLimitSubjects::default()
            }),
            limit: Some(limit),
            ..RetentionLimit::default()
        }),
        ..Default::default()
    };
    world
        .server
        .admin()
        .limits()
        .create_retention_limit(request)
        .await
        .unwrap();
}

/// R001, R010: companies, groups and persons are created with all that is known of them, and read back as they were sent.
#[tokio::test]
async fn what_is_known_is_kept() {
    let world = World::start().await;
    for kind in [AccountKind::Company, AccountKind::Group, AccountKind::Person] {
        let sent = Account {
            kind: kind.into(),
            name: format!("Zhāng {kind:?}"),
            grade: "A".into(),
            industry: "education".into(),
            source: "exhibition".into(),
            region: "north".into(),
            phone: "138-0000".into(),
            email: "zhang@example.com".into(),
            website: "https://example.com".into(),
            address: "1 Road\n2nd floor".into(),
            location: Some(proto::Location {
                latitude: 31.25,
                longitude: 121.5,
            }),
            remark: "met at the fair".into(),
            external_id: format!("crm-{kind:?}"),
            tags: vec!["vip".into(), "hot".into()],
            ..Account::default()
        };
        let made = world.user("bob").creates(sent.clone(), "", "").await;
        let ownership = made.ownership.clone().unwrap();
        assert_eq!(
            (ownership.status(), ownership.owner.as_str()),
            (AccountStatus::Assigned, "bob")
        );
        assert_eq!(
            (made.creator.as_str(), made.tags.clone()),
            ("bob", vec!["hot".into(), "vip".into()])
        );
        let as_sent = Account {
            id: String::new(),
            ownership: None,
            tags: sent.tags.clone(),
            deals: None,
            profile_completeness_percent: None,
            creator: String::new(),
            create_time: None,
            update_time: None,
            ..made.clone()
        };
        assert_eq!(as_sent, sent);
        assert_eq!(made.profile_completeness_percent, Some(100));
        // The answer is what is stored.
        assert_eq!(world.user("bob").gets(&made.id).await.unwrap(), made);
    }
    world.stop().await;
}

/// R016, R040, W7, W27: creating counts against the limit of whoever becomes the owner, one by one and in bulk.
#[tokio::test]
async fn the_owners_limit_is_the_one_that_counts() {
    let world = World::start().await;
    limit(&world, "bob", 2).await;
    let bob = world.user("bob");
    bob.creates(named("One"), "", "").await;
    // The supervisor has room, the owner's is what is used up.
    world.user("ann").creates(named("Two"), "", "bob").await;
    for (user, owner) in [("bob", ""), ("ann", "bob"), ("root", "bob")] {
        let full = world
            .user(user)
            .accounts()
            .create_account(new(named("Three"), "", owner))
            .await;
        let details = full.refused(Code::ResourceExhausted, Reason::HoldingLimitReached);
        assert_eq!(details.error_info().unwrap().metadata["limit"], "2");
    }
    world.user("ann").creates(named("Three"), "", "").await;

    limit(&world, "cid", 2).await;
    let owned = |name: &str| NewAccount {
        account: Some(named(name)),
        owner: "cid".into(),
        ..NewAccount::default()
    };
    let request = proto::BulkCreateAccountsRequest {
        new_accounts: ["Four", "five", "FOUR", "Six"].map(owned).into(),
        ..Default::default()
    };
    let bulk = world
        .user("ann")
        .accounts()
        .bulk_create_accounts(request)
        .await
        .unwrap()
        .into_inner();
    let codes: Vec<_> = bulk
        .results
        .iter()
        .map(|result| result.status.as_ref().unwrap().code)
        .collect();
    assert_eq!(
        codes,
        [
            Code::Ok as i32,
            Code::Ok as i32,
            Code::AlreadyExists as i32,
            Code::ResourceExhausted as i32
        ]
    );
    world.stop().await;
}

/// Who may create for whom: everybody for himself, supervisors for those below, CRM admins for all, unless the tenant
/// leaves it to CRM admins.
#[tokio::test]
async fn creating_with_an_owner_is_a_permission() {
    let world = World::start().await;
    world.user("ann").creates(named("For bob"), "", "bob").await;
    world.user("root").creates(named("For dan"), "", "dan").await;
    for (user, owner) in [("bob", "ann"), ("bob", "cid"), ("dan", "bob")] {
        let refused = world
            .user(user)
            .accounts()
            .create_account(new(named("Other"), "", owner))
            .await;
        refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let gone = world
        .user("root")
        .accounts()
        .create_account(new(named("Other"), "", "eve"))
        .await;
    gone.refused(Code::FailedPrecondition, Reason::AssigneeInactive);
    let nobody = world
        .server
        .admin()
        .accounts()
        .create_account(new(named("Other"), "", ""))
        .await;
    nobody.refused(Code::PermissionDenied, Reason::ActorRequired);

    let settings = TenantSettings {
        create_permission: CreatePermission::CrmAdmins.into(),
        ..TenantSettings::default()
    };
    world.update_settings(settings, &["create_permission"]).await;
    for (user, owner) in [("bob", ""), ("ann", "bob")] {
        let refused = world
            .user(user)
            .accounts()
            .create_account(new(named("Other"), "", owner))
            .await;
        refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    world.user("root").creates(named("Other"), "", "bob").await;
    world.stop().await;
}

/// R014, R039, R103: admins put new accounts into their pool; members where it lets them; others do not know of it.
#[tokio::test]
async fn new_accounts_in_a_pool_are_for_its_admins_and_members_it_lets() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            members: Some(PoolMembers {
                users: vec!["bob".into()],
                ..PoolMembers::default()
            }),
            ..open_pool("North")
        })
        .await;
    let lying = world
        .user("ann")
        .creates(named("By the admin"), &pool, "")
        .await
        .ownership
        .unwrap();
    assert_eq!((lying.status(), lying.owner.as_str()), (AccountStatus::Unassigned, ""));
    let member = world
        .user("bob")
        .accounts()
        .create_account(new(named("Mine"), &pool, ""))
        .await;
    member.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let stranger = world
        .user("dan")
        .accounts()
        .create_account(new(named("Mine"), &pool, ""))
        .await;
    stranger.refused(Code::NotFound, Reason::NotFound);
    // Not into somebody's hands who could not hold it there.
    let outsider = world
        .user("root")
        .accounts()
        .create_account(new(named("Mine"), &pool, "dan"))
        .await;
    outsider.refused(Code::FailedPrecondition, Reason::AssigneeNotMember);

    let open = world
        .pool(Pool {
            members_may_add: true,
            ..open_pool("South")
        })
        .await;
    world.user("bob").creates(named("Lying"), &open, "").await;
    let own = world
        .user("bob")
        .creates(named("Own"), &open, "bob")
        .await
        .ownership
        .unwrap();
    assert_eq!(
        (own.status(), own.pool_id.as_str()),
        (AccountStatus::Assigned, open.as_str())
    );
    world.stop().await;
}

/// R033, R035, D44: a name is taken however it is written; who may know is told which account it is, others only that.
#[tokio::test]
async fn duplicates_say_where_they_lie_and_no_more() {
    let world = World::start().await;
    let shown = world.pool(open_pool("Shown")).await;
    let hidden = world
        .pool(Pool {
            claim_mode: ClaimMode::AdminsAssign.into(),
            ..open_pool("Hidden")
        })
        .await;
    let closed = Pool {
        members: Some(PoolMembers::default()),
        ..open_pool("Closed")
    };
    let closed = world.pool(closed).await;
    let accounts = [
        ("Shown", world.lying("Shown", &shown).await),
        ("Hidden", world.lying("Hidden", &hidden).await),
        ("Closed", world.lying("Closed", &closed).await),
        ("Owned", world.create("Owned", "", "cid").await.id),
        ("Canceled", world.lying("Canceled", &shown).await),
    ];
    world.cancel(&accounts[4].1).await;
    // Who is told the account, who the pool.
    let expected: [(&str, &[&str], &[&str]); 5] = [
        ("Shown", &["bob", "ann", "root"], &["bob", "ann", "root"]),
        ("Hidden", &["ann", "root"], &["bob", "ann", "root"]),
        ("Closed", &["ann", "root"], &["ann", "root"]),
        // The owner's supervisor knows it.
        ("Owned", &["ann", "root"], &[]),
        ("Canceled", &["root"], &["root"]),
    ];
    for ((name, account), (_, told_account, told_pool)) in accounts.iter().zip(expected) {
        for user in ["bob", "ann", "root"] {
            let spelled = format!("  {}", name.to_uppercase()).replace('A', "Ａ");
            let twin = world
                .user(user)
                .accounts()
                .create_account(new(named(spelled.trim()), "", ""))
                .await;
            let details = twin.refused(Code::AlreadyExists, Reason::DuplicateExact);
            let said = details.error_info().unwrap().metadata.clone();
            assert_eq!(
                said.contains_key("account_id"),
                told_account.contains(&user),
                "{name} {user} {said:?}"
            );
            assert_eq!(
                said.contains_key("pool_id"),
                told_pool.contains(&user),
                "{name} {user} {said:?}"
            );
            assert!(said.get("account_id").is_none_or(|id| id == account));
            assert!(
                said.keys()
                    .all(|key| ["account_id", "pool_id", "status"].contains(&key.as_str())),
                "{said:?}"
            );
        }
    }
    world.stop().await;
}

/// D44, D24: an external id that the pool hides is no way to find out whose it is.
#[tokio::test]
async fn a_hidden_external_id_is_only_taken() {
    let world = World::start().await;
    let pool = Pool {
        hidden_fields: vec!["external_id".into()],
        ..open_pool("Masked")
    };
    let masked = world.pool(pool).await;
    let shown = world.pool(open_pool("Shown")).await;
    let with_id = |name: &str, id: &str| Account {
        external_id: id.into(),
        ..named(name)
    };
    world.user("ann").creates(with_id("One", "x-1"), &masked, "").await;
    let two = world.user("ann").creates(with_id("Two", "x-2"), &shown, "").await;
    let taken = async |user: &str, id: &str| {
        let twin = world
            .user(user)
            .accounts()
            .create_account(new(with_id("New", id), "", ""))
            .await;
        let details = twin.refused(Code::AlreadyExists, Reason::ExternalIdTaken);
        details.error_info().unwrap().metadata.clone()
    };
    assert!(taken("bob", "x-1").await.is_empty());
    assert!(taken("ann", "x-1").await.contains_key("account_id"));
    assert_eq!(taken("bob", "x-2").await["account_id"], two.id);
    // The same through an update.
    let own = world.user("bob").creates(named("Own"), "", "").await;
    let request = update(&own.id, with_id("Own", "x-1"), &["external_id"]);
    let twin = world.user("bob").accounts().update_account(request).await;
    let details = twin.refused(Code::AlreadyExists, Reason::ExternalIdTaken);
    assert!(details.error_info().unwrap().metadata.is_empty());
    world.stop().await;
}

/// Custom fields are taken by name, as their definitions have them; everything wrong is named at once.
#[tokio::test]
async fn custom_fields_are_checked_and_kept() {
    let world = World::start().await;
    world.field("employees", CustomFieldType::Number, &[]).await;
    let tier = world.field("tier", CustomFieldType::Choice, &["gold", "silver"]).await;
    let with = |name: &str, custom_fields| Account {
        custom_fields,
        ..named(name)
    };
    let wrong = vec![
        text_value("employees", "many"),
        text_value("tier", "bronze"),
        text_value("nope", "x"),
        text_value("tier", "gold"),
    ];
    let refused = world
        .user("bob")
        .accounts()
        .create_account(new(with("Acme", wrong), "", ""))
        .await;
    let fields: Vec<_> = refused
        .violations()
        .iter()
        .map(|line| line.split(": ").next().unwrap().to_owned())
        .collect();
    let at = |field: &str| format!("new_account.account.custom_fields{field}");
    assert_eq!(
        fields,
        [at("[0].value"), at("[1].value"), at("[2].field"), at("[3].field")]
    );

    let values = vec![number_value("employees", 12.5), text_value("tier", "gold")];
    let made = world.user("bob").creates(with("Acme", values.clone()), "", "").await;
    assert_eq!(made.custom_fields, values);
    assert_eq!(world.user("bob").gets(&made.id).await.unwrap(), made);

    // A field that is required is required of new accounts; one that is out of use neither shows nor takes values.
    let required = CustomField {
        required: true,
        ..tier.clone()
    };
    world.change_field(required, &["required"]).await;
    let missing = world
        .user("bob")
        .accounts()
        .create_account(new(named("Other"), "", ""))
        .await;
    assert_eq!(
        missing.violations(),
        ["new_account.account.custom_fields: \"tier\" needs a value"]
    );
    let out_of_use = CustomField {
        enabled: Some(false),
        etag: String::new(),
        ..tier
    };
    world.change_field(out_of_use, &["enabled"]).await;
    world.user("bob").creates(named("Other"), "", "").await;
    assert_eq!(
        world.user("bob").gets(&made.id).await.unwrap().custom_fields,
        values[..1]
    );
    let unused = with("Third", vec![text_value("tier", "gold")]);
    let refused = world.user("bob").accounts().create_account(new(unused, "", "")).await;
    assert!(refused.violations()[0].starts_with("new_account.account.custom_fields[0].field"));
    world.stop().await;
}

/// A repeated creation answers as the first did, also when the account moved on since.
#[tokio::test]
async fn a_repeated_creation_is_one_creation() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let request = proto::CreateAccountRequest {
        request_id: "once".into(),
        ..new(named("Acme"), &pool, "")
    };
    let first = world
        .user("ann")
        .accounts()
        .create_account(request.clone())
        .await
        .unwrap()
        .into_inner();
    let id = first.account.clone().unwrap().id;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    let again = world
        .user("ann")
        .accounts()
        .create_account(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    world.stop().await;
}
