//! X07: while an owner is away his clocks stand still.

use super::{Stage, exact};
use crate::{
    activities::{time, told},
    harness::{Client, Refused},
    moves::reason,
};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, ReclaimRule, UserAbsence},
};
use tonic::{Code, Status};

fn leave(user: &str, from: DateTime<Utc>, until: DateTime<Utc>) -> UserAbsence {
    UserAbsence {
        user_id: user.into(),
        start_time: time(from),
        end_time: time(until),
        reason: "holidays".into(),
        ..UserAbsence::default()
    }
}

/// The beginning of a day of March 2026 in Shanghai.
fn day(day: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 2, 28, 16, 0, 0).unwrap() + TimeDelta::days(day - 1)
}

async fn enter(client: &Client, leave: UserAbsence) -> Result<UserAbsence, Status> {
    let request = proto::CreateUserAbsenceRequest {
        user_absence: Some(leave),
        ..Default::default()
    };
    let made = client.exceptions().create_user_absence(request).await?;
    Ok(made.into_inner().user_absence.unwrap())
}

async fn end(client: &Client, leave: &UserAbsence, etag: &str) -> Result<UserAbsence, Status> {
    let request = proto::EndUserAbsenceRequest {
        user_absence_id: leave.id.clone(),
        etag: etag.into(),
        ..Default::default()
    };
    let ended = client.exceptions().end_user_absence(request).await?;
    Ok(ended.into_inner().user_absence.unwrap())
}

async fn delete(client: &Client, leave: &UserAbsence, etag: &str) -> Result<(), Status> {
    let request = proto::DeleteUserAbsenceRequest {
        user_absence_id: leave.id.clone(),
        etag: etag.into(),
        ..Default::default()
    };
    client.exceptions().delete_user_absence(request).await.map(drop)
}

async fn list(client: &Client, user: &str, size: i32, token: &str) -> Result<(Vec<UserAbsence>, String), Status> {
    let request = proto::ListUserAbsencesRequest {
        user_id: user.into(),
        page_size: size,
        page_token: token.into(),
    };
    let listed = client.exceptions().list_user_absences(request).await?.into_inner();
    Ok((listed.user_absences, listed.next_page_token))
}

/// X07: a leave moves the deadlines of his accounts by its days, of nobody else's; leaves that overlap count once; a
/// deadline that a leave does not reach stays.
#[tokio::test]
async fn a_leave_moves_deadlines_by_its_days() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let (mine, his) = (stage.claimed("Mine", "bob").await, stage.claimed("His", "cid").await);
    let due = stage.deadline(&mine).await.unwrap();
    enter(&world.user("ann"), leave("bob", day(10), day(15))).await.unwrap();
    // Both were looked at; one deadline moved.
    assert_eq!(world.sweep().await.replanned, 1);
    assert_eq!(stage.deadline(&mine).await, Some(due + TimeDelta::days(5)));
    assert_eq!(stage.deadline(&his).await, Some(due));
    // Two days more, three that were counted.
    enter(&world.user("root"), leave("bob", day(12), day(17)))
        .await
        .unwrap();
    world.sweep().await;
    assert_eq!(stage.deadline(&mine).await, Some(due + TimeDelta::days(7)));
    // Long after it would be over.
    enter(&world.user("root"), leave("bob", day(60), day(70)))
        .await
        .unwrap();
    world.sweep().await;
    assert_eq!(stage.deadline(&mine).await, Some(due + TimeDelta::days(7)));
    // Reached now, since the leaves before it moved the end.
    enter(&world.user("root"), leave("bob", day(35), day(36)))
        .await
        .unwrap();
    world.sweep().await;
    assert_eq!(stage.deadline(&mine).await, Some(due + TimeDelta::days(8)));

    // Days begin anew with a follow-up; those of a leave that lies before it are over.
    stage.pass(TimeDelta::days(20));
    world
        .tell("crm", vec![told("e1", &mine, "sales_record.created", stage.now())])
        .await;
    assert_eq!(stage.deadline(&mine).await, Some(stage.now() + TimeDelta::days(31)));
    // What is claimed meanwhile knows of them too.
    let fresh = stage.claimed("Fresh", "bob").await;
    assert_eq!(stage.deadline(&fresh).await, Some(stage.now() + TimeDelta::days(31)));
    stage.stop().await;
}

/// X07: whole days of a leave are whole days, also where clocks are set forward meanwhile.
#[tokio::test]
async fn days_of_leave_are_local_days() {
    let stage = Stage::without_rule().await;
    let world = &stage.world;
    let pool = proto::Pool {
        id: stage.home.clone(),
        time_zone: "America/New_York".into(),
        ..crate::moves::named_pool("Home")
    };
    world.update_pool(pool, &["time_zone"]).await;
    world.rule(exact(&stage.home, 5)).await;
    // 2026-02-28 21:00 in New York; clocks go forward on 2026-03-08.
    let id = stage.claimed("Acme", "bob").await;
    let due = stage.deadline(&id).await.unwrap();
    assert_eq!(due, Utc.with_ymd_and_hms(2026, 3, 6, 2, 0, 0).unwrap());
    let midnight = |day, hour| Utc.with_ymd_and_hms(2026, 3, day, hour, 0, 0).unwrap();
    enter(&world.user("ann"), leave("bob", midnight(3, 5), midnight(10, 4)))
        .await
        .unwrap();
    world.sweep().await;
    // Seven days later at the same local time, which is an hour earlier elsewhere.
    assert_eq!(
        stage.deadline(&id).await,
        Some(Utc.with_ymd_and_hms(2026, 3, 13, 1, 0, 0).unwrap())
    );
    stage.stop().await;
}

