//! Business objects of accounts: who sees which, what they come to, and which follow an account to its new owner.

mod bounds;
mod handover;
mod list;
mod plans;
mod random;
mod summary;
mod words;

use crate::{activities::told, harness::Client, world::World};
use chrono::TimeDelta;
use tidepool::rpc::proto::{self, Activity, Money, RelatedObject, RelatedObjectVisibility, TenantSettings};

/// An object as a service tells of it.
#[expect(clippy::struct_field_names, reason = "as the API has it")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    pub(crate) object_type: &'static str,
    pub(crate) id: String,
    pub(crate) action: &'static str,
    /// In ten thousandths.
    pub(crate) amount: Option<i64>,
    pub(crate) currency: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) visible_to: Vec<&'static str>,
    pub(crate) locked: bool,
    pub(crate) in_workflow: bool,
    /// Minutes after the day before the start of the test's clock.
    pub(crate) minute: i64,
}

/// An object with an amount in euro.
pub(crate) fn object(
    object_type: &'static str,
    id: &str,
    action: &'static str,
    euro: i64,
    owner: &'static str,
) -> Object {
    Object {
        object_type,
        id: id.into(),
        action,
        amount: Some(euro * 10_000),
        currency: "EUR",
        owner,
        ..Object::default()
    }
}

impl Object {
    fn told(&self, account: &str) -> Activity {
        let amount = self.amount.map(|amount| {
            let parts = format!("{:04}", amount % 10_000);
            let parts = parts.trim_end_matches('0');
            let point = if parts.is_empty() { "" } else { "." };
            Money {
                amount: format!("{}{point}{parts}", amount / 10_000),
                currency: self.currency.into(),
            }
        });
        let at = crate::harness::start() - TimeDelta::days(1) + TimeDelta::minutes(self.minute);
        Activity {
            object_id: self.id.clone(),
            amount,
            object_owner: self.owner.into(),
            visible_to: self.visible_to.iter().map(|user| (*user).to_owned()).collect(),
            object_locked: self.locked,
            object_in_workflow: self.in_workflow,
            ..told(
                &format!("{}.{}.{}", self.object_type, self.id, self.action),
                account,
                &format!("{}.{}", self.object_type, self.action),
                at,
            )
        }
    }
}

impl World {
    /// Tells of objects of the account.
    pub(crate) async fn tell_objects(&self, account: &str, objects: &[Object]) {
        for some in objects.chunks(500) {
            let told: Vec<_> = some.iter().map(|object| object.told(account)).collect();
            let outcomes = self.tell("erp", told).await;
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        }
    }

    /// Changes settings of the tenant.
    pub(crate) async fn related_settings(&self, visibility: RelatedObjectVisibility, contacts_follow: bool) {
        let settings = TenantSettings {
            related_object_visibility: visibility.into(),
            contacts_follow_owner: Some(contacts_follow),
            ..Default::default()
        };
        let request = proto::UpdateTenantRequest {
            tenant: Some(proto::Tenant {
                settings: Some(settings),
                ..Default::default()
            }),
            update_mask: crate::build::mask(&["settings.related_object_visibility", "settings.contacts_follow_owner"]),
            ..Default::default()
        };
        self.server.admin().tenants().update_tenant(request).await.unwrap();
    }
}

/// All objects of the account that the client sees, page by page.
pub(crate) async fn listed(client: &Client, account: &str, object_type: &str, page_size: i32) -> Vec<RelatedObject> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListRelatedObjectsRequest {
            account_id: account.into(),
            object_type: object_type.into(),
            page_size,
            page_token,
        };
        let page = client
            .related()
            .list_related_objects(request)
            .await
            .unwrap()
            .into_inner();
        assert!(page.related_objects.len() <= usize::try_from(page_size).unwrap());
        found.extend(page.related_objects);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

/// The ids of all objects that the user sees.
pub(crate) async fn seen(world: &World, user: &str, account: &str) -> Vec<String> {
    let objects = listed(&world.user(user), account, "", 2).await;
    objects.into_iter().map(|object| object.object_id).collect()
}

/// What the account's objects come to for the client.
pub(crate) async fn summary(client: &Client, account: &str) -> proto::AccountSummary {
    let request = proto::GetAccountSummaryRequest {
        account_id: account.into(),
    };
    let answer = client.related().get_account_summary(request).await.unwrap();
    answer.into_inner().account_summary.unwrap()
}

impl World {
    /// Tells of so many objects in progress, each of one euro.
    pub(crate) async fn tell_many_objects(
        &self,
        account: &str,
        prefix: &str,
        object_type: &'static str,
        owner: &'static str,
        count: usize,
    ) {
        let objects: Vec<_> = (0..count)
            .map(|at| object(object_type, &format!("{prefix}-{at}"), "created", 1, owner))
            .collect();
        self.tell_objects(account, &objects).await;
    }
}
