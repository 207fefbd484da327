//! Random conditions, as text. The same ones are evaluated here and, in the integration tests, sent to databases.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

/// What conditions are made of: values that accounts have, or nearly have.
#[derive(Clone, Debug)]
pub(crate) struct Palette {
    /// Texts; never empty.
    pub texts: Vec<String>,
    /// Ids of users.
    pub users: Vec<String>,
    /// Ids of departments.
    pub departments: Vec<String>,
    /// Ids of pools.
    pub pools: Vec<String>,
    /// Instants in RFC 3339 form.
    pub times: Vec<String>,
    /// Numbers.
    pub numbers: Vec<f64>,
    /// Whole numbers.
    pub counts: Vec<i64>,
    /// Names of custom fields: of texts, numbers, times, and one of choices with these.
    pub custom: [&'static str; 4],
    /// The choices.
    pub choices: Vec<String>,
}

const TEXTS: &[&str] = &[
    "name",
    "grade",
    "industry",
    "source",
    "region",
    "phone",
    "email",
    "website",
    "address",
    "remark",
    "external_id",
];
const USERS: &[&str] = &["owner", "last_owner", "creator"];
const TIMES: &[&str] = &[
    "create_time",
    "update_time",
    "owner_since",
    "last_follow_up_time",
    "last_won_time",
];
const CODES: &[(&str, &[&str])] = &[
    ("kind", &["COMPANY", "GROUP", "PERSON"]),
    (
        "status",
        &[
            "UNACTIVATED",
            "REPORTING",
            "UNASSIGNED",
            "ASSIGNED",
            "CANCELED",
            "MERGED",
            "DELETED",
        ],
    ),
    ("deal_status", &["OPEN", "WON", "REPEATEDLY_WON"]),
];

/// A string literal.
pub(crate) fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "\"{}\"",
        escaped.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
    )
}

fn quoted(texts: &[String]) -> BoxedStrategy<String> {
    select(texts.to_vec()).prop_map(|text| quote(&text)).boxed()
}

/// A text, or a piece of it.
fn piece(texts: &[String]) -> BoxedStrategy<String> {
    (select(texts.to_vec()), any::<Index>(), any::<Index>())
        .prop_map(|(text, from, to)| {
            let chars: Vec<_> = text.chars().collect();
            let (from, to) = (from.index(chars.len()), to.index(chars.len()));
            quote(&chars[from.min(to)..=from.max(to)].iter().collect::<String>())
        })
        .boxed()
}

fn any_of(fields: &[&str], custom: &str) -> BoxedStrategy<String> {
    let standard = fields.iter().map(|field| format!("account.{field}"));
    select(standard.chain([format!("account.custom.{custom}")]).collect::<Vec<_>>()).boxed()
}

fn compared(
    field: BoxedStrategy<String>,
    signs: &'static [&'static str],
    value: BoxedStrategy<String>,
) -> BoxedStrategy<String> {
    (field, select(signs), value, any::<bool>())
        .prop_map(|(field, sign, value, mirrored)| {
            if mirrored {
                format!("{value} {sign} {field}")
            } else {
                format!("{field} {sign} {value}")
            }
        })
        .boxed()
}

fn listed(field: BoxedStrategy<String>, value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    (field, vec(value, 1..6))
        .prop_map(|(field, values)| format!("{field} in [{}]", values.join(", ")))
        .boxed()
}

fn moment(palette: &Palette) -> BoxedStrategy<String> {
    prop_oneof![
        select(palette.times.clone()).prop_map(|time| format!("timestamp(\"{time}\")")),
        (
            any::<bool>(),
            select(&["P1D", "P2W", "PT36H", "90m", "P365D", "P36500D", "PT0S"][..])
        )
            .prop_map(|(plus, length)| { format!("now {} duration(\"{length}\")", if plus { '+' } else { '-' }) }),
        Just("now".to_owned()),
    ]
    .boxed()
}

