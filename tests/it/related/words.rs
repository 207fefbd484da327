//! Whose an object is: what handovers and activities say of it, whoever comes first.

use super::{handover::change, listed};
use crate::{activities::told, world::World};
use chrono::TimeDelta;
use tidepool::rpc::proto::{self, RelatedObjectType};

/// R060: whoever owns an object is what was said last: a handover holds against events from before it, and yields to those
/// after it, in whatever order they come.
#[tokio::test]
async fn a_handover_is_one_word_among_others() {
    let mut ends = Vec::new();
    for late in [false, true] {
        let world = World::start().await;
        let id = world.create("Acme", "", "bob").await.id;
        world.server.clock.advance(TimeDelta::days(1));
        let now = world.server.clock.now();
        let owned = |event: &str, hours: i64, owner: &str| {
            let at = now + TimeDelta::hours(hours);
            proto::Activity {
                object_id: "o1".into(),
                object_owner: owner.into(),
                ..told(event, &id, "opportunity.stage_changed", at)
            }
        };
        world.tell("erp", vec![owned("e1", -9, "bob")]).await;
        let before = owned("e2", -5, "bob");
        if !late {
            world.tell("erp", vec![before.clone()]).await;
        }
        let types = [RelatedObjectType::Opportunity];
        let moved = world
            .user("bob")
            .circulation()
            .change_account_owner(change(&id, "cid", &types))
            .await;
        moved.unwrap();
        assert_eq!(world.owners(&id).await["o1"], "cid");
        if late {
            // What it says of all else holds.
            let before = proto::Activity {
                object_locked: true,
                ..before
            };
            world.tell("erp", vec![before]).await;
            assert!(listed(&world.user("root"), &id, "", 5).await[0].locked);
        }
        assert_eq!(world.owners(&id).await["o1"], "cid", "late: {late}");
        world.server.clock.advance(TimeDelta::hours(2));
        world.tell("erp", vec![owned("e3", 1, "dan")]).await;
        ends.push(world.owners(&id).await);
        world.stop().await;
    }
    assert_eq!(ends[0]["o1"], "dan");
    assert_eq!(ends[0], ends[1]);
}
