//! What was given up: listed, sent again, forgotten; and everything after a position, sent again.

use super::{receiver::status, *};
use crate::harness::Refused;
use tidepool::domain::refusal::Reason;
use tonic::Code;

async fn replay_dead(world: &World, id: &str, positions: &[i64]) -> i32 {
    let request = proto::ReplayDeadLettersRequest {
        webhook_id: id.into(),
        positions: positions.to_vec(),
        ..Default::default()
    };
    let replayed = world.server.admin().webhooks().replay_dead_letters(request).await;
    replayed.unwrap().into_inner().replayed
}

async fn replay_from(world: &World, id: &str, after_position: i64) -> Result<i64, Status> {
    let request = proto::ReplayEventsRequest {
        webhook_id: id.into(),
        after_position,
        ..Default::default()
    };
    let replayed = world.server.admin().webhooks().replay_events(request).await?;
    Ok(replayed.into_inner().position)
}

/// After the last attempt an event is a dead letter, and what waited for it goes on. A dead letter is sent again as it was,
/// before what is new of its account.
#[tokio::test]
async fn what_is_given_up_is_kept_and_sent_again() {
    let world = world_with(|config| config.webhooks.attempts = 2).await;
    let ids = world.accounts(3).await;
    let receiver = Receiver::start().await;
    receiver.answer(|it| if it.of().1 == 1 { status(400) } else { receiver::OK });
    let hook = world.hook(&receiver).await;
    world.relay().await;
    world.to_and_fro(&ids[0], 1).await;
    assert_eq!(world.post().await, failed(3));
    world.later(60);
    // The three created are tried for the last time, one after the other, since nothing was taken so far; what was behind
    // the first of them goes on.
    let mut all = Turned::default();
    for _ in 0..4 {
        all.add(world.post().await);
        world.later(700);
    }
    assert_eq!((all.delivered, all.failed, all.dead), (2, 3, 3));
    let (_, progress) = world.progress(&hook).await;
    assert_eq!((progress.waiting, progress.dead_letters, progress.position), (0, 3, 5));
    let dead = world.dead_letters(&hook).await;
    let told: Vec<_> = dead
        .iter()
        .map(|letter| {
            let event = letter.event.as_ref().unwrap();
            (
                event.position,
                event.account_id.as_str(),
                letter.attempts,
                letter.error.as_str(),
            )
        })
        .collect();
    let expected: Vec<_> = ids
        .iter()
        .zip(1..)
        .map(|(id, at)| (at, id.as_str(), 2, "status 400"))
        .collect();
    assert_eq!(told, expected);
    assert!(dead.iter().all(|letter| letter.attempt_time.is_some()));

    receiver.take();
    receiver.answer(|_| receiver::OK);
    // Of those that are named, those that are dead letters.
    assert_eq!(replay_dead(&world, &hook, &[2, 4, 1000]).await, 1);
    world.to_and_fro(&ids[1], 1).await;
    assert_eq!(world.post().await, delivered(3));
    assert_eq!(versions(&receiver.take(), &ids[1]), [1, 2, 3]);
    assert_eq!(replay_dead(&world, &hook, &[]).await, 2);
    assert_eq!(replay_dead(&world, &hook, &[]).await, 0);
    assert_eq!(world.post().await, delivered(2));
    assert!(world.dead_letters(&hook).await.is_empty());
    world.stop().await;
}

/// A replay that is repeated under its request id replays once.
#[tokio::test]
async fn a_repeated_replay_replays_once() {
    let world = world_with(|config| config.webhooks.attempts = 1).await;
    world.accounts(1).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| status(400));
    let hook = world.hook(&receiver).await;
    let gave_up = Turned {
        delivered: 0,
        failed: 1,
        dead: 1,
    };
    assert_eq!(world.post().await, gave_up);
    let request = proto::ReplayDeadLettersRequest {
        webhook_id: hook.clone(),
        request_id: "again".into(),
        ..Default::default()
    };
    let mut webhooks = world.server.admin().webhooks();
    for _ in 0..2 {
        let replayed = webhooks.replay_dead_letters(request.clone()).await.unwrap();
        assert_eq!(replayed.into_inner().replayed, 1);
        world.post().await;
    }
    assert_eq!(receiver.came().len(), 2);
    world.stop().await;
}

/// Dead letters are kept for thirty days after the last attempt.
#[tokio::test]
async fn dead_letters_are_forgotten_one_day() {
    let world = world_with(|config| config.webhooks.attempts = 1).await;
    world.accounts(1).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| status(400));
    let hook = world.hook(&receiver).await;
    world.post().await;
    let app = &world.server.running.app;
    world.later(30 * 86_400);
    assert_eq!(app.purge_dead_letters().await.unwrap(), 0);
    assert_eq!(world.dead_letters(&hook).await.len(), 1);
    world.later(1);
    assert_eq!(app.purge_dead_letters().await.unwrap(), 1);
    assert!(world.dead_letters(&hook).await.is_empty());
    world.stop().await;
}

/// Everything after a position comes again, whatever became of it: delivered, waiting, given up.
#[tokio::test]
async fn everything_after_a_position_comes_again() {
    let world = world_with(|config| config.webhooks.attempts = 1).await;
    let ids = world.accounts(4).await;
    let receiver = Receiver::start().await;
    let bad = ids[2].clone();
    receiver.answer(move |it| if it.of().0 == bad { status(400) } else { receiver::OK });
    let hook = world.hook(&receiver).await;
    world.post().await;
    assert_eq!(world.dead_letters(&hook).await.len(), 1);
    receiver.take();
    receiver.answer(|_| receiver::OK);
    assert_eq!(replay_from(&world, &hook, 1).await.unwrap(), 1);
    assert!(world.dead_letters(&hook).await.is_empty());
    assert_eq!(world.post().await, delivered(3));
    let came: Vec<_> = receiver.take().iter().map(|it| it.of().0).collect();
    assert_eq!(came, ids[1..]);
    assert_eq!(replay_from(&world, &hook, 0).await.unwrap(), 0);
    assert_eq!(world.post().await, delivered(4));
    // Nothing is passed over by that.
    world.accounts_of_another_pool().await;
    world.relay().await;
    let wrong = replay_from(&world, &hook, 5).await.violations();
    assert_eq!(wrong, ["after_position: must not be beyond 4, where the webhook is"]);
    let ahead = replay_from(&world, &hook, 100).await;
    ahead.refused(Code::OutOfRange, Reason::EventsAhead);
    world.stop().await;
}

impl World {
    async fn accounts_of_another_pool(&self) {
        let pool = self.pool(open_pool("South")).await;
        self.many_lying("South", &pool, 3).await;
    }
}
