//! Which kinds a source covers, and which sources may tell.

use super::*;
use chrono::DateTime;
use uuid::Uuid;

fn source(kinds: &[&str], enabled: bool) -> ActivitySource {
    ActivitySource {
        name: CallerId::parse("orders").unwrap(),
        display_name: "Orders".into(),
        kinds: kinds.iter().map(ToString::to_string).collect(),
        enabled,
    }
}

fn kind(text: &str) -> Kind {
    Kind::parse(text).unwrap()
}

/// API10: the order service tells of orders only, and `order.*` is not `order_line.*`.
#[test]
fn a_source_tells_of_what_it_was_registered_for() {
    let orders = source(&["sales_order.*", "payment.received"], true);
    for (text, told) in [
        ("sales_order.created", true),
        ("sales_order.x", true),
        ("sales_order_line.created", false),
        ("payment.received", true),
        ("payment.reversed", false),
        ("opportunity.won", false),
    ] {
        assert_eq!(orders.may_tell_of(&kind(text)), told, "{text}");
    }
}

#[test]
fn what_is_beyond_is_what_is_not_covered() {
    let orders = source(&["sales_order.*", "payment.received"], true);
    let kinds = ["sales_order.created", "sales_order.*", "payment.*", "call.made"].map(str::to_owned);
    assert_eq!(orders.beyond(&kinds), ["payment.*", "call.made"]);
}

#[test]
fn patterns_have_a_form() {
    let object = "o".repeat(62);
    for right in ["a.b", "a.*", &format!("{object}.a"), &format!("{object}.*")] {
        assert!(source(&[right], true).validate().is_empty(), "{right}");
    }
    for wrong in [
        "",
        "*",
        "*.*",
        "*.a",
        "a.b*",
        "a.**",
        "A.*",
        "a*",
        ".*",
        &format!("{object}o.*"),
        "a.b.*",
    ] {
        let wrongs = source(&[wrong], true).validate().into_vec();
        assert_eq!(wrongs.len(), 1, "{wrong}: {wrongs:?}");
        assert_eq!(wrongs[0].field, "kinds[0]");
    }
    assert_eq!(source(&[], true).validate().into_vec()[0].field, "kinds");
    assert_eq!(source(&["a.b", "a.b"], true).validate().into_vec().len(), 1);
}

#[test]
fn who_may_tell_is_a_matter_of_the_register() {
    let caller = CallerId::parse("orders").unwrap();
    let stored = |enabled| {
        let config = source(&["sales_order.*"], enabled);
        vec![Arc::new(Configured::new(Uuid::nil(), config, DateTime::UNIX_EPOCH))]
    };
    let reason = |sources: &[Arc<StoredSource>], must| {
        Voice::of(sources, must, &caller)
            .map(drop)
            .map_err(|error| error.reason())
    };
    assert_eq!(reason(&[], false), Ok(()));
    assert_eq!(reason(&[], true), Err(Reason::SourceNotRegistered));
    for must in [false, true] {
        assert_eq!(reason(&stored(true), must), Ok(()));
        assert_eq!(reason(&stored(false), must), Err(Reason::SourceDisabled));
    }
    let sources = stored(true);
    let voice = Voice::of(&sources, true, &caller).unwrap();
    assert!(voice.check(&kind("sales_order.created")).is_ok());
    assert_eq!(
        voice.check(&kind("call.made")).unwrap_err().reason,
        Reason::KindNotAllowed
    );
    // Whoever is not registered may tell of everything.
    assert!(
        Voice::of(&[], false, &caller)
            .unwrap()
            .check(&kind("call.made"))
            .is_ok()
    );
}
