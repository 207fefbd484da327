//! The mask oracle: two worlds that differ only in what is hidden answer a member alike, whatever he asks.

use super::{number_value, text_value, texts};
use crate::world::{World, open_pool};
use std::{collections::BTreeMap, fmt::Write as _};
use tidepool::{
    domain::pool::HIDEABLE_FIELDS,
    rpc::proto::{
        self, Account, AccountFilter, AccountKind, AccountOrder, AccountScope, CustomFieldType, ListAccountsRequest,
        Pool,
    },
};
use tonic_types::StatusExt;

/// Values of every field that can be hidden, differing with `hidden`.
fn account(at: u32, hidden: u32) -> Account {
    let value = |field: &str| format!("{field}-{}", (at * 7 + hidden * 3) % 5);
    Account {
        kind: if hidden == 0 {
            AccountKind::Company
        } else {
            AccountKind::Person
        }
        .into(),
        name: format!("Card {at}"),
        grade: value("grade"),
        industry: value("industry"),
        source: value("source"),
        region: value("region"),
        phone: value("phone"),
        email: value("email"),
        website: value("website"),
        address: value("address"),
        location: (hidden == 1).then(proto::Location::default),
        remark: value("remark"),
        external_id: if hidden == 1 { format!("x-{at}") } else { String::new() },
        tags: (0..=hidden).map(|tag| format!("tag-{tag}")).collect(),
        custom_fields: vec![
            text_value("tier", if hidden == 0 { "gold" } else { "silver" }),
            number_value("employees", f64::from(hidden)),
        ],
        ..Account::default()
    }
}

struct Side {
    world: World,
    pool: String,
    // The ids of two worlds differ; everything else must not.
    names: BTreeMap<String, String>,
}

impl Side {
    async fn start(hidden: u32) -> Self {
        let world = World::start().await;
        world.field("tier", CustomFieldType::Choice, &["gold", "silver"]).await;
        world.field("employees", CustomFieldType::Number, &[]).await;
        let pool = Pool {
            hidden_fields: texts(HIDEABLE_FIELDS),
            ..open_pool("Masked")
        };
        let pool = world.pool(pool).await;
        let mut names = BTreeMap::from([(pool.clone(), "the pool".to_owned())]);
        for at in 0..7 {
            let made = world.user("ann").creates(account(at, hidden), &pool, "").await;
            names.insert(made.id, made.name);
        }
        Self { world, pool, names }
    }

    fn without_ids(&self, text: String) -> String {
        self.names.iter().fold(text, |text, (id, name)| text.replace(id, name))
    }

    /// Everything that a member is told: pages, order, whether there is a next page, refusals with their details.
    async fn told(&self, request: &ListAccountsRequest) -> String {
        let mut said = String::new();
        let mut page_token = String::new();
        loop {
            let request = ListAccountsRequest {
                pool_id: self.pool.clone(),
                page_token,
                ..request.clone()
            };
            match self.world.user("bob").accounts().list_accounts(request).await {
                Ok(page) => {
                    let page = page.into_inner();
                    writeln!(said, "{:?} {}", page.accounts, page.next_page_token.len()).unwrap();
                    page_token = page.next_page_token;
                }
                Err(status) => {
                    let details = status.get_error_details();
                    writeln!(said, "{:?} {} {details:?}", status.code(), status.message()).unwrap();
                    break;
                }
            }
            if page_token.is_empty() {
                break;
            }
        }
        self.without_ids(said)
    }

    async fn read(&self) -> String {
        let bob = self.world.user("bob");
        let ids: Vec<_> = self.names.keys().filter(|id| **id != self.pool).cloned().collect();
        let request = proto::BatchGetAccountsRequest {
            account_ids: ids.clone(),
        };
        let batch = bob.accounts().batch_get_accounts(request).await.unwrap().into_inner();
        let single = bob.gets(&ids[3]).await.unwrap();
        let copy = proto::CopyAccountRequest {
            account_id: ids[0].clone(),
            name: "A copy".into(),
            ..Default::default()
        };
        let copy = bob.accounts().copy_account(copy).await.map(|copy| {
            let account = copy.into_inner().account.unwrap();
            let id = account.id.clone();
            format!("{account:?}").replace(&id, "the copy")
        });
        // An update of what nobody owns is refused in one way, whatever it would change.
        let edit = super::update(&ids[1], account(1, 0), &["*"]);
        let edit = bob.accounts().update_account(edit).await.unwrap_err();
        let edit = (edit.code(), edit.message().to_owned(), edit.get_error_details());
        self.without_ids(format!("{batch:?}\n{single:?}\n{copy:?}\n{edit:?}"))
    }
}

