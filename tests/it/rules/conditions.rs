//! Which accounts a rule is for: its condition and its window of creation.

use super::{create, exact, update};
use crate::{
    build::mask,
    harness::{Refused, run_sql},
    reclaim_rules,
    world::World,
};
use secrecy::ExposeSecret;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Account, CustomField, CustomFieldType, ReclaimAction, ReclaimRule},
};
use tonic::Code;

impl World {
    /// Defines a custom field in use.
    async fn define(&self, name: &str, of: CustomFieldType) -> CustomField {
        let request = proto::CreateCustomFieldRequest {
            custom_field: Some(CustomField {
                name: name.into(),
                display_name: name.to_uppercase(),
                r#type: of.into(),
                enabled: Some(true),
                ..CustomField::default()
            }),
            ..Default::default()
        };
        let made = self
            .server
            .admin()
            .custom_fields()
            .create_custom_field(request)
            .await
            .unwrap();
        made.into_inner().custom_field.unwrap()
    }

    async fn disable_field(&self, field: &CustomField) {
        let request = proto::UpdateCustomFieldRequest {
            custom_field: Some(CustomField {
                id: field.id.clone(),
                enabled: Some(false),
                ..CustomField::default()
            }),
            update_mask: mask(&["enabled"]),
            ..Default::default()
        };
        self.server
            .admin()
            .custom_fields()
            .update_custom_field(request)
            .await
            .unwrap();
    }

    async fn delete_field(&self, field: &CustomField) -> Result<(), tonic::Status> {
        let request = proto::DeleteCustomFieldRequest {
            custom_field_id: field.id.clone(),
            ..Default::default()
        };
        self.server
            .admin()
            .custom_fields()
            .delete_custom_field(request)
            .await
            .map(drop)
    }
}

fn when(condition: &str, rule: ReclaimRule) -> ReclaimRule {
    ReclaimRule {
        condition: condition.into(),
        ..rule
    }
}

/// R131, R137, R138, R151, 3.5: of the rules in use the first one whose condition the account meets decides; where none does,
/// nothing is reclaimed. What is not met today may be tomorrow, with a day of notice.
#[tokio::test]
async fn the_first_rule_whose_condition_holds_decides() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let education = when(r#"account.industry == "education""#, exact(&pool, 10));
    let first = create(&admin, education, None).await.unwrap();
    let never = ReclaimRule {
        action: ReclaimAction::NoReclaim.into(),
        condition: r#""vip" in account.tags"#.into(),
        pool_id: pool.clone(),
        ..ReclaimRule::default()
    };
    let never = create(&admin, never, None).await.unwrap();
    let north = create(
        &admin,
        when(r#"account.region.startsWith("north")"#, exact(&pool, 20)),
        None,
    )
    .await
    .unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "-");
    let account = |industry: &str, region: &str, tags: &[&str]| Account {
        id: id.clone(),
        industry: industry.into(),
        region: region.into(),
        tags: tags.iter().map(ToString::to_string).collect(),
        ..Account::default()
    };
    world
        .change(account("retail", "north-east", &[]), &["industry", "region"])
        .await;
    assert_eq!(world.deadline(&id).await, "2026-03-21 10:00");
    // R132: what the second rule lets nobody take, the third does not take either.
    world.change(account("", "", &["vip"]), &["tags"]).await;
    assert_eq!(world.deadline(&id).await, "-");
    world.go_to("2026-03-15 10:00");
    world.change(account("education", "", &[]), &["industry"]).await;
    assert_eq!(world.deadline(&id).await, "2026-03-16 10:00");
    // D09: the order is what is asked in.
    let places = [&never, &first, &north].map(|rule| (rule.id.as_str(), ""));
    reclaim_rules::reorder(&admin, &pool, &places).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "-");
    // Without it the next one has the say again, and gives a day.
    reclaim_rules::delete(&admin, &never.id, "").await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-03-16 10:00");
    world.stop().await;
}

