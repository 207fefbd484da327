//! Nothing but the token itself opens: no text that somebody made up, no other list, no token in which anything was
//! changed. And whatever JSON were sealed, reading it as any of the places where pages end neither panics nor changes it.

use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, sync::LazyLock};
use tidepool::{
    app::{
        call::{Call, Scope},
        page::{List, Sealer, TOKEN_MAX},
    },
    domain::{
        error::Error,
        ids::{CallerId, JobId, PoolId, TenantName, UserId},
    },
    store::{
        account_list::{Key, Position},
        activity, related,
    },
};
use uuid::Uuid;

static SEALER: LazyLock<Sealer> = LazyLock::new(|| Sealer::with_key(&[7; 32]).expect("32 bytes are a key"));

fn list(filter: &str) -> List {
    let call = Call {
        tenant: TenantName::parse("acme").expect("a name"),
        caller: CallerId::parse("console").expect("an id"),
        scopes: vec![Scope::Admin],
        actor: None,
        deadline: tidepool::store::Deadline::now(),
    };
    List::new(&call, "ListAccounts", &filter)
}

fn open<T: DeserializeOwned>(list: &List, token: &str) -> Result<Option<T>, Error> {
    SEALER.open(list, token)
}

fn refused(list: &List, token: &str) {
    match open::<serde_json::Value>(list, token) {
        Err(Error::Invalid(violations)) => assert_eq!(violations[0].field, "page_token"),
        other => panic!("{token:?} is {other:?}"),
    }
}

/// What can be read is sealed and opened as the same.
fn place<T: Serialize + DeserializeOwned + PartialEq + Debug>(list: &List, token: &str) {
    if let Ok(read) = open::<T>(list, token) {
        let read = read.expect("a token is no first page");
        let again = open::<T>(list, &SEALER.seal(list, &read)).expect("sealed just now");
        assert_eq!(again, Some(read));
    }
}

fn places(json: &serde_json::Value) {
    let list = list("");
    let token = SEALER.seal(&list, json);
    if token.len() > TOKEN_MAX {
        // No place is as large.
        return refused(&list, &token);
    }
    // Not compared: numbers with a point, which no place has, may be read a hair off.
    assert!(open::<serde_json::Value>(&list, &token).is_ok_and(|opened| opened.is_some()));
    place::<Uuid>(&list, &token);
    place::<i64>(&list, &token);
    place::<String>(&list, &token);
    place::<PoolId>(&list, &token);
    place::<Option<PoolId>>(&list, &token);
    place::<JobId>(&list, &token);
    place::<UserId>(&list, &token);
    place::<CallerId>(&list, &token);
    place::<Key>(&list, &token);
    place::<Position>(&list, &token);
    place::<activity::Place>(&list, &token);
    place::<related::Place>(&list, &token);
}

pub(crate) fn run(data: &[u8]) {
    let ours = list("");
    if let Ok(text) = std::str::from_utf8(data)
        && !text.is_empty()
    {
        refused(&ours, text);
    }
    if let Ok(json) = serde_json::from_slice(data) {
        places(&json);
    }
    // Of a token that is good, any byte becomes any other, or it ends early.
    let [at, with, rest @ ..] = data else { return };
    let good = SEALER.seal(&ours, &rest);
    refused(&list("another"), &good);
    let at = usize::from(*at) * good.len() / 256;
    let mut changed = good.clone().into_bytes();
    changed[at] = *with;
    let changed = String::from_utf8_lossy(&changed);
    if changed != good {
        refused(&ours, &changed);
    }
    if at > 0 {
        refused(&ours, &good[..at]);
    }
    refused(&ours, &format!("{good}00"));
}