/// R097, R168, D24: no order, filter or page that a member can ask for tells two worlds apart that differ in hidden
/// values alone; what is refused is refused alike.
#[tokio::test]
async fn hidden_values_cannot_be_asked_for() {
    let (one, two) = (Side::start(0).await, Side::start(1).await);
    let value = |field: &str| (0..5).map(|at| vec![format!("{field}-{at}")]).collect::<Vec<_>>();
    let mut filters = vec![AccountFilter::default()];
    filters.extend(value("grade").into_iter().map(|grades| AccountFilter {
        grades,
        ..AccountFilter::default()
    }));
    filters.extend(value("region").into_iter().map(|regions| AccountFilter {
        regions,
        ..AccountFilter::default()
    }));
    filters.extend(value("industry").into_iter().map(|industries| AccountFilter {
        industries,
        ..AccountFilter::default()
    }));
    filters.extend(value("source").into_iter().map(|sources| AccountFilter {
        sources,
        ..AccountFilter::default()
    }));
    filters.extend(value("tag").into_iter().map(|tags| AccountFilter {
        tags,
        ..AccountFilter::default()
    }));
    let several = AccountFilter {
        grades: texts(&["grade-1"]),
        tags: texts(&["tag-1"]),
        ..AccountFilter::default()
    };
    filters.extend(["card", "card 3", "phone"].map(|prefix| AccountFilter {
        name_prefix: prefix.into(),
        ..AccountFilter::default()
    }));
    let conditions = [
        "phone.startsWith(\"phone-1\")",
        "kind == \"PERSON\"",
        "custom.tier == \"gold\"",
        "external_id != \"x-1\"",
    ];
    filters.extend(conditions.map(|condition| AccountFilter {
        condition: format!("account.{condition} || \"tag-1\" in account.tags"),
        ..AccountFilter::default()
    }));
    filters.push(several.clone());
    let mut listed = 0;
    for filter in &filters {
        for order in [
            AccountOrder::Created,
            AccountOrder::Name,
            AccountOrder::LastFollowUp,
            AccountOrder::Deadline,
        ] {
            for (descending, page_size) in [(false, 2), (true, 3), (false, 100)] {
                let request = ListAccountsRequest {
                    scope: AccountScope::PoolUnclaimed.into(),
                    filter: Some(filter.clone()),
                    order: order.into(),
                    descending,
                    page_size,
                    ..Default::default()
                };
                let told = one.told(&request).await;
                assert_eq!(told, two.told(&request).await, "{request:?}");
                listed += usize::from(told.contains("Account {"));
            }
        }
    }
    // Without a filter and by name, in both orders.
    assert_eq!(listed, 3 * 6);
    let both = ListAccountsRequest {
        scope: AccountScope::PoolUnclaimed.into(),
        filter: Some(several),
        ..Default::default()
    };
    let told = one.told(&both).await;
    assert!(
        told.contains("FIELD_HIDDEN") && told.contains("grade") && told.contains("tags"),
        "{told}"
    );
    assert_eq!(one.read().await, two.read().await);
    // Its admin is told all of it: the worlds do differ.
    let mut told = Vec::new();
    for side in [&one, &two] {
        let request = ListAccountsRequest {
            scope: AccountScope::PoolAll.into(),
            pool_id: side.pool.clone(),
            ..Default::default()
        };
        let page = side.world.user("ann").accounts().list_accounts(request).await.unwrap();
        told.push(side.without_ids(format!("{:?}", page.into_inner().accounts)));
    }
    assert_ne!(told[0], told[1]);
    one.world.stop().await;
    two.world.stop().await;
}
