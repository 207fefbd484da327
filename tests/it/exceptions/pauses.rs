//! X20: times at which nothing is reclaimed.

use super::Stage;
use crate::{
    activities::time,
    harness::{Client, Refused},
    moves::{named_pool, reason},
    reclaim_rules::delete_pool,
};
use chrono::TimeDelta;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, RetentionPause},
};
use tonic::{Code, Status};

async fn enter(client: &Client, pause: RetentionPause) -> Result<RetentionPause, Status> {
    let request = proto::CreateRetentionPauseRequest {
        retention_pause: Some(pause),
        ..Default::default()
    };
    let made = client.exceptions().create_retention_pause(request).await?;
    Ok(made.into_inner().retention_pause.unwrap())
}

async fn end(client: &Client, pause: &RetentionPause, etag: &str) -> Result<RetentionPause, Status> {
    let request = proto::EndRetentionPauseRequest {
        retention_pause_id: pause.id.clone(),
        etag: etag.into(),
        ..Default::default()
    };
    let ended = client.exceptions().end_retention_pause(request).await?;
    Ok(ended.into_inner().retention_pause.unwrap())
}

async fn list(client: &Client, pool: &str) -> Result<Vec<RetentionPause>, Status> {
    let request = proto::ListRetentionPausesRequest {
        pool_id: pool.into(),
        ..Default::default()
    };
    let listed = client.exceptions().list_retention_pauses(request).await?;
    Ok(listed.into_inner().retention_pauses)
}

/// X20: while a pause without an end runs nothing is due, also what was overdue when it began; ended, everybody has a day.
#[tokio::test]
async fn nothing_is_due_before_somebody_ends_it() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let root = world.user("root");
    let late = stage.claimed("Late", "bob").await;
    stage.pass(TimeDelta::days(15));
    let soon = stage.claimed("Soon", "bob").await;
    // Overdue, but nobody has swept yet.
    stage.pass(TimeDelta::days(15) + TimeDelta::minutes(1));
    let pause = enter(
        &root,
        RetentionPause {
            reason: "migration".into(),
            ..RetentionPause::default()
        },
    )
    .await
    .unwrap();
    assert_eq!((pause.start_time, pause.end_time), (time(stage.now()), None));
    for _ in 0..2 {
        assert_eq!(world.sweep().await.reclaimed, 0);
    }
    assert_eq!((stage.deadline(&late).await, stage.deadline(&soon).await), (None, None));
    stage.pass(TimeDelta::days(300));
    assert_eq!(world.sweep().await.reclaimed, 0);

    let ended = end(&root, &pause, &pause.etag).await.unwrap();
    assert_eq!(ended.end_time, time(stage.now()));
    assert_eq!(world.sweep().await.reclaimed, 0);
    let notice = Some(stage.now() + TimeDelta::days(1));
    assert_eq!(
        (stage.deadline(&late).await, stage.deadline(&soon).await),
        (notice, notice)
    );
    stage.pass(TimeDelta::days(1));
    assert_eq!(world.sweep().await.reclaimed, 2);
    stage.stop().await;
}

