//! Totals by currency, and what is pending.

use super::*;

fn part(total: Total, currency: Option<Currency>, sum: i128) -> Part {
    Part {
        total,
        currency,
        owner: None,
        count: i64::from(currency.is_some()),
        without_amount: i64::from(currency.is_none()),
        sum,
    }
}

/// R080, D41: what is pending, by currency; never one currency in the total of another.
#[test]
fn what_is_pending_is_orders_without_returns_less_payments_without_refunds() {
    use Total::{Opportunities, Payments, Refunds, Returns, SalesOrders};
    let mut summary = Summary::default();
    summary.add([
        part(Opportunities, Some(Currency::EUR), 5_000),
        part(SalesOrders, Some(Currency::EUR), 1_000),
        part(SalesOrders, Some(Currency::EUR), 500),
        part(Returns, Some(Currency::EUR), 300),
        part(Payments, Some(Currency::EUR), 900),
        part(Refunds, Some(Currency::EUR), 100),
        part(Payments, Some(Currency::USD), 7),
        part(Payments, None, 0),
    ]);
    assert_eq!(summary.currencies.keys().collect::<Vec<_>>(), ["EUR", "USD"]);
    let euro = &summary.currencies["EUR"].1;
    assert_eq!(euro.pending(), (1_500 - 300) - (900 - 100));
    let count = |count: i64, amount: i128| Sum { amount, count };
    assert_eq!(euro.get(SalesOrders), count(2, 1_500));
    // R075: opportunities are in no other total.
    assert_eq!(euro.get(Opportunities), count(1, 5_000));
    let dollar = &summary.currencies["USD"].1;
    assert_eq!((dollar.pending(), dollar.get(SalesOrders)), (-7, count(0, 0)));
    assert_eq!(summary.without_amount, 1);
}

/// Sums go beyond what one amount can be.
#[test]
fn sums_do_not_overflow() {
    let mut summary = Summary::default();
    let most = i128::from(i64::MAX);
    summary.add((0..3).map(|_| part(Total::SalesOrders, Some(Currency::EUR), most)));
    summary.add([part(Total::Refunds, Some(Currency::EUR), most)]);
    assert_eq!(summary.currencies["EUR"].1.pending(), 4 * most);
}
