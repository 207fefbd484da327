//! What the objects of an account come to.

use super::{Object, object, summary};
use crate::world::World;
use tidepool::rpc::proto::{AccountSummary, CurrencySummary, RelatedObjectTotal};

fn whole(text: &str) -> &str {
    text.strip_suffix(".00").unwrap_or(text)
}

fn row(of: &CurrencySummary) -> String {
    let total = |total: &Option<RelatedObjectTotal>| {
        let total = total.as_ref().unwrap();
        format!("{}/{}", whole(&total.amount), total.count)
    };
    let totals = [
        &of.opportunities,
        &of.sales_orders,
        &of.returns,
        &of.payments,
        &of.refunds,
    ]
    .map(total);
    format!("{} {} = {}", of.currency, totals.join(" "), whole(&of.amount_pending))
}

fn rows(of: &AccountSummary) -> Vec<String> {
    of.currencies.iter().map(row).collect()
}

/// R075-R080, D41: totals and counts by currency, never across; what is pending.
#[tokio::test]
async fn totals_are_by_currency() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let root = world.user("root");
    assert_eq!(rows(&summary(&root, &id).await), Vec::<String>::new());
    let dollars = Object {
        currency: "USD",
        ..object("sales_order", "usd", "confirmed", 70, "bob")
    };
    let no_amount = Object {
        amount: None,
        ..object("payment", "unknown", "received", 0, "bob")
    };
    let of_no_total = object("contract", "contract", "activated", 9_999, "bob");
    let all = [
        object("opportunity", "o1", "created", 5_000, "bob"),
        object("opportunity", "o2", "won", 1_000, "bob"),
        // R075: all opportunities, so lost ones too.
        object("opportunity", "o3", "lost", 10, "bob"),
        object("sales_order", "s1", "confirmed", 1_000, "bob"),
        object("sales_order", "s2", "shipped", 500, "bob"),
        object("return", "r1", "created", 300, "bob"),
        object("payment", "p1", "received", 900, "bob"),
        object("refund", "f1", "paid", 100, "bob"),
        object("expense", "x1", "created", 5, "bob"),
        dollars,
        no_amount,
        of_no_total,
    ];
    world.tell_objects(&id, &all).await;
    let said = summary(&root, &id).await;
    assert_eq!(
        rows(&said),
        [
            "EUR 6010/3 1500/2 300/1 900/1 100/1 = 400",
            "USD 0/0 70/1 0/0 0/0 0/0 = 70"
        ]
    );
    assert_eq!(
        (said.account_id.as_str(), said.objects_without_amount),
        (id.as_str(), 1)
    );
    // R024: expenses are beside what is owed.
    let expenses = said.currencies[0].expenses.clone().unwrap();
    assert_eq!((whole(&expenses.amount), expenses.count), ("5", 1));
    world.stop().await;
}

/// What was called off, booked back or taken out of the books does not count, nor what is not confirmed, received or paid.
#[tokio::test]
async fn what_is_out_does_not_count() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let out = [
        ("opportunity", "deleted"),
        ("sales_order", "withdrawn"),
        ("sales_order", "rejected"),
        ("sales_order", "canceled"),
        ("sales_order", "deleted"),
        ("return", "canceled"),
        ("payment", "reversed"),
        ("refund", "canceled"),
        ("refund", "reversed"),
        // Not yet.
        ("sales_order", "created"),
        ("payment", "created"),
        ("refund", "created"),
    ];
    let mut all = vec![object("sales_order", "counts", "received", 1, "bob")];
    for (object_type, action) in out {
        all.push(object(
            object_type,
            &format!("{object_type}-{action}"),
            action,
            1_000,
            "bob",
        ));
    }
    world.tell_objects(&id, &all).await;
    let said = summary(&world.user("bob"), &id).await;
    assert_eq!(rows(&said), ["EUR 0/0 1/1 0/0 0/0 0/0 = 1"]);
    world.stop().await;
}

/// R075, D42: everybody's totals are of what he may see; what is seen for two reasons counts once.
#[tokio::test]
async fn totals_are_of_what_the_viewer_sees() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let named = |id: &str, euro: i64, owner: &'static str, to: &[&'static str]| Object {
        visible_to: to.to_vec(),
        ..object("sales_order", id, "confirmed", euro, owner)
    };
    let all = [
        // Bob's, and named to him and to ann above him.
        named("s1", 1, "bob", &["bob", "ann"]),
        named("s2", 10, "cid", &["bob"]),
        named("s3", 100, "dan", &["ann"]),
        named("s4", 1_000, "", &["bob"]),
        named("s5", 10_000, "ann", &[]),
    ];
    world.tell_objects(&id, &all).await;
    for (user, euro, count) in [("bob", 1_011, 3), ("ann", 10_111, 4), ("root", 11_111, 5)] {
        let said = summary(&world.user(user), &id).await;
        assert_eq!(
            rows(&said),
            [format!("EUR 0/0 {euro}/{count} 0/0 0/0 0/0 = {euro}")],
            "{user}"
        );
    }
    world.stop().await;
}

/// Sums are exact to the last digit, beyond what one number of the database holds.
#[tokio::test]
async fn sums_are_exact() {
    const MOST: i64 = 999_999_999_999_999_999;
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let all: Vec<_> = (0..40)
        .map(|at| Object {
            amount: Some(MOST),
            currency: "CLF",
            ..object("sales_order", &format!("s{at}"), "confirmed", 0, "bob")
        })
        .collect();
    world.tell_objects(&id, &all).await;
    let said = summary(&world.user("bob"), &id).await;
    let sum = i128::from(MOST) * 40;
    let expected = format!("{}.{:04}", sum / 10_000, sum % 10_000);
    let total = said.currencies[0].sales_orders.clone().unwrap();
    assert_eq!((total.amount, total.count), (expected.clone(), 40));
    assert_eq!(said.currencies[0].amount_pending, expected);
    world.stop().await;
}

/// One statement however many objects there are, beside the account, and for a supervisor its team: so all that is added up
/// is of one moment.
#[tokio::test]
async fn a_summary_costs_the_same_whatever_there_is() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    for round in 0..2 {
        let all: Vec<_> = (0..30)
            .map(|at| object("sales_order", &format!("{round}-{at}"), "confirmed", 1, "bob"))
            .collect();
        world.tell_objects(&id, &all).await;
        for (user, budget) in [("bob", 2), ("ann", 3), ("root", 2)] {
            let client = world.user(user);
            summary(&client, &id).await;
            let before = world.server.db().statements();
            summary(&client, &id).await;
            assert_eq!(world.server.db().statements() - before, budget, "{user}");
        }
    }
    world.stop().await;
}