/// One question.
pub(crate) fn question(palette: &Palette) -> BoxedStrategy<String> {
    const ALL: &[&str] = &["==", "!=", "<", "<=", ">", ">="];
    const SAME: &[&str] = &["==", "!="];
    let text_field = || any_of(TEXTS, palette.custom[0]);
    let texts = || quoted(&palette.texts);
    let choice_field = || Just(format!("account.custom.{}", palette.custom[3])).boxed();
    let pool_field = || Just("account.pool".to_owned()).boxed();
    let number_field = || Just(format!("account.custom.{}", palette.custom[1])).boxed();
    let numbers = || {
        select(palette.numbers.clone())
            .prop_map(|number| format!("{number:?}"))
            .boxed()
    };
    let counts = || {
        select(palette.counts.clone())
            .prop_map(|number| number.to_string())
            .boxed()
    };
    let count_field = || {
        select(&["account.won_count", "account.transfer_count"][..])
            .prop_map(str::to_owned)
            .boxed()
    };
    let user_field = || select(USERS).prop_map(|field| format!("account.{field}")).boxed();
    let code = || {
        select(CODES).prop_flat_map(|(field, names)| {
            let name = || select(names).prop_map(quote).boxed();
            let field = Just(format!("account.{field}")).boxed();
            prop_oneof![compared(field.clone(), SAME, name()), listed(field, name())]
        })
    };
    let set: Vec<_> = TEXTS
        .iter()
        .chain(USERS)
        .chain(TIMES)
        .chain(&["tags", "pool", "kind", "won_count", "is_won"])
        .map(|field| format!("has(account.{field})"))
        .chain(
            palette
                .custom
                .iter()
                .map(|field| format!("has(account.custom.{field})")),
        )
        .collect();
    let text_test = (
        text_field(),
        select(&["startsWith", "contains", "endsWith"][..]),
        piece(&palette.texts),
    )
        .prop_map(|(field, test, text)| format!("{field}.{test}({text})"));
    prop_oneof![
        3 => compared(text_field(), ALL, texts()),
        2 => listed(text_field(), texts()),
        4 => text_test,
        3 => quoted(&palette.texts).prop_map(|tag| format!("{tag} in account.tags")),
        2 => quoted(&palette.departments).prop_map(|id| format!("{id} in account.departments")),
        2 => compared(user_field(), SAME, quoted(&palette.users)),
        1 => listed(user_field(), quoted(&palette.users)),
        1 => compared(pool_field(), SAME, quoted(&palette.pools)),
        1 => listed(pool_field(), quoted(&palette.pools)),
        2 => code(),
        2 => compared(count_field(), ALL, counts()),
        1 => listed(count_field(), counts()),
        2 => compared(number_field(), ALL, numbers()),
        1 => listed(number_field(), numbers()),
        3 => compared(any_of(TIMES, palette.custom[2]), ALL, moment(palette)),
        1 => compared(choice_field(), SAME, quoted(&palette.choices)),
        1 => listed(choice_field(), quoted(&palette.choices)),
        3 => select(set),
        1 => select(&["account.is_won", "true", "false", "account.owner == null", "account.pool != null"][..]).prop_map(str::to_owned),
        2 => (any::<bool>(), 1_u32..=120).prop_map(|(within, months)| {
            format!("{}({months})", if within { "created_within_months" } else { "older_than_months" })
        }),
    ]
    .boxed()
}

/// A condition, within the bounds of the language.
pub(crate) fn condition(palette: &Palette) -> BoxedStrategy<String> {
    question(palette)
        .prop_recursive(3, 10, 3, |part| {
            prop_oneof![
                part.clone().prop_map(|part| format!("!({part})")),
                vec(part.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" && "))),
                vec(part, 2..4).prop_map(|parts| format!("({})", parts.join(" || "))),
            ]
        })
        .prop_filter("too long", |text| text.len() <= 2000)
        .boxed()
}
