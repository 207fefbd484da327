//! Reads a page of accounts: finding them and reading what they are is one statement, of one moment.

use super::{
    account_list::{Page, Position, bounded, position},
    dialect::Engine,
    subject::{Shown, Viewers, Which, for_rules, showing},
};
use crate::domain::{
    ids::{AccountId, UserId},
    organisation::Organisation,
};
use sea_orm::{ConnectionTrait, DbErr, Statement};

/// What is on the page, and where each account is in its list; `None` if there is no such tenant, or no place where accounts
/// of the list could be. One statement for up to 200 places, and two more where rules of the tenant look at tags or custom fields.
pub async fn read(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    actor: Option<&UserId>,
    page: Page<'_>,
) -> Result<Option<(Vec<Position>, Shown)>, DbErr> {
    let (mut found, mut shown): (_, Option<Shown>) = (Vec::new(), None);
    for statement in reading(Engine::of(conn), org, actor, page) {
        let rows = conn.query_all_raw(statement).await?;
        let Some(these) = Shown::of(&rows, Viewers::One(actor))? else {
            return Ok(None);
        };
        // Where none is found there is a row that has only the revisions.
        if !these.subjects.is_empty() {
            for row in &rows {
                found.push(position(row, page.listing.order)?);
            }
        }
        match &mut shown {
            Some(shown) => shown.add(these),
            None => shown = Some(these),
        }
    }
    let Some(mut shown) = shown else { return Ok(None) };
    page.cut(&mut found);
    shown.keep(&found.iter().map(Position::account).collect::<Vec<AccountId>>());
    for_rules(conn, org, &mut shown.subjects, &shown.with_extras).await?;
    Ok(Some((found, shown)))
}

/// What [`read`] sends; for looking at how it is carried out.
#[must_use]
pub fn reading(engine: Engine, org: &Organisation, actor: Option<&UserId>, page: Page<'_>) -> Vec<Statement> {
    let found = bounded(engine, org.key, page);
    let showing = |found: &Statement| showing(engine, org, Viewers::One(actor), Which::Found(found));
    found.iter().map(showing).collect()
}
