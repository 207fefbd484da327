//! Bad input: whatever is sent, the answer says what is wrong, nothing is written, and the server stays up.

use crate::{
    build::{create_pool, everything, fields, mask, pool, staffed, try_create_pool, try_users, update_pool},
    harness::Refused,
    world::World,
};
use tidepool::rpc::proto::{self, Pool, PoolDepartment, PoolMembers, User, custom_field_value::Value};

const UNKNOWN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Every method with an id refuses a missing, an over-long and a malformed one by name.
#[tokio::test]
async fn ids_are_checked_everywhere() {
    let server = staffed().await;
    let admin = server.admin();
    let before = everything(&admin).await;
    let long = "x".repeat(65);
    for (id, user_said, pool_said) in [
        ("", "must not be empty", "must not be empty"),
        (long.as_str(), "must be at most 64 bytes long", "must be a UUID"),
        ("a b", "must be printable ASCII without blanks", "must be a UUID"),
        ("zo\u{eb}", "must be printable ASCII without blanks", "must be a UUID"),
    ] {
        macro_rules! said {
            ($service:ident.$method:ident, $field:literal, $request:expr, $expected:expr) => {{
                let said = admin.$service().$method($request).await.violations();
                let expected = format!("{}: {}", $field, $expected);
                assert!(
                    said.len() == 1 && said[0].starts_with(&expected),
                    "{}: {said:?}",
                    stringify!($method)
                );
            }};
        }
        let text = || id.to_owned();
        said!(
            directory.get_user,
            "user_id",
            proto::GetUserRequest { user_id: text() },
            user_said
        );
        let get = proto::GetDepartmentRequest { department_id: text() };
        said!(directory.get_department, "department_id", get, user_said);
        said!(
            directory.get_group,
            "group_id",
            proto::GetGroupRequest { group_id: text() },
            user_said
        );
        let leave = proto::DeactivateUserRequest {
            user_id: text(),
            ..Default::default()
        };
        said!(directory.deactivate_user, "user_id", leave, user_said);
        said!(
            pools.get_pool,
            "pool_id",
            proto::GetPoolRequest { pool_id: text() },
            pool_said
        );
        said!(
            pools.get_pool_counters,
            "pool_id",
            proto::GetPoolCountersRequest { pool_id: text() },
            pool_said
        );
        let enable = proto::EnablePoolRequest {
            pool_id: text(),
            ..Default::default()
        };
        said!(pools.enable_pool, "pool_id", enable, pool_said);
        let disable = proto::DisablePoolRequest {
            pool_id: text(),
            ..Default::default()
        };
        said!(pools.disable_pool, "pool_id", disable, pool_said);
        let delete = proto::DeletePoolRequest {
            pool_id: text(),
            ..Default::default()
        };
        said!(pools.delete_pool, "pool_id", delete, pool_said);
        let update = proto::UpdatePoolRequest {
            pool: Some(Pool {
                id: text(),
                ..pool("North")
            }),
            update_mask: mask(&["claim_limit"]),
            ..Default::default()
        };
        said!(pools.update_pool, "pool.id", update, pool_said);
    }
    // An etag that no read ever gave.
    let etag = || "W/\"1\"".to_owned();
    let pool_id = || UNKNOWN.to_owned();
    let leave = proto::DeactivateUserRequest {
        user_id: "ann".into(),
        etag: etag(),
        ..Default::default()
    };
    assert_eq!(fields(admin.directory().deactivate_user(leave).await), ["etag"]);
    let enable = proto::EnablePoolRequest {
        pool_id: pool_id(),
        etag: etag(),
        ..Default::default()
    };
    assert_eq!(fields(admin.pools().enable_pool(enable).await), ["etag"]);
    let delete = proto::DeletePoolRequest {
        pool_id: String::new(),
        etag: etag(),
        ..Default::default()
    };
    assert_eq!(fields(admin.pools().delete_pool(delete).await), ["pool_id", "etag"]);
    let filter = proto::ListUsersRequest {
        page_size: -1,
        department_id: "a b".into(),
        supervisor_id: long.clone(),
        ..Default::default()
    };
    assert_eq!(
        fields(admin.directory().list_users(filter).await),
        ["page_size", "department_id", "supervisor_id"]
    );
    let filter = proto::ListConfigEventsRequest {
        resource_type: long,
        resource: "x".repeat(129),
        ..Default::default()
    };
    assert_eq!(
        fields(admin.tenants().list_config_events(filter).await),
        ["resource_type", "resource"]
    );
    assert_eq!(everything(&admin).await, before);
    server.stop().await;
}

