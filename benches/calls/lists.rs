//! Pages of fifty unclaimed accounts of a pool, with a filter on two fields, one after the other: beside the same query by
//! hand, and whether a page far behind costs what one at the beginning does.

use crate::{
    Plan,
    callers::{Callers, list},
    common::{
        Outcome,
        counters::{Counted, Counters},
        load::Loader,
        report::{Report, Target},
        runs::Latency,
        site::{Setup, Site},
        spent::measured,
    },
    hand::Hand,
};
use sea_orm::sqlx::{AssertSqlSafe, MySqlPool, query};
use std::time::Instant;
use tidepool::rpc::proto::{AccountFilter, AccountScope, ListAccountsRequest};
use uuid::Uuid;

const PAGE: usize = 50;
/// Of the accounts, one in so many passes the filter.
const PASSES: u64 = 20;
/// Pages that are compared: so many at the beginning, and so many at the end of those that are read, where there are enough.
const COMPARED: usize = 40;
/// Pages that are read, in percent of what there are, about: how many accounts pass the filter is not known exactly.
const READ: u64 = 80;

const FILTER: &str = "UPDATE account SET grade = ELT(1 + CRC32(name) % 4, 'A', 'B', 'C', 'D'), \
                      region = ELT(1 + CRC32(name) DIV 4 % 5, 'north', 'south', 'east', 'west', 'far')";

/// How long each page took, in milliseconds.
struct Pages(Vec<f64>);

impl Pages {
    fn percentile(&self, percent: usize) -> f64 {
        Latency::of(self.0.clone()).percentile(percent)
    }

    /// What the last ones took beside the first ones, the very first left out.
    fn growth(&self) -> f64 {
        let compared = COMPARED.min(self.0.len() / 3);
        let first = Latency::of(self.0[1..=compared].to_vec()).percentile(50);
        let last = Latency::of(self.0[self.0.len() - compared..].to_vec()).percentile(50);
        last / first
    }
}

/// By the service, as a member of the pool sees it.
async fn by_service(callers: &Callers, pool: &str, pages: usize) -> Outcome<Pages> {
    let client = callers.client(1);
    let (mut took, mut page_token) = (Vec::with_capacity(pages), String::new());
    for _ in 0..pages {
        let request = ListAccountsRequest {
            scope: AccountScope::PoolUnclaimed.into(),
            pool_id: pool.to_owned(),
            filter: Some(AccountFilter {
                grades: vec!["A".into()],
                regions: vec!["north".into()],
                ..AccountFilter::default()
            }),
            page_size: i32::try_from(PAGE)?,
            page_token,
            ..ListAccountsRequest::default()
        };
        let began = Instant::now();
        page_token = list(&client, request).await?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Pages(took))
}

/// By hand: the query that a programmer writes who knows the table.
async fn by_hand(hand: &Hand, pool: &str, pages: usize) -> Outcome<Pages> {
    let pool = Uuid::try_parse(pool)?.simple().to_string();
    let (mut took, mut after) = (Vec::with_capacity(pages), None);
    for _ in 0..pages {
        let began = Instant::now();
        after = Some(hand.page(&pool, after.as_deref(), PAGE).await?);
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Pages(took))
}

pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    eprintln!("{} accounts to list", plan.accounts);
    let setup = Setup {
        breaker: plan.accounts,
        relay: false,
        ..Setup::on(&plan.common.server)
    };
    let counters = Counters::of(&plan.common.server).await?;
    let (site, _) = Site::found(setup, "bench_lists").await?;
    Loader::start(&site).await?.free(plan.accounts).await?;
    query(AssertSqlSafe(FILTER))
        .execute(&MySqlPool::connect(&site.url).await?)
        .await?;
    counters.analyze("bench_lists").await?;
    counters.quiet().await?;
    let (callers, hand) = (Callers::start(&site.admin)?, Hand::connect(&site.url).await?);
    let pages = usize::try_from(plan.accounts / PASSES / PAGE as u64 * READ / 100)?;
    let (mut read, mut counted): ([Vec<Pages>; 2], [Counted; 2]) = Default::default();
    for round in 0..=plan.rounds {
        // Nobody is always first.
        for serves in [round % 2 == 0, round % 2 == 1] {
            let (took, cost) = if serves {
                let work = measured(by_service(&callers, &site.pool, pages));
                counters.during(work).await?
            } else {
                let work = measured(by_hand(&hand, &site.pool, pages));
                counters.during(work).await?
            };
            // Connections are there, and statements known, before it counts.
            if round > 0 {
                read[usize::from(!serves)].push(took);
                counted[usize::from(!serves)].add(&cost);
            }
        }
    }
    let median = |values: Vec<f64>| Latency::of(values).percentile(50);
    let of = |way: usize, percent: usize| median(read[way].iter().map(|pages| pages.percentile(percent)).collect());
    let both = read[0].iter().zip(&read[1]);
    let ratios = both.map(|(service, hand)| service.percentile(50) / hand.percentile(50));
    let ratios = ratios.collect();
    let growths = read[0].iter().map(Pages::growth).collect();
    report.add("page of 50, median", of(0, 50), "ms", None);
    report.add("page of 50, 99 %", of(0, 99), "ms", None);
    report.add("page of 50 by hand, median", of(1, 50), "ms", None);
    report.add("page of 50 by hand, 99 %", of(1, 99), "ms", None);
    report.add(
        "page, time over by hand",
        median(ratios),
        "x",
        Some(Target::AtMost(1.5)),
    );
    report.add(
        "page, far behind over at the beginning",
        median(growths),
        "x",
        Some(Target::AtMost(1.2)),
    );
    let number = (pages * plan.rounds) as u64;
    report.count("page", number, &counted[0]);
    report.count("by hand", number, &counted[1]);
    site.stop().await;
    Ok(())
}
