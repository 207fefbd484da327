//! What kinds mean by the rules, whose activities count, and which rules are refused.

use super::*;
use crate::domain::activity::Kind;

fn kind(text: &str) -> Kind {
    Kind::parse(text).unwrap()
}

fn rules(change: impl FnOnce(&mut RuleConfig)) -> ActivityRules {
    let mut config = RuleConfig::default();
    change(&mut config);
    let row = Configured::new(ActivityRules::ROW, config, DateTime::UNIX_EPOCH);
    ActivityRules::compile(Some(row), own_kinds())
}

fn own_kinds() -> Vec<Configured<ActivityKind>> {
    let kind = |id: u128, name: &str, follow_up: bool, close: bool, reverses: &[&str]| {
        let config = ActivityKind {
            name: name.into(),
            display_name: name.into(),
            follow_up_selectable: follow_up,
            close_selectable: close,
            reverses: reverses.iter().map(ToString::to_string).collect(),
        };
        Configured::new(Uuid::from_u128(id), config, DateTime::UNIX_EPOCH)
    };
    vec![
        kind(1, "demo.given", true, false, &[]),
        kind(2, "lease.signed", false, true, &[]),
        kind(3, "lease.broken", false, false, &["lease.signed"]),
    ]
}

fn closing(close: &str) -> ActivityRules {
    rules(|config| config.close_kinds = vec![close.into()])
}

/// R145, R172-R174: what a tenant begins with.
#[test]
fn a_tenant_begins_with_the_usual_meanings() {
    let rules = ActivityRules::default();
    let follow_ups: Vec<_> = rules.all_now().filter(|kind| kind.meaning.follow_up).collect();
    let names: Vec<_> = follow_ups.iter().map(|kind| kind.traits.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "opportunity.created",
            "opportunity.won",
            "sales_order.created",
            "sales_record.created"
        ]
    );
    let deals = rules
        .all_now()
        .filter_map(|kind| Some((kind.traits.name, kind.meaning.deal?)));
    assert_eq!(
        deals.collect::<Vec<_>>(),
        [
            ("opportunity.deleted".to_owned(), Deal::Reversed),
            ("opportunity.reopened".to_owned(), Deal::Reversed),
            ("opportunity.won".to_owned(), Deal::Closed),
        ]
    );
    assert!(rules.validate(rules.config()).is_empty());
    assert_eq!(rules.meaning(&kind("nobody.knows")), Meaning::default());
}

/// R172-R175: each kind of the table of events means what it says, by which kind closes deals.
#[test]
fn the_close_kind_decides_what_takes_deals_back() {
    let table = [
        ("opportunity.won", "opportunity.won", Some(Deal::Closed), true),
        ("opportunity.won", "opportunity.lost", None, false),
        ("opportunity.won", "sales_order.confirmed", None, false),
        ("opportunity.won", "sales_order.canceled", None, false),
        ("opportunity.won", "contract.terminated", None, false),
        // A won opportunity is a follow-up whatever closes deals, and what closes them is one.
        ("sales_order.confirmed", "opportunity.won", None, true),
        ("sales_order.confirmed", "opportunity.reopened", None, false),
        (
            "sales_order.confirmed",
            "sales_order.confirmed",
            Some(Deal::Closed),
            true,
        ),
        (
            "sales_order.confirmed",
            "sales_order.withdrawn",
            Some(Deal::Reversed),
            false,
        ),
        (
            "sales_order.confirmed",
            "sales_order.rejected",
            Some(Deal::Reversed),
            false,
        ),
        (
            "sales_order.confirmed",
            "sales_order.canceled",
            Some(Deal::Reversed),
            false,
        ),
        ("contract.created", "contract.created", Some(Deal::Closed), true),
        ("contract.created", "contract.activated", None, false),
        ("contract.created", "contract.terminated", Some(Deal::Reversed), false),
        ("contract.activated", "contract.terminated", Some(Deal::Reversed), false),
        ("contract.activated", "contract.renewed", None, false),
        ("lease.signed", "lease.signed", Some(Deal::Closed), true),
        ("lease.signed", "lease.broken", Some(Deal::Reversed), false),
        ("opportunity.won", "lease.broken", None, false),
    ];
    for (close, told, deal, follow_up) in table {
        let meaning = closing(close).meaning(&kind(told));
        assert_eq!(
            (meaning.deal, meaning.follow_up),
            (deal, follow_up),
            "{told} where {close} closes"
        );
    }
    let ended = closing("contract.created").meaning(&kind("contract.terminated"));
    assert_eq!(ended.contract, Some(Contract::Ended), "it ends the contract as well");
}