/// X20: a pause with an end puts off what is due meanwhile to its end, and nothing else; of a pool, in that pool alone.
#[tokio::test]
async fn what_is_due_meanwhile_is_due_at_the_end() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let root = world.user("root");
    let other = world.pool(named_pool("Other")).await;
    world.rule(super::exact(&other, 30)).await;
    let first = stage.claimed("First", "bob").await;
    let elsewhere = world.create("Elsewhere", &other, "bob").await.id;
    stage.pass(TimeDelta::days(10));
    let second = stage.claimed("Second", "bob").await;
    let (due, after) = (
        stage.deadline(&first).await.unwrap(),
        stage.deadline(&second).await.unwrap(),
    );
    let until = due + TimeDelta::days(5);
    let pause = RetentionPause {
        pool_id: stage.home.clone(),
        start_time: time(due - TimeDelta::days(1)),
        end_time: time(until),
        ..RetentionPause::default()
    };
    enter(&root, pause).await.unwrap();
    world.sweep().await;
    assert_eq!(stage.deadline(&first).await, Some(until));
    assert_eq!(stage.deadline(&second).await, Some(after));
    assert_eq!(stage.deadline(&elsewhere).await, Some(due));
    stage.pass(until - stage.now() - TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(stage.owner(&elsewhere).await, "");
    stage.pass(TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(
        (stage.owner(&first).await.as_str(), stage.owner(&second).await.as_str()),
        ("", "bob")
    );
    stage.stop().await;
}

/// X20: pauses of everything hold outside pools and in each; a pool's own come on top; a pause that follows another one
/// takes over from it.
#[tokio::test]
async fn pauses_of_everything_hold_everywhere() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let root = world.user("root");
    let id = stage.claimed("Acme", "bob").await;
    let due = stage.deadline(&id).await.unwrap();
    let span = |from: i64, until: i64, pool: &str| RetentionPause {
        pool_id: pool.into(),
        start_time: time(due + TimeDelta::days(from)),
        end_time: time(due + TimeDelta::days(until)),
        ..RetentionPause::default()
    };
    enter(&root, span(-1, 2, "")).await.unwrap();
    enter(&root, span(1, 4, &stage.home)).await.unwrap();
    enter(&root, span(4, 6, "")).await.unwrap();
    enter(&root, span(7, 9, "")).await.unwrap();
    world.sweep().await;
    assert_eq!(stage.deadline(&id).await, Some(due + TimeDelta::days(6)));
    stage.stop().await;
}

/// X20: CRM admins pause; admins of a pool see what holds in it.
#[tokio::test]
async fn pauses_are_for_crm_admins() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let root = world.user("root");
    let other = world.pool(named_pool("Other")).await;
    let of = |pool: &str| RetentionPause {
        pool_id: pool.into(),
        ..RetentionPause::default()
    };
    let everywhere = enter(&root, of("")).await.unwrap();
    let home = enter(&root, of(&stage.home)).await.unwrap();
    enter(&world.server.admin(), of(&other)).await.unwrap();
    for who in ["adm", "ann", "bob"] {
        enter(&world.user(who), of(&stage.home))
            .await
            .refused(Code::PermissionDenied, Reason::NotAuthorized);
        end(&world.user(who), &home, "")
            .await
            .refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    assert_eq!(
        list(&world.user("adm"), &stage.home).await.unwrap(),
        [everywhere.clone(), home.clone()]
    );
    assert_eq!(list(&root, "").await.unwrap().len(), 3);
    for (who, pool, expected) in [
        ("adm", "", "NOT_AUTHORIZED"),
        ("bob", stage.home.as_str(), "NOT_AUTHORIZED"),
        ("dan", stage.home.as_str(), "NOT_FOUND"),
    ] {
        assert_eq!(
            reason(&list(&world.user(who), pool).await.unwrap_err()),
            expected,
            "{who} {pool:?}"
        );
    }
    end(&root, &home, "7")
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    end(&root, &home, "1").await.unwrap();
    // Ended once, it stays as it is.
    stage.pass(TimeDelta::hours(1));
    assert_eq!(end(&root, &home, "2").await.unwrap().etag, "2");
    let future = RetentionPause {
        start_time: time(stage.now() + TimeDelta::days(1)),
        ..of("")
    };
    let future = enter(&root, future).await.unwrap();
    let ended = end(&root, &future, "").await.unwrap();
    assert_eq!(ended.end_time, ended.start_time);

    let wrong = RetentionPause {
        start_time: time(stage.now()),
        end_time: time(stage.now()),
        reason: "x ".into(),
        ..of("01890a5d-ac96-774b-bcce-b302099a8057")
    };
    assert_eq!(
        enter(&root, wrong).await.violations(),
        [
            "retention_pause.pool_id: does not exist",
            "retention_pause.end_time: must be after start_time",
            "retention_pause.reason: must not begin or end with white space"
        ]
    );
    // A pool takes its pauses with it.
    delete_pool(&world.server, &other).await.unwrap();
    assert_eq!(list(&root, "").await.unwrap().len(), 3);
    stage.stop().await;
}
