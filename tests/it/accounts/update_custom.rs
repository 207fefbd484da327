//! Custom fields of accounts change.

use super::{number_value, text_value, update};
use crate::{harness::Refused, world::World};
use tidepool::rpc::proto::{self, Account, CustomFieldType};

/// Custom fields: all of them, one of them, none; values that a definition no longer offers stay until they change.
#[tokio::test]
async fn custom_fields_are_updated_by_name() {
    let world = World::start().await;
    world.field("employees", CustomFieldType::Number, &[]).await;
    let tier = world.field("tier", CustomFieldType::Choice, &["gold", "silver"]).await;
    let bob = world.user("bob");
    let with = |custom_fields| Account {
        custom_fields,
        ..Account::default()
    };
    let id = world.create("Acme", "", "bob").await.id;
    let both = vec![number_value("employees", 3.0), text_value("tier", "gold")];
    assert_eq!(
        bob.updates(&id, with(both.clone()), &["custom_fields"])
            .await
            .custom_fields,
        both
    );
    let told = r#"{"fields":["custom_fields.employees","custom_fields.tier"]}"#;
    assert_eq!(world.history(&id).await.1, told);
    // One of them; what the mask does not name is not taken.
    let four = vec![text_value("tier", "silver"), number_value("employees", 4.0)];
    let updated = bob.updates(&id, with(four), &["custom_fields.employees"]).await;
    assert_eq!(
        updated.custom_fields,
        [number_value("employees", 4.0), text_value("tier", "gold")]
    );
    assert_eq!(bob.gets(&id).await.unwrap(), updated);

    // Gold is no longer offered: it stays, and cannot be taken anew.
    let narrowed = proto::CustomField {
        choices: vec!["silver".into()],
        etag: String::new(),
        ..tier.clone()
    };
    world.change_field(narrowed, &["choices"]).await;
    let kept = vec![number_value("employees", 5.0), text_value("tier", "gold")];
    assert_eq!(
        bob.updates(&id, with(kept.clone()), &["custom_fields"])
            .await
            .custom_fields,
        kept
    );
    assert_eq!(
        bob.updates(&id, with(vec![]), &["custom_fields.tier"])
            .await
            .custom_fields,
        kept[..1]
    );
    let gold = bob
        .accounts()
        .update_account(update(&id, with(kept.clone()), &["custom_fields"]))
        .await;
    assert_eq!(
        gold.violations(),
        ["account.custom_fields[1].value: must be one of the field's choices"]
    );

    // A field out of use keeps its value through updates of the others, unseen.
    let silver = vec![text_value("tier", "silver")];
    bob.updates(&id, with(silver.clone()), &["custom_fields.tier"]).await;
    let turned = |enabled| proto::CustomField {
        enabled: Some(enabled),
        etag: String::new(),
        ..tier.clone()
    };
    world.change_field(turned(false), &["enabled"]).await;
    assert!(
        bob.updates(&id, with(vec![]), &["custom_fields"])
            .await
            .custom_fields
            .is_empty()
    );
    let unused = bob
        .accounts()
        .update_account(update(&id, with(silver.clone()), &["custom_fields.tier"]))
        .await;
    assert!(unused.violations()[0].contains("\"tier\" is not the name of a custom field in use"));
    world.change_field(turned(true), &["enabled"]).await;
    assert_eq!(bob.gets(&id).await.unwrap().custom_fields, silver);

    // Required is asked for where custom fields change, and only there.
    let required = proto::CustomField {
        required: true,
        etag: String::new(),
        ..tier
    };
    world.change_field(required, &["required"]).await;
    bob.updates(
        &id,
        Account {
            phone: "1".into(),
            ..Account::default()
        },
        &["phone"],
    )
    .await;
    let missing = bob
        .accounts()
        .update_account(update(&id, with(vec![]), &["custom_fields"]))
        .await;
    assert_eq!(missing.violations(), ["account.custom_fields: \"tier\" needs a value"]);
    world.stop().await;
}
