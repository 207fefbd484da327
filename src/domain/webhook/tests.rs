//! What is stored of webhooks, which secrets are used when, and what their history tells.

use super::*;
use crate::domain::patch::diff;
use chrono::TimeDelta;

fn webhook() -> Webhook {
    let settings = Settings {
        display_name: "Warehouse".into(),
        url: "https://hooks.example.com/in".into(),
        filter: WantedEvents::default(),
    };
    Webhook::new(settings, "first".into())
}

fn at(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
}

fn used(webhook: &Webhook, hour: i64) -> Vec<&str> {
    webhook.secrets_at(at(hour)).collect()
}

#[test]
fn a_secret_outlives_its_rotation_for_a_while() {
    let first = webhook();
    assert_eq!(used(&first, 0), ["first"]);
    let second = first.rotated("second".into(), at(24));
    assert_eq!(used(&second, 23), ["second", "first"]);
    assert_eq!(second.old_secret_until(at(23)), Some(at(24)));
    assert_eq!(used(&second, 24), ["second"]);
    assert_eq!(second.old_secret_until(at(24)), None);
    // Twice within the day: there are never more than two.
    let third = second.rotated("third".into(), at(30));
    assert_eq!(used(&third, 20), ["third", "second"]);
    // At once, for a secret that leaked.
    let fourth = third.rotated("fourth".into(), at(20));
    assert_eq!(used(&fourth, 20), ["fourth"]);
    assert_eq!(fourth.secret_number, 4);
}

#[test]
fn its_history_tells_that_the_secret_changed_and_no_secret() {
    let (old, new) = (webhook(), webhook().rotated("second".into(), at(1)));
    let (before, after) = (old.told(), new.told());
    let told = serde_json::to_string(&diff(Some(&before), Some(&after))).unwrap();
    assert_eq!(told, r#"{"secret_number":{"old":1,"new":2}}"#);
    let whole = serde_json::to_string(&diff(None, Some(&after))).unwrap();
    assert!(whole.contains("hooks.example.com") && !whole.contains("first") && !whole.contains("second"));
    let shown = format!("{new:?}");
    assert!(!shown.contains("\"second\"") && !shown.contains("\"first\""), "{shown}");
}

#[test]
fn kinds_that_nobody_knows_any_more_fit_nothing() {
    let wanted = WantedEvents {
        kinds: vec!["account.evaporated".into()],
        ..WantedEvents::default()
    };
    assert_eq!(wanted.filter().kinds, [Kinds::Below("account.evaporated".into())]);
}