/// R173: exactly one kind closes deals, of those that can; follow-ups are of those that can be chosen.
#[test]
fn exactly_one_kind_closes() {
    let rules = rules(|_| {});
    let wrong = |change: fn(&mut RuleConfig)| {
        let mut config = RuleConfig::default();
        change(&mut config);
        let wrong = rules.validate(&config).into_vec();
        wrong.into_iter().map(|v| (v.field, v.reason)).collect::<Vec<_>>()
    };
    let one = |field: &str, reason| vec![(field.to_owned(), reason)];
    let (none, not) = (Reason::ExactlyOneCloseAction, Reason::ActivityKindNotSelectable);
    assert_eq!(wrong(|c| c.close_kinds.clear()), one("close_kinds", none));
    assert_eq!(
        wrong(|c| c.close_kinds.push("sales_order.confirmed".into())),
        one("close_kinds", none)
    );
    assert_eq!(
        wrong(|c| c.close_kinds = vec!["call.made".into()]),
        one("close_kinds[0]", not)
    );
    assert_eq!(wrong(|c| c.close_kinds = vec!["lease.signed".into()]), vec![]);
    let selectable = [
        "call.made",
        "account.updated",
        "demo.given",
        "payment.received",
        "opportunity.won",
    ];
    for kind in selectable {
        let mut config = RuleConfig::default();
        config.follow_up_kinds.push(kind.into());
        assert!(rules.validate(&config).is_empty(), "{kind}");
    }
    for kind in [
        "return.created",
        "lease.signed",
        "nobody.knows",
        "",
        "opportunity.reopened",
    ] {
        let mut config = RuleConfig::default();
        config.follow_up_kinds.push(kind.into());
        let wrong = rules.validate(&config).into_vec();
        assert_eq!(
            (wrong[0].field.as_str(), wrong[0].reason),
            ("follow_up_kinds[3]", not),
            "{kind}"
        );
    }
}

/// D36-D38: who counts for follow-ups and for deals; what systems do counts, but their edits of accounts do not.
#[test]
fn who_counts_is_configured() {
    use Standing::{Member, Nobody, Other, Owner};
    let table = [
        (Actors::Owner, [true, true, false, false]),
        (Actors::Team, [true, true, true, false]),
        (Actors::Anyone, [true, true, true, true]),
    ];
    for (actors, expected) in table {
        let rules = rules(|config| {
            config.follow_up_kinds.push(ACCOUNT_UPDATED.into());
            (config.follow_ups_by, config.closes_by) = (actors, actors);
        });
        for (standing, counts) in [Nobody, Owner, Member, Other].into_iter().zip(expected) {
            let record = rules.counted(&kind("sales_record.created"), standing);
            assert_eq!(record.follow_up, counts, "{actors:?} {standing:?}");
            let won = rules.counted(&kind("opportunity.won"), standing);
            assert_eq!(
                (won.deal.is_some(), won.follow_up),
                (counts, false),
                "{actors:?} {standing:?}: a deal feeds the clocks by itself"
            );
            // Where it counts as no deal it is a follow-up like others.
            let all = self::rules(|config| config.closes_by = actors);
            let won = all.counted(&kind("opportunity.won"), standing);
            assert_eq!((won.deal.is_some(), won.follow_up), (counts, !counts));
            let reopened = rules.counted(&kind("opportunity.reopened"), standing);
            assert_eq!(reopened.deal.is_some(), counts, "{actors:?} {standing:?}");
            let edited = rules.counted(&Kind::account_updated(), standing).follow_up;
            assert_eq!(edited, counts && standing != Nobody, "{actors:?} {standing:?}");
            let contract = rules.counted(&kind("contract.renewed"), standing);
            assert_eq!(contract.contract, Some(Contract::Runs), "whoever tells of it");
        }
    }
    let usual = ActivityRules::default();
    assert!(!usual.counted(&Kind::account_updated(), Owner).follow_up, "D38: off");
    assert!(usual.counted(&kind("call.made"), Other) == Meaning::default());
    for standing in [Nobody, Owner, Member, Other] {
        assert_eq!(Standing::from_number(standing.number()), Some(standing));
    }
}

/// Kinds of a tenant's own are named like others, take nothing's place, and take back only what can be closed.
#[test]
fn kinds_of_a_tenants_own_fit_in() {
    let known = rules(|_| {});
    let closes = |name: &str| known.named(name).is_some_and(Traits::can_close);
    let own = own_kinds().remove(2).config;
    assert!(own.validate(closes).is_empty());
    let wrong = |change: fn(&mut ActivityKind)| {
        let mut kind = own.clone();
        change(&mut kind);
        let wrong = own.validate_change(&kind, closes).into_vec();
        wrong.into_iter().map(|v| v.field).collect::<Vec<_>>()
    };
    assert_eq!(wrong(|k| k.display_name.clear()), ["display_name"]);
    assert_eq!(wrong(|k| k.name = "lease.ended".into()), ["name"]);
    assert_eq!(wrong(|k| k.reverses = vec!["call.made".into()]), ["reverses[0]"]);
    assert_eq!(wrong(|k| k.reverses = vec!["opportunity.won".into()]), ["reverses[0]"]);
    assert_eq!(wrong(|k| k.reverses.push("lease.signed".into())), ["reverses[1]"]);
    let taken = ActivityKind {
        name: "call.made".into(),
        ..own_kinds().remove(0).config
    };
    assert_eq!(taken.validate(closes).into_vec().len(), 1);
    assert_eq!(known.naming("lease.signed"), ["activity_kind lease.broken"]);
    assert_eq!(known.naming("opportunity.created"), ["activity_rules.follow_up_kinds"]);
}
