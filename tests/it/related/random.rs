//! Lists and totals of random objects for random viewers are those of a model that looks at one object after the other.

use super::{Object, listed, summary};
use crate::world::World;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::collections::BTreeMap;
use tidepool::rpc::proto::TeamAccess;

const TYPES: [&str; 6] = ["opportunity", "sales_order", "return", "payment", "refund", "contract"];
const ACTIONS: [&str; 9] = [
    "created",
    "confirmed",
    "won",
    "lost",
    "received",
    "canceled",
    "withdrawn",
    "reversed",
    "deleted",
];
const OUT: [&str; 4] = ["canceled", "withdrawn", "reversed", "deleted"];
const NOT_YET: [&str; 3] = ["sales_order", "payment", "refund"];
const USERS: [&str; 6] = ["bob", "cid", "ann", "dan", "root", ""];

fn random(rng: &mut StdRng, number: usize) -> Object {
    let pick = |rng: &mut StdRng, from: &[&'static str]| *from.choose(rng).unwrap();
    let viewers = ["bob", "cid", "ann", "dan"];
    Object {
        object_type: pick(rng, &TYPES),
        id: format!("o{number}"),
        action: pick(rng, &ACTIONS),
        amount: (!rng.random_ratio(1, 8)).then(|| i64::from(rng.random_range(0..1_000_000_u32)) * 100),
        currency: pick(rng, &["EUR", "USD"]),
        owner: pick(rng, &USERS),
        visible_to: viewers.into_iter().filter(|_| rng.random_ratio(1, 5)).collect(),
        locked: rng.random(),
        in_workflow: rng.random(),
        minute: rng.random_range(0..20),
    }
}

/// D42, object by object.
fn sees(viewer: &str, object: &Object) -> bool {
    let below = match viewer {
        "root" => return true,
        "ann" => &["bob", "cid"][..],
        _ => &[],
    };
    object.owner == viewer || below.contains(&object.owner) || object.visible_to.contains(&viewer)
}

type Totals = BTreeMap<(String, usize), (i128, i64)>;

fn model(viewer: &str, objects: &[Object]) -> (Totals, i64) {
    let (mut totals, mut without) = (Totals::new(), 0);
    for object in objects.iter().filter(|object| sees(viewer, object)) {
        let place = TYPES[..5]
            .iter()
            .position(|object_type| *object_type == object.object_type);
        let not_yet = object.action == "created" && NOT_YET.contains(&object.object_type);
        let Some(place) = place.filter(|_| !OUT.contains(&object.action) && !not_yet) else {
            continue;
        };
        match object.amount {
            None => without += 1,
            Some(amount) => {
                let sum = totals.entry((object.currency.to_owned(), place)).or_default();
                sum.0 += i128::from(amount);
                sum.1 += 1;
            }
        }
    }
    (totals, without)
}

/// Reads a decimal as ten thousandths.
fn units(text: &str) -> i128 {
    let (whole, parts) = text.split_once('.').unwrap_or((text, ""));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let whole: i128 = whole.parse().unwrap();
    let parts: i128 = format!("{parts:0<4}").parse().unwrap();
    whole * 10_000 + sign * parts
}

/// R075-R080, D41, D42.
#[tokio::test]
async fn lists_and_totals_are_those_of_the_model() {
    let world = World::start().await;
    let mut rng = StdRng::seed_from_u64(42);
    for round in 0..4 {
        let id = world.create(&format!("Acme {round}"), "", "bob").await.id;
        for reader in ["cid", "dan"] {
            world.join_team(&id, reader, TeamAccess::Read).await;
        }
        let mut objects: Vec<_> = (0..40).map(|at| random(&mut rng, round * 100 + at)).collect();
        world.tell_objects(&id, &objects).await;
        objects.sort_by(|a, b| {
            let key = |o: &Object| (o.object_type, o.minute, o.id.clone());
            key(b).cmp(&key(a))
        });
        for viewer in ["bob", "cid", "ann", "dan", "root"] {
            let expected: Vec<_> = objects.iter().filter(|object| sees(viewer, object)).collect();
            let found = listed(&world.user(viewer), &id, "", 7).await;
            let ids: Vec<_> = found.iter().map(|object| object.object_id.as_str()).collect();
            let wanted: Vec<_> = expected.iter().map(|object| object.id.as_str()).collect();
            assert_eq!(ids, wanted, "{viewer} {round}");

            let said = summary(&world.user(viewer), &id).await;
            let (totals, without) = model(viewer, &objects);
            let mut told = Totals::new();
            for of in &said.currencies {
                let all = [
                    &of.opportunities,
                    &of.sales_orders,
                    &of.returns,
                    &of.payments,
                    &of.refunds,
                ];
                let amounts = all.map(|total| total.as_ref().map_or(0, |total| units(&total.amount)));
                for (place, total) in all.into_iter().enumerate() {
                    let total = total.as_ref().unwrap();
                    if total.count > 0 {
                        told.insert((of.currency.clone(), place), (amounts[place], total.count));
                    }
                }
                let [_, orders, returns, payments, refunds] = amounts;
                let pending = (orders - returns) - (payments - refunds);
                assert_eq!(units(&of.amount_pending), pending, "{viewer} {round}");
            }
            assert_eq!(told, totals, "{viewer} {round}");
            assert_eq!(said.objects_without_amount, without, "{viewer} {round}");
        }
    }
    world.stop().await;
}