/// R131, W17: a condition that means nothing is refused with the place, the field, and what was expected; and everything
/// else that is wrong with the rule is named beside it.
#[tokio::test]
async fn a_condition_that_means_nothing_is_refused_by_place() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (_, pool) = world.claimed("Acme").await;
    let wrong = |condition: &str| create(&admin, when(condition, exact(&pool, 10)), None);
    for (condition, said) in [
        (
            "account.size > 3",
            "reclaim_rule.condition: line 1, column 1: unknown field account.size",
        ),
        ("account.grade ==\n  3", "reclaim_rule.condition: line 2, column 3: "),
        (
            "account.custom.size > 3",
            "reclaim_rule.condition: line 1, column 1: unknown custom field size",
        ),
        ("account.grade", "reclaim_rule.condition: line 1, column 1: "),
        (" ", "reclaim_rule.condition: "),
    ] {
        let violations = wrong(condition).await.violations();
        assert!(
            violations.len() == 1 && violations[0].starts_with(said),
            "{condition}: {violations:?}"
        );
    }
    let much = ReclaimRule {
        follow_up_days: Some(0),
        display_name: " ".into(),
        ..when("account.grade ==", exact(&pool, 1))
    };
    let violations = create(&admin, much, None).await.violations();
    assert_eq!(violations.len(), 3, "{violations:?}");
    let long = format!("account.grade == \"{}\"", "x".repeat(2000));
    assert_eq!(wrong(&long).await.violations().len(), 1);
    world.stop().await;
}

/// A custom field that conditions read is not deleted; out of use it has no values, and the rules go on.
#[tokio::test]
async fn a_custom_field_that_conditions_read_stays() {
    let world = World::start().await;
    let admin = world.server.admin();
    let size = world.define("size", CustomFieldType::Number).await;
    let (id, pool) = world.claimed("Acme").await;
    let big = create(&admin, when("account.custom.size > 100", exact(&pool, 10)), None)
        .await
        .unwrap();
    create(&admin, exact(&pool, 30), None).await.unwrap();
    let account = Account {
        id: id.clone(),
        custom_fields: vec![proto::CustomFieldValue {
            field: "size".into(),
            value: Some(proto::custom_field_value::Value::NumberValue(500.0)),
        }],
        ..Account::default()
    };
    world.sweep().await;
    world.change(account, &["custom_fields"]).await;
    assert_eq!(world.deadline(&id).await, "2026-03-11 10:00");
    world.disable_field(&size).await;
    let refused = world.delete_field(&size).await;
    let details = refused.refused(Code::FailedPrecondition, Reason::CustomFieldReferenced);
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(
        (metadata.get("references"), metadata["reference_count"].as_str()),
        (Some(&big.id), "1")
    );
    // Nobody has a size any more: the next rule decides.
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-03-31 10:00");
    // The condition stays as it is; it is not written anew.
    let named = ReclaimRule {
        id: big.id.clone(),
        display_name: "Big".into(),
        ..ReclaimRule::default()
    };
    update(&admin, named, &["display_name"], None).await.unwrap();
    let anew = create(&admin, when("account.custom.size > 5", exact(&pool, 10)), None).await;
    assert!(anew.violations()[0].contains("disabled"));
    reclaim_rules::disable(&admin, &big.id, "").await.unwrap();
    world
        .delete_field(&size)
        .await
        .refused(Code::FailedPrecondition, Reason::CustomFieldReferenced);
    reclaim_rules::delete(&admin, &big.id, "").await.unwrap();
    world.delete_field(&size).await.unwrap();
    world.stop().await;
}

/// One rule whose condition means nothing any more, by a hand in the database, decides nothing; all others go on.
#[tokio::test]
async fn a_broken_condition_stops_no_other_rule() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let (other, elsewhere) = world.claimed("Other").await;
    create(&admin, when("account.grade == \"A\"", exact(&pool, 5)), None)
        .await
        .unwrap();
    create(&admin, exact(&pool, 30), None).await.unwrap();
    create(&admin, exact(&elsewhere, 20), None).await.unwrap();
    let url = world.server.config.database.url.expose_secret().to_owned();
    let sql = "UPDATE reclaim_rule SET config = REPLACE(config, 'account.grade', 'account.colour')";
    run_sql(&url, sql.into()).await;
    // With the next change everybody reads it.
    create(&admin, when("account.grade == \"B\"", exact(&pool, 7)), None)
        .await
        .unwrap();
    let grade = Account {
        id: id.clone(),
        grade: "A".into(),
        ..Account::default()
    };
    world.change(grade, &["grade"]).await;
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-03-31 10:00");
    assert_eq!(world.deadline(&other).await, "2026-03-21 10:00");
    world.stop().await;
}

/// R149, T32 (3.6): an account that grows out of the window leaves the rule by the passing of time alone.
#[tokio::test]
async fn an_account_grows_out_of_the_window() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let young = ReclaimRule {
        created_within_months: Some(1),
        ..exact(&pool, 90)
    };
    create(&admin, young, None).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-05-30 10:00");
    world.go_to("2026-04-01 23:59");
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-05-30 10:00");
    // No rule changed and nothing happened: the worker wakes up for it.
    world.go_to("2026-04-02 00:00");
    assert_eq!(world.sweep().await.replanned, 1);
    assert_eq!(world.deadline(&id).await, "-");
    world.stop().await;
}
