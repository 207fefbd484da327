//! Everything that can be wrong with a place of a request, and what has to be said of it.

use super::{
    examples::Example,
    fields::{Text, most, parts, text},
    sites::{Site, sites},
};
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};

/// What has to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It is refused as an invalid argument, by the name of the place.
    Named,
    /// It is refused because the thing moved on.
    Stale,
    /// It is as good as any other value here, or refused for what it means.
    Either,
    /// It is answered.
    Answered,
}

/// Puts something wrong into a request.
type Change = Box<dyn Fn(&DynamicMessage) -> DynamicMessage>;

/// Something wrong with a request.
pub(crate) struct Wrong {
    pub(crate) path: String,
    pub(crate) what: String,
    pub(crate) expect: Expect,
    change: Change,
}

impl Wrong {
    /// Whether it is refused in any case.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.expect, Expect::Named | Expect::Stale)
    }

    /// A good request, with this wrong in it. Made one at a time: there are hundreds, and many are a megabyte long.
    pub(crate) fn of(&self, good: &DynamicMessage) -> DynamicMessage {
        (self.change)(good)
    }
}

const MEGABYTE: usize = 1_000_000;

/// Where what is wrong in general is right here, and why.
///
/// Rpc, the end of the path, the beginning of what is wrong.
const ALLOWED: &[(&str, &str, &str)] = &[
    // Decided row by row: the second is a duplicate of the first, an event that was told before.
    ("BulkCreateAccounts", "new_accounts", "twice"),
    ("RecordActivities", "activities", "twice"),
    // An example of named accounts has no filter at all.
    ("StartAssignMatching", "selection.filter.condition", ""),
    ("StartTransferMatching", "selection.filter.condition", ""),
    // Whoever is active is not released.
    ("StartReleaseOwner", "deactivate", "missing"),
    // Whoever changes a name that is locked has to say so.
    ("UpdateAccount", "override_name_lock", "missing"),
    // Other fields of the rule build on these, and are named.
    ("*", "reclaim_rule.follow_up_days", "missing"),
    ("*", "reclaim_rule.close_days", "missing"),
    // The largest number is one.
    ("*", ".value", "17976931348623157"),
];

/// Everything that can be wrong with the example, and with any other example of the rpc.
pub(crate) fn wrongs(example: &Example) -> Vec<Wrong> {
    let message = &example.message;
    let mut all = Vec::new();
    for site in sites(example.rpc.name(), message) {
        let path = site.path();
        for (what, change, expect) in at(&site, message) {
            all.push(Wrong {
                path: path.clone(),
                what,
                expect,
                change,
            });
        }
        let expect = if example.required.contains(&path.as_str()) {
            Expect::Named
        } else if example.required.iter().any(|required| required.starts_with(&path)) {
            // Without the message its fields are missing too.
            Expect::Either
        } else {
            Expect::Answered
        };
        let cleared = site.clear(message);
        // Of alternatives only one is there to go.
        if cleared != *message || site.field.containing_oneof().is_none_or(|oneof| oneof.is_synthetic()) {
            all.push(Wrong {
                path,
                what: "missing".into(),
                expect,
                change: Box::new(move |good| site.clear(good)),
            });
        }
    }
    for wrong in &mut all {
        let allowed = |(rpc, path, what): &&(&str, &str, &str)| {
            (example.rpc.name() == *rpc || *rpc == "*") && wrong.path.ends_with(path) && wrong.what.starts_with(what)
        };
        if ALLOWED.iter().any(|entry| allowed(&entry)) {
            wrong.expect = Expect::Either;
        }
    }
    all
}

type At = Vec<(String, Change, Expect)>;

fn at(site: &Site, message: &DynamicMessage) -> At {
    let put = |value: Value| -> Change {
        let site = site.clone();
        Box::new(move |good| site.put(good, value.clone()))
    };
    let mut found: At = values(site)
        .into_iter()
        .map(|(what, value, expect)| (what, put(value), expect))
        .collect();
    if site.field.is_list() {
        found.extend(lists(site, message));
    }
    found
}

/// The first entry of the list, or one like it.
fn first(site: &Site, message: &DynamicMessage) -> Option<Value> {
    let Value::List(entries) = site.value(message) else {
        panic!("{}", site.path())
    };
    entries.first().cloned().or_else(|| sample(site))
}

/// Too many entries, and one of them twice.
fn lists(site: &Site, message: &DynamicMessage) -> At {
    if first(site, message).is_none() {
        return Vec::new();
    }
    let times = |count: usize| -> Change {
        let site = site.clone();
        Box::new(move |good| {
            let entries = vec![first(&site, good).unwrap(); count];
            site.change(good, |part| part.set_field(&site.field, Value::List(entries)))
        })
    };
    vec![
        ("too many".into(), times(most(&site.field) + 1), Expect::Named),
        ("twice".into(), times(2), Expect::Named),
    ]
}

fn sample(site: &Site) -> Option<Value> {
    match (site.field.kind(), parts(&site.field)) {
        (Kind::String, _) => Some(Value::String("01890a5d-ac96-774b-bcce-b302099a8057".into())),
        (_, Some(part)) => Some(Value::Message(DynamicMessage::new(part))),
        _ => None,
    }
}