/// X07: who is back early, or was never away, has a day at least.
#[tokio::test]
async fn a_leave_that_ends_early_gives_notice() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let ann = world.user("ann");
    let id = stage.claimed("Acme", "bob").await;
    let due = stage.deadline(&id).await.unwrap();
    let first = enter(&ann, leave("bob", day(10), day(41))).await.unwrap();
    stage.pass(TimeDelta::days(20));
    world.sweep().await;
    assert_eq!(stage.deadline(&id).await, Some(due + TimeDelta::days(31)));
    // Back on the twelfth day of his leave.
    let ended = end(&ann, &first, &first.etag).await.unwrap();
    assert_eq!(ended.end_time, time(stage.now()));
    assert_eq!(end(&ann, &first, "").await.unwrap(), ended);
    world.sweep().await;
    assert_eq!(stage.deadline(&id).await, Some(due + (stage.now() - day(10))));

    stage.pass(TimeDelta::days(15));
    end(&ann, &first, "1")
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    delete(&ann, &first, "2").await.unwrap();
    world.sweep().await;
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(1)));
    let event = world.events(&id).await.pop().unwrap();
    assert_eq!(event.kind, "account.replanned");
    delete(&ann, &first, "").await.refused(Code::NotFound, Reason::NotFound);
    // One that has not begun never will.
    let next = enter(&ann, leave("bob", day(50), day(60))).await.unwrap();
    let ended = end(&ann, &next, "").await.unwrap();
    assert_eq!(ended.end_time, ended.start_time);
    stage.stop().await;
}

/// X07: those above him and CRM admins enter leaves, he sees his own, and nobody else knows of them.
#[tokio::test]
async fn leaves_are_entered_by_those_above() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let bobs = || leave("bob", day(10), day(15));
    for (who, expected) in [
        ("root", "OK"),
        ("ann", "OK"),
        ("bob", "NOT_AUTHORIZED"),
        ("cid", "NOT_AUTHORIZED"),
        ("adm", "NOT_AUTHORIZED"),
    ] {
        let said = enter(&world.user(who), bobs()).await;
        assert_eq!(
            said.map_or_else(|status| reason(&status), |_| "OK".into()),
            expected,
            "{who}"
        );
    }
    enter(&world.server.admin(), leave("cid", day(1), day(2)))
        .await
        .unwrap();
    for (who, of_bob, all) in [
        ("root", "2", "3"),
        ("ann", "2", "NOT_AUTHORIZED"),
        ("bob", "2", "NOT_AUTHORIZED"),
        ("cid", "NOT_AUTHORIZED", "NOT_AUTHORIZED"),
        ("adm", "NOT_AUTHORIZED", "NOT_AUTHORIZED"),
    ] {
        for (user, expected) in [("bob", of_bob), ("", all)] {
            let said = list(&world.user(who), user, 0, "").await;
            let said = said.map_or_else(|status| reason(&status), |(leaves, _)| leaves.len().to_string());
            assert_eq!(said, expected, "{who} {user:?}");
        }
    }
    let root = world.user("root");
    let (first, token) = list(&root, "bob", 1, "").await.unwrap();
    let (second, none) = list(&root, "bob", 1, &token).await.unwrap();
    assert!(first[0].id < second[0].id && none.is_empty());
    list(&root, "", 1, &token)
        .await
        .refused(Code::InvalidArgument, Reason::InvalidPageToken);
    for (who, expected) in [("cid", "NOT_FOUND"), ("adm", "NOT_FOUND"), ("bob", "NOT_AUTHORIZED")] {
        assert_eq!(
            reason(&end(&world.user(who), &first[0], "").await.unwrap_err()),
            expected,
            "{who}"
        );
        assert_eq!(
            reason(&delete(&world.user(who), &first[0], "").await.unwrap_err()),
            expected,
            "{who}"
        );
    }
    stage.stop().await;
}

/// X07: a leave is at most 366 days long, of somebody, and ends after it begins; all of that is told at once.
#[tokio::test]
async fn a_leave_has_bounds() {
    let stage = Stage::set().await;
    let root = stage.world.user("root");
    enter(&root, leave("bob", day(1), day(367))).await.unwrap();
    enter(&root, leave("nobody", day(1), day(2)))
        .await
        .refused(Code::NotFound, Reason::NotFound);
    let wrong = UserAbsence {
        reason: " x".into(),
        ..leave("bob", day(1), day(368))
    };
    assert_eq!(
        enter(&root, wrong).await.violations(),
        [
            "user_absence.end_time: must be at most 366 days after start_time",
            "user_absence.reason: must not begin or end with white space"
        ]
    );
    let backwards = enter(&root, leave("bob", day(2), day(2))).await;
    assert_eq!(
        backwards.violations(),
        ["user_absence.end_time: must be after start_time"]
    );
    let nothing = enter(&root, UserAbsence::default()).await;
    assert_eq!(nothing.violations().len(), 3);
    stage.stop().await;
}

/// X07, T40: max-hold days are days of somebody who is there, too.
#[tokio::test]
async fn a_leave_moves_the_hard_cap() {
    let stage = Stage::without_rule().await;
    let world = &stage.world;
    world
        .rule(ReclaimRule {
            max_hold_days: Some(40),
            ..exact(&stage.home, 30)
        })
        .await;
    enter(&world.user("ann"), leave("bob", day(10), day(15))).await.unwrap();
    let id = stage.claimed("Acme", "bob").await;
    let claimed = stage.now();
    stage.pass(TimeDelta::days(30));
    world
        .tell("crm", vec![told("e1", &id, "sales_record.created", stage.now())])
        .await;
    assert_eq!(stage.deadline(&id).await, Some(claimed + TimeDelta::days(45)));
    stage.stop().await;
}
