//! X20: what a pause must be.

use super::*;
use crate::domain::{
    retention::tests::pool_id,
    stage::{Stage, TICK, day},
};

#[test]
fn a_pause_is_of_a_pool_that_there_is_and_ends_after_it_began() {
    let stage = Stage::new();
    let fields = |pause: &RetentionPause| -> Vec<String> {
        let found = check(&stage.shop.org, pause).into_vec();
        found.into_iter().map(|violation| violation.field).collect()
    };
    let pause = Stage::pause;
    for (until, wrong) in [
        (None, false),
        (Some(day(1) + TICK), false),
        (Some(day(1)), true),
        (Some(day(0)), true),
    ] {
        let wanted: &[&str] = if wrong { &["retention_pause.end_time"] } else { &[] };
        assert_eq!(fields(&pause(day(1), until)), wanted, "{until:?}");
    }
    // A pool out of use may be paused, and so may everything.
    for (pool, wrong) in [(None, false), (Some(1), false), (Some(3), false), (Some(9), true)] {
        let pause = RetentionPause {
            pool_id: pool.map(pool_id),
            ..pause(day(1), None)
        };
        let wanted: &[&str] = if wrong { &["retention_pause.pool_id"] } else { &[] };
        assert_eq!(fields(&pause), wanted, "{pool:?}");
    }
    for (length, wrong) in [(REASON_MAX, false), (REASON_MAX + 1, true)] {
        let pause = RetentionPause {
            reason: "x".repeat(length),
            ..pause(day(1), None)
        };
        let wanted: &[&str] = if wrong { &["retention_pause.reason"] } else { &[] };
        assert_eq!(fields(&pause), wanted, "{length}");
    }
}