fn values(site: &Site) -> Vec<(String, Value, Expect)> {
    let named = |what: &str, value: Value| (what.to_owned(), value, Expect::Named);
    match site.field.kind() {
        Kind::String => texts(site),
        Kind::Enum(_) => [9999, -1, i32::MIN]
            .map(|number| named(&format!("the number {number}"), Value::EnumNumber(number)))
            .to_vec(),
        Kind::Int32 => [-1, i32::MIN, i32::MAX]
            .map(|number| named(&number.to_string(), Value::I32(number)))
            .to_vec(),
        Kind::Int64 => vec![
            named("-1", Value::I64(-1)),
            named("the least number", Value::I64(i64::MIN)),
            ("the largest number".to_owned(), Value::I64(i64::MAX), Expect::Either),
        ],
        Kind::Double => [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX]
            .map(|number| named(&number.to_string(), Value::F64(number)))
            .to_vec(),
        Kind::Bool => vec![("the opposite".into(), Value::Bool(true), Expect::Either)],
        Kind::Message(message) => match message.name() {
            "Timestamp" => times(&message),
            "Duration" => durations(&message),
            "FieldMask" => masks(&message),
            _ => Vec::new(),
        },
        kind => panic!("what can be wrong with {kind:?} of {}?", site.path()),
    }
}

fn texts(site: &Site) -> Vec<(String, Value, Expect)> {
    let kind = text(&site.field);
    let mut all = vec![
        ("a megabyte".to_owned(), "x".repeat(MEGABYTE), Expect::Named),
        ("a NUL".to_owned(), "a\0b".to_owned(), Expect::Named),
        ("a control character".to_owned(), "a\u{7}b".to_owned(), Expect::Named),
    ];
    let mut add = |what: &str, value: String| all.push((what.to_owned(), value, Expect::Named));
    match kind {
        Text::Own(_) => {
            add("no UUID", "a b".into());
            add("a UUID without dashes", "01890a5dac96774bbcceb302099a8057".into());
            add("a UUID in braces", "{01890a5d-ac96-774b-bcce-b302099a8057}".into());
        }
        Text::Foreign(_, max) => {
            add("a blank", "a b".into());
            add("beyond ASCII", "zo\u{eb}".into());
            add("too long", "x".repeat(max + 1));
        }
        Text::Etag => {
            add("no number", "W/\"1\"".into());
            add("a huge number", "9".repeat(40));
            all.push(("stale".into(), "999999".into(), Expect::Stale));
        }
        Text::PageToken => {
            add("no token", "0".into());
            add("a made-up token", "00".repeat(60));
            add("too long", "00".repeat(4097));
        }
        Text::Word => add("nothing of the kind", "No.Such/Thing".into()),
        Text::Line(max) => {
            add("too long", "\u{1f30a}".repeat(max + 1));
            add("two lines", "a\nb".into());
            add("a blank at the end", "a ".into());
        }
        Text::Prefix(max) | Text::Lines(max) => add("too long", "\u{1f30a}".repeat(max + 1)),
        Text::Ignored => all.iter_mut().for_each(|(_, _, expect)| *expect = Expect::Answered),
    }
    all.into_iter()
        .map(|(what, text, expect)| (what, Value::String(text), expect))
        .collect()
}

fn times(message: &MessageDescriptor) -> Vec<(String, Value, Expect)> {
    [
        (0, -1, Expect::Named),
        (0, i32::MAX, Expect::Named),
        (0, 1_000_000_000, Expect::Named),
        // Where a leap second would be.
        (59, 1_000_000_000, Expect::Named),
        (i64::MIN, 0, Expect::Named),
        (i64::MAX, 999_999_999, Expect::Named),
        (-62_135_596_801, 0, Expect::Named),
        (253_402_300_800, 0, Expect::Named),
        (-62_135_596_800, 0, Expect::Either),
        (-1, 999_999_999, Expect::Either),
        (253_402_300_799, 999_999_999, Expect::Either),
    ]
    .map(|(seconds, nanos, expect)| {
        let mut time = DynamicMessage::new(message.clone());
        time.set_field_by_name("seconds", Value::I64(seconds));
        time.set_field_by_name("nanos", Value::I32(nanos));
        (format!("{seconds} s {nanos} ns"), Value::Message(time), expect)
    })
    .to_vec()
}

fn durations(message: &MessageDescriptor) -> Vec<(String, Value, Expect)> {
    [
        (-1, 0),
        (0, -1),
        (0, 1),
        (1, 500_000_000),
        (0, i32::MAX),
        (i64::MIN, 0),
        (i64::MAX, 999_999_999),
        (1_000_000_000, 0),
    ]
    .map(|(seconds, nanos)| {
        let mut duration = DynamicMessage::new(message.clone());
        duration.set_field_by_name("seconds", Value::I64(seconds));
        duration.set_field_by_name("nanos", Value::I32(nanos));
        (
            format!("{seconds} s {nanos} ns"),
            Value::Message(duration),
            Expect::Named,
        )
    })
    .to_vec()
}

fn masks(message: &MessageDescriptor) -> Vec<(String, Value, Expect)> {
    let mask = |paths: Vec<String>| {
        let mut mask = DynamicMessage::new(message.clone());
        mask.set_field_by_name("paths", Value::List(paths.into_iter().map(Value::String).collect()));
        Value::Message(mask)
    };
    [
        ("no path", vec![]),
        ("a path to nothing", vec!["nothing".to_owned()]),
        ("an empty path", vec![String::new()]),
        ("a path into a field", vec!["name.nothing".to_owned()]),
        (
            "a path to what never changes",
            vec!["id".to_owned(), "create_time".to_owned()],
        ),
        ("a path with a NUL", vec!["a\0".to_owned()]),
        ("a path of a megabyte", vec!["x".repeat(MEGABYTE)]),
        ("too many paths", vec!["*".to_owned(); 101]),
    ]
    .map(|(what, paths)| (what.to_owned(), mask(paths), Expect::Named))
    .to_vec()
}
