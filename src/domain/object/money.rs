//! Amounts of money, exactly: ten thousandths of a currency's unit. There is no arithmetic across currencies.

use iso_currency::Currency;
use std::fmt;

/// Digits before the point at most.
const WHOLE: usize = 14;
/// Digits after the point at most.
const PARTS: usize = 4;
/// Ten thousandths in a unit.
const UNIT: i64 = 10_000;

/// An amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// In ten thousandths of the currency's unit; not negative.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
}

/// Why something is no amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits and a point, or too many of them.
    #[error(
        "must be a decimal number that is not negative, such as 1200.50, with 1 to 14 digits before and up to 4 after the point"
    )]
    Amount,
    /// More digits after the point than the currency has.
    #[error("has more digits after the point than the currency, which has {0}")]
    Fraction(u16),
    /// No such currency.
    #[error("must be a currency by its code of three capital letters in ISO 4217, such as EUR")]
    Currency,
}

/// Reads digits and a point as ten thousandths, and says how many digits stood after the point.
fn parse_amount(text: &str) -> Option<(i64, usize)> {
    let (whole, parts) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, parts)) => (whole, parts),
        None => (text, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=WHOLE).contains(&whole.len()) && parts.len() <= PARTS;
    if !fits || !digits(whole) || !digits(parts) {
        return None;
    }
    let amount = format!("{whole}{parts:0<PARTS$}").parse().ok()?;
    Some((amount, parts.len()))
}

impl Money {
    /// Reads an amount and the code of its currency.
    pub fn parse(amount: &str, currency: &str) -> Result<Self, MoneyError> {
        let currency = Self::currency(currency)?;
        let (amount, parts) = parse_amount(amount).ok_or(MoneyError::Amount)?;
        match currency.exponent() {
            Some(exponent) if parts > usize::from(exponent) => Err(MoneyError::Fraction(exponent)),
            _ => Ok(Self { amount, currency }),
        }
    }

    /// Reads the code of a currency.
    pub fn currency(code: &str) -> Result<Currency, MoneyError> {
        Currency::from_code(code).ok_or(MoneyError::Currency)
    }

    /// The amount with as many digits after the point as the currency has.
    #[must_use]
    pub fn amount_text(&self) -> String {
        amount_text(i128::from(self.amount), self.currency)
    }
}

/// Ten thousandths, sums of amounts too, as text: with as many digits after the point as the currency has, and more where
/// they are not nought.
#[must_use]
pub fn amount_text(amount: i128, currency: Currency) -> String {
    let unit = i128::from(UNIT).unsigned_abs();
    let (whole, parts) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    let sign = if amount < 0 { "-" } else { "" };
    let parts = format!("{parts:0PARTS$}");
    let shown = currency.exponent().map_or(0, usize::from).min(PARTS);
    let shown = parts.trim_end_matches('0').len().max(shown);
    if shown == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{}", &parts[..shown])
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount_text(), self.currency.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// D41: amounts are exact, in a currency that exists, with no more digits than it has.
    #[test]
    fn amounts_are_exact() {
        let table = [
            ("0", "EUR", Ok((0, "0.00"))),
            ("1200.5", "EUR", Ok((12_005_000, "1200.50"))),
            ("0.01", "USD", Ok((100, "0.01"))),
            ("007", "USD", Ok((70_000, "7.00"))),
            ("5", "JPY", Ok((50_000, "5"))),
            ("5.0", "JPY", Err(MoneyError::Fraction(0))),
            ("0.001", "BHD", Ok((10, "0.001"))),
            ("0.0001", "BHD", Err(MoneyError::Fraction(3))),
            ("0.0001", "CLF", Ok((1, "0.0001"))),
            (
                "99999999999999.9999",
                "CLF",
                Ok((999_999_999_999_999_999, "99999999999999.9999")),
            ),
            ("100000000000000", "EUR", Err(MoneyError::Amount)),
            ("0.00000", "CLF", Err(MoneyError::Amount)),
            ("0.001", "EUR", Err(MoneyError::Fraction(2))),
            ("1", "EURO", Err(MoneyError::Currency)),
            ("1", "eur", Err(MoneyError::Currency)),
            ("1", "ABC", Err(MoneyError::Currency)),
            ("1", "", Err(MoneyError::Currency)),
        ];
        for (amount, currency, expected) in table {
            let read = Money::parse(amount, currency);
            let read = read.map(|money| (money.amount, money.amount_text()));
            assert_eq!(
                read,
                expected.map(|(n, text)| (n, text.to_owned())),
                "{amount} {currency}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let long = "1".repeat(40);
        for wrong in [
            "",
            " 1",
            "1 ",
            "-1",
            "+1",
            "1e3",
            "1E3",
            "NaN",
            "inf",
            "1,5",
            ".5",
            "5.",
            "1.2.3",
            "0x1",
            "\u{661}",
            "\u{ff11}",
            "1_000",
            long.as_str(),
        ] {
            assert_eq!(Money::parse(wrong, "EUR"), Err(MoneyError::Amount), "{wrong:?}");
        }
    }

    #[test]
    fn sums_are_shown_with_their_sign() {
        assert_eq!(amount_text(-15_000, Currency::EUR), "-1.50");
        assert_eq!(amount_text(-1, Currency::JPY), "-0.0001");
        assert_eq!(amount_text(i128::MAX / 2, Currency::JPY).len(), 39);
    }

    proptest! {
        /// What is shown reads as what it was.
        #[test]
        fn shown_amounts_read_back(whole in 0_i64..100_000_000_000_000, cents in 0_i64..100) {
            let money = Money { amount: whole * UNIT + cents * 100, currency: Currency::EUR };
            prop_assert_eq!(Money::parse(&money.amount_text(), "EUR"), Ok(money));
        }
    }
}
