//! Which objects follow, and how many at once.

use super::*;
use chrono_tz::UTC;
use uuid::Uuid;

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn id(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

fn of(number: u128, types: &[Follows], contacts_if_few: bool) -> Wish {
    Wish {
        account: id(number),
        from: user("bob"),
        types: types.to_vec(),
        contacts_if_few,
    }
}

fn counts(counts: &[(u128, Follows, usize)]) -> BTreeMap<(AccountId, Follows), usize> {
    counts
        .iter()
        .map(|(account, which, count)| ((id(*account), *which), *count))
        .collect()
}

use Follows::{Contact, Contract, Opportunity, SalesOrder};

/// R060: which states follow, type by type.
#[test]
fn objects_follow_while_somebody_has_to_care_for_them() {
    let follows = |which: Follows, action: &str| match which.states() {
        States::In(these) => these.contains(&action),
        States::Not(these) => !these.contains(&action),
    };
    for (which, yes, no) in [
        (Contact, &["created", "updated"][..], &["canceled", "deleted"][..]),
        (
            Opportunity,
            &["created", "stage_changed", "reopened"],
            &["won", "lost", "deleted"],
        ),
        (
            SalesOrder,
            &["confirmed", "shipped", "received", "rejected", "withdrawn"],
            &["created", "canceled", "deleted"],
        ),
        (Contract, &["activated", "renewed"], &["created", "terminated"]),
    ] {
        for action in yes {
            assert!(follows(which, action), "{which:?} {action}");
        }
        for action in no {
            assert!(!follows(which, action), "{which:?} {action}");
        }
    }
}

/// D23: contacts go with the account where the tenant lets them; nothing goes to whose it was before.
#[test]
fn what_may_follow() {
    let mut settings = TenantSettings::new("Acme".into(), UTC);
    let types = |settings: &TenantSettings, from: Option<&str>, contacts: bool, asked: &[Follows]| {
        let from = from.map(user);
        let wish = wish(settings, (id(1), from.as_ref()), contacts, &user("cid"), asked)?;
        Some((wish.from.to_string(), wish.types))
    };
    let bob = |types: &[Follows]| Some(("bob".to_owned(), types.to_vec()));
    assert_eq!(types(&settings, Some("bob"), true, &[]), bob(&[Contact]));
    assert_eq!(types(&settings, Some("bob"), false, &[]), None);
    assert_eq!(
        types(&settings, Some("bob"), true, &[SalesOrder, Opportunity]),
        bob(&[Contact, Opportunity, SalesOrder])
    );
    assert_eq!(types(&settings, Some("cid"), true, &[Contract]), None);
    assert_eq!(types(&settings, None, true, &[Contract]), None);
    settings.contacts_follow_owner = false;
    assert_eq!(types(&settings, Some("bob"), true, &[]), None);
    assert_eq!(types(&settings, Some("bob"), false, &[Contact]), bob(&[Contact]));
}

/// What was asked for is refused where it is too much; contacts that nobody asked for stay instead.
#[test]
fn no_more_follow_than_may() {
    let refused = |followers: &Followers, account: u128| {
        followers
            .refusal(id(account))
            .map(|refusal| (refusal.metadata["limit"].clone(), refusal.metadata["used"].clone()))
    };
    let told = |limit: usize, used: usize| Some((limit.to_string(), used.to_string()));
    let at_most = Followers::new(
        vec![of(1, &[Opportunity], false)],
        &counts(&[(1, Opportunity, PER_ACCOUNT)]),
    );
    assert_eq!(refused(&at_most, 1), None);
    let wishes = vec![of(1, &[Contact, Opportunity], false)];
    let beyond = Followers::new(wishes, &counts(&[(1, Opportunity, PER_ACCOUNT), (1, Contact, 1)]));
    assert_eq!(refused(&beyond, 1), told(PER_ACCOUNT, PER_ACCOUNT + 1));
    // Nobody asked for the contacts.
    let wishes = vec![of(1, &[Contact, Opportunity], true)];
    let mut few = Followers::new(wishes, &counts(&[(1, Opportunity, PER_ACCOUNT), (1, Contact, 1)]));
    assert_eq!(refused(&few, 1), None);
    assert_eq!(few.take(id(1)), 1);
    assert_eq!(few.chosen(), [of(1, &[Opportunity], true)]);
    let wishes = vec![of(1, &[Contact], true)];
    let mut many = Followers::new(wishes, &counts(&[(1, Contact, PER_ACCOUNT + 1)]));
    assert_eq!(refused(&many, 1), None);
    assert_eq!(many.take(id(1)), u32::try_from(PER_ACCOUNT + 1).unwrap());
    assert_eq!(many.chosen(), []);
}

/// The accounts of a call share its bound, in the order in which they go.
#[test]
fn a_call_has_a_bound() {
    let all: Vec<u128> = (0..12).collect();
    let wishes = all.iter().map(|at| of(*at, &[Opportunity], false)).collect();
    let each: Vec<_> = all.iter().map(|at| (*at, Opportunity, PER_ACCOUNT)).collect();
    let mut followers = Followers::new(wishes, &counts(&each));
    for at in 0..10 {
        assert_eq!(followers.refusal(id(at)), None, "{at}");
        assert!(!followers.is_full(id(at)));
        assert_eq!(followers.take(id(at)), 0);
    }
    assert!(followers.is_full(id(10)));
    let refusal = followers.refusal(id(10)).unwrap();
    assert_eq!(refusal.metadata["limit"], PER_CALL.to_string());
    assert_eq!(refusal.metadata["used"], (PER_CALL + PER_ACCOUNT).to_string());
    assert_eq!(followers.chosen().len(), 10);
}

/// D23: contacts that nobody asked for are not left behind since others came first: the account waits for another call.
#[test]
fn contacts_wait_for_another_call() {
    let all: Vec<u128> = (0..12).collect();
    let wishes: Vec<_> = all.iter().map(|at| of(*at, &[Contact], true)).collect();
    let mut each: Vec<_> = all.iter().map(|at| (*at, Contact, PER_ACCOUNT)).collect();
    // Of this one they stay in any case.
    each[11].2 = PER_ACCOUNT + 1;
    let mut followers = Followers::new(wishes.clone(), &counts(&each));
    for at in 0..10 {
        assert_eq!(followers.refusal(id(at)), None, "{at}");
        assert_eq!(followers.take(id(at)), 0);
    }
    let refusal = followers.refusal(id(10)).unwrap();
    assert_eq!(refusal.reason, Reason::RelatedObjectLimitReached);
    assert_eq!(refusal.metadata["limit"], PER_CALL.to_string());
    assert!(followers.is_full(id(10)));
    assert_eq!(followers.refusal(id(11)), None);
    assert!(!followers.is_full(id(11)));
    assert_eq!(followers.take(id(11)), u32::try_from(PER_ACCOUNT + 1).unwrap());
    // In a call of its own it goes.
    let mut another = Followers::new(wishes, &counts(&each));
    assert_eq!(another.refusal(id(10)), None);
    assert_eq!(another.take(id(10)), 0);
    assert_eq!(another.chosen(), [of(10, &[Contact], true)]);
}
