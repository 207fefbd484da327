//! Tokens of the longest places.

use super::{List, Sealer, TOKEN_MAX};
use crate::{
    app::call::{Call, Scope},
    domain::{
        ids::{CallerId, TenantName},
        text::NAME_MAX,
    },
    store::{
        Deadline,
        account_list::{Key, Position},
    },
};
use uuid::Uuid;

#[test]
fn a_token_that_ends_at_the_longest_name_is_read() {
    let call = Call {
        tenant: TenantName::parse("acme").unwrap(),
        caller: CallerId::parse("console").unwrap(),
        scopes: vec![Scope::Admin],
        actor: None,
        deadline: Deadline::now(),
    };
    let list = List::new(&call, "ListAccounts", &"");
    let sealer = Sealer::with_key(&[7; 32]).unwrap();
    for letter in ["a", "\"", "\u{1f30a}"] {
        let last = Position {
            key: Key::Text(letter.repeat(NAME_MAX)),
            id: Uuid::max(),
        };
        let token = sealer.seal(&list, &last);
        assert!(token.len() < TOKEN_MAX, "{letter}: {}", token.len());
        assert_eq!(sealer.open(&list, &token).unwrap(), Some(last));
    }
}
