//! D50, X03: an owner is given more time.

use super::{Ask, Stage, exact, fact};
use crate::{
    activities::told,
    moves::{Wish, reason},
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{DayCounting, ReclaimRule};

/// D50: the deadline goes that many days further, once, however often the owner follows up meanwhile; the event says why.
#[tokio::test]
async fn an_extension_puts_the_deadline_off() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let id = stage.claimed("Acme", "bob").await;
    let due = stage.deadline(&id).await.unwrap();
    let extended = stage.ask("ann", &id, Ask::Extend(7)).await.unwrap();
    assert_eq!(extended.extended_days, 7);
    assert_eq!(stage.deadline(&id).await, Some(due + TimeDelta::days(7)));
    stage.ask("adm", &id, Ask::Extend(3)).await.unwrap();
    assert_eq!(stage.deadline(&id).await, Some(due + TimeDelta::days(10)));
    let event = world.events(&id).await.pop().unwrap();
    let effects = event.effects.unwrap();
    assert_eq!(
        (event.kind.as_str(), event.note.as_str()),
        ("account.retention_extended", "because")
    );
    assert_eq!((effects.days, effects.until), (3, effects.reclaim_time.unwrap().new));

    // A follow-up that would not reach as far takes nothing away; one that reaches further counts.
    stage.pass(TimeDelta::days(5));
    world
        .tell("crm", vec![told("e1", &id, "sales_record.created", stage.now())])
        .await;
    assert_eq!(stage.deadline(&id).await, Some(due + TimeDelta::days(10)));
    stage.pass(TimeDelta::days(20));
    world
        .tell("crm", vec![told("e2", &id, "sales_record.created", stage.now())])
        .await;
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(30)));
    stage.stop().await;
}

/// D50: 30 days in a tenure, unless the tenant says otherwise; a new owner has all of them.
#[tokio::test]
async fn a_tenure_is_extended_within_bounds() {
    let stage = Stage::set().await;
    let id = stage.claimed("Acme", "bob").await;
    stage.ask("ann", &id, Ask::Extend(29)).await.unwrap();
    let refused = stage.ask("ann", &id, Ask::Extend(2)).await.unwrap_err();
    assert_eq!(reason(&refused), "EXTENSION_LIMIT_REACHED");
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert_eq!(
        (fact(&refused, "limit"), fact(&refused, "used")),
        ("30".into(), "29".into())
    );
    stage.ask("ann", &id, Ask::Extend(1)).await.unwrap();
    assert_eq!(
        stage.verdict("root", &id, Ask::Extend(1)).await,
        "EXTENSION_LIMIT_REACHED"
    );
    stage.world.play("bob", &id, Wish::owner("cid")).await;
    let extended = stage.ask("ann", &id, Ask::Extend(30)).await.unwrap();
    assert_eq!(extended.extended_days, 30);
    stage.stop().await;
}

/// D50: where no clock runs there is nothing to extend.
#[tokio::test]
async fn without_a_clock_there_is_nothing_to_extend() {
    let stage = Stage::without_rule().await;
    let world = &stage.world;
    let id = stage.claimed("Acme", "bob").await;
    assert_eq!(stage.verdict("ann", &id, Ask::Extend(1)).await, "NO_RETENTION_CLOCK");
    assert_eq!(
        stage.verdict("ann", &id, Ask::Extend(31)).await,
        "EXTENSION_LIMIT_REACHED NO_RETENTION_CLOCK"
    );
    world
        .rule(ReclaimRule {
            reclaim_kinds: vec!["customer.opted_out".into()],
            ..exact(&stage.home, 30)
        })
        .await;
    world.sweep().await;
    // Held without an end, it is not due at any time.
    stage.ask("bob", &id, Ask::Lock(None)).await.unwrap();
    assert_eq!(stage.verdict("ann", &id, Ask::Extend(1)).await, "NO_RETENTION_CLOCK");
    stage.ask("bob", &id, Ask::Unlock).await.unwrap();
    assert_eq!(stage.verdict("ann", &id, Ask::Extend(1)).await, "OK");
    // R191: what is reclaimed at once is not put off.
    world
        .tell("crm", vec![told("e1", &id, "customer.opted_out", stage.now())])
        .await;
    assert_eq!(stage.verdict("ann", &id, Ask::Extend(1)).await, "NO_RETENTION_CLOCK");
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(stage.verdict("adm", &id, Ask::Extend(1)).await, "INVALID_STATUS");
    stage.stop().await;
}

/// X10, D50: extra days are counted as the rule counts its own.
#[tokio::test]
async fn extra_days_count_as_the_rule_counts() {
    let stage = Stage::without_rule().await;
    stage
        .world
        .rule(ReclaimRule {
            day_counting: DayCounting::Business.into(),
            ..exact(&stage.home, 5)
        })
        .await;
    // Claimed on a Sunday: due on Friday.
    let id = stage.claimed("Acme", "bob").await;
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(5)));
    stage.ask("ann", &id, Ask::Extend(1)).await.unwrap();
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(8)));
    stage.stop().await;
}
