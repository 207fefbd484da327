//! How a tenant is set back whose events cannot be placed, and how it comes back.

use super::*;
use uuid::Uuid;

const TENANT: TenantKey = TenantKey(1);

fn account() -> AccountId {
    AccountId(Uuid::from_u128(7))
}

fn internal() -> Error {
    Error::internal()
}

fn placed(number: usize) -> Placed {
    Placed { number, ended: None }
}

/// Tried in smaller and smaller parts, after longer and longer pauses, and not in between.
#[test]
fn a_tenant_is_set_back() {
    let (mut turns, mut now) = (Turns::default(), Instant::now());
    let mut sizes = Vec::new();
    let mut pause = PAUSES[0];
    for _ in 0..12 {
        let turn = turns.of(TENANT, now).expect("it is its turn");
        sizes.push(turn.size);
        assert_eq!(turn.again, sizes.len() == 1);
        turns.set_back(TENANT, turn, internal(), None, now);
        assert!(turns.failed().is_some());
        assert!(turns.of(TENANT, now).is_none(), "without a pause");
        assert!(turns.of(TenantKey(2), now).is_some(), "somebody else is set back");
        let moment = Duration::from_millis(1);
        assert!(turns.of(TENANT, now + pause - moment).is_none(), "before its time");
        now += pause;
        pause = (pause * 2).min(PAUSES[1]);
    }
    assert_eq!(sizes[..5], [BATCH, 64, 8, 1, 1]);
    assert_eq!(pause, PAUSES[1]);
}

/// What goes well is tried in larger parts at once, and with a whole batch all is as it was.
#[test]
fn a_tenant_comes_back() {
    let (mut turns, mut now) = (Turns::default(), Instant::now());
    for _ in 0..4 {
        let Some(turn) = turns.of(TENANT, now) else {
            panic!("set back")
        };
        turns.set_back(TENANT, turn, internal(), None, now);
        now += PAUSES[1];
    }
    for size in [1, 8, 64, BATCH] {
        assert_eq!(turns.of(TENANT, now).map(|turn| turn.size), Some(size));
        assert!(turns.failed().is_some());
        turns.placed(TENANT, placed(1));
    }
    assert!(turns.failed().is_none());
    assert!(turns.of(TENANT, now).is_some_and(|turn| turn.again));
}

/// An account that fails alone is passed over; of several nobody knows which it is.
#[test]
fn an_account_is_passed_over_where_it_is_alone() {
    let (mut turns, mut now) = (Turns::default(), Instant::now());
    for size in [BATCH, 64, 8, 1] {
        let turn = turns.of(TENANT, now).expect("it is its turn");
        assert_eq!((turn.size, turn.after), (size, None));
        turns.set_back(TENANT, turn, internal(), Some(account()), now);
        now += PAUSES[1];
    }
    assert_eq!(turns.of(TENANT, now).and_then(|turn| turn.after), Some(account()));
}