/// Wrong enum values, negative and huge numbers, too long lists and texts, malformed ids in lists: all named at once.
#[tokio::test]
async fn malformed_messages_are_refused_with_all_that_is_wrong() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&admin, pool("North")).await;
    let before = everything(&admin).await;
    let malformed = Pool {
        administrators: vec!["a b".into()],
        members: Some(PoolMembers {
            users: vec![String::new()],
            departments: vec![PoolDepartment::default()],
            roles: vec!["\u{1f30a}".into()],
            groups: (0..501).map(|at| format!("g{at}")).collect(),
            everyone: false,
        }),
        claim_mode: 99,
        claim_limit: Some(-1),
        daily_claim_limit: Some(i32::MIN),
        cooldown_days: Some(-9999),
        return_reasons: vec!["x".repeat(65)],
        hidden_fields: vec!["phone".into(); 51],
        unclaimed_related_access: -1,
        time_zone: "Mars/Olympus".into(),
        ..made.clone()
    };
    let expected = [
        "pool.administrators[0]",
        "pool.members.users[0]",
        "pool.members.departments[0].department_id",
        "pool.members.roles[0]",
        "pool.members.groups",
        "pool.claim_mode",
        "pool.unclaimed_related_access",
        "pool.claim_limit",
        "pool.daily_claim_limit",
        "pool.cooldown_days",
        "pool.return_reasons[0]",
        "pool.hidden_fields",
        "pool.time_zone",
    ];
    let sorted = |mut fields: Vec<String>| {
        fields.sort();
        fields
    };
    let expected = sorted(expected.map(String::from).to_vec());
    assert_eq!(
        sorted(fields(try_create_pool(&admin, malformed.clone(), "").await)),
        expected
    );
    assert_eq!(sorted(fields(update_pool(&admin, malformed, &["*"]).await)), expected);
    for huge in [i32::MAX, 10_000] {
        let limits = Pool {
            claim_limit: Some(huge),
            daily_claim_limit: Some(huge),
            cooldown_days: Some(huge),
            ..made.clone()
        };
        assert_eq!(fields(update_pool(&admin, limits, &["*"]).await).len(), 3);
    }
    let named = |name: &str| Pool {
        display_name: name.into(),
        ..made.clone()
    };
    for name in ["", " x", "x\n", "\0", &"\u{1f30a}".repeat(256)] {
        assert_eq!(
            fields(update_pool(&admin, named(name), &["display_name"]).await)[0],
            "pool.display_name",
            "{name:?}"
        );
    }
    let nothing = admin.pools().update_pool(proto::UpdatePoolRequest::default()).await;
    assert_eq!(fields(nothing), ["update_mask", "pool"]);
    assert_eq!(
        fields(admin.pools().create_pool(proto::CreatePoolRequest::default()).await),
        ["pool"]
    );

    let user = User {
        id: "a b".into(),
        primary_department: "\u{7}".into(),
        other_departments: (0..51).map(|at| format!("d{at}")).collect(),
        supervisor: "x".repeat(65),
        groups: vec!["g".into(); 201],
        roles: vec!["r".into(); 51],
        ..User::default()
    };
    let said = fields(try_users(&admin, vec![user]).await);
    for field in [
        "id",
        "primary_department",
        "other_departments",
        "supervisor",
        "groups",
        "roles",
    ] {
        assert!(said.contains(&format!("users[0].{field}")), "{field}: {said:?}");
    }
    assert_eq!(everything(&admin).await, before);
    // The longest name that fits does, in any script.
    update_pool(&admin, named(&"\u{1f30a}".repeat(255)), &["display_name"])
        .await
        .unwrap();
    server.stop().await;
}

/// What is wrong is named where the request has it, also where the mask takes only a part of a list.
#[tokio::test]
async fn a_wrong_value_is_named_by_its_place() {
    let world = World::start().await;
    let admin = world.server.admin();
    for name in ["tier", "color"] {
        let field = proto::CustomField {
            name: name.into(),
            display_name: name.into(),
            r#type: proto::CustomFieldType::Text.into(),
            ..Default::default()
        };
        let create = proto::CreateCustomFieldRequest {
            custom_field: Some(field),
            ..Default::default()
        };
        admin.custom_fields().create_custom_field(create).await.unwrap();
    }
    let account = world.create("Acme", "", "bob").await;
    let value = |field: &str, value| proto::CustomFieldValue {
        field: field.into(),
        value: Some(value),
    };
    let wrong = proto::Account {
        id: account.id.clone(),
        custom_fields: vec![
            value("tier", Value::TextValue("gold".into())),
            value("color", Value::NumberValue(1.0)),
        ],
        ..Default::default()
    };
    let update = proto::UpdateAccountRequest {
        account: Some(wrong),
        update_mask: mask(&["custom_fields.color"]),
        ..Default::default()
    };
    let said = fields(admin.accounts().update_account(update).await);
    assert_eq!(said, ["account.custom_fields[1].value"]);
    assert_eq!(world.account(&account.id).await, account);
    world.stop().await;
}
