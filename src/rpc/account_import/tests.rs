//! How a stream is cut into batches, and how long anybody waits.

use super::*;
use futures::stream::{iter, pending};
use std::future::poll_fn;
use tonic::Code;

fn row(id: &str, size: usize) -> ImportAccountsRequest {
    let account = crate::rpc::proto::Account {
        remark: "x".repeat(size),
        ..Default::default()
    };
    ImportAccountsRequest {
        new_account: Some(crate::rpc::proto::NewAccount {
            account: Some(account),
            ..Default::default()
        }),
        request_id: id.into(),
    }
}

/// How many rows each batch has, of rows that are all there.
async fn batches(rows: Vec<ImportAccountsRequest>) -> Vec<usize> {
    let (mut rows, mut ahead, mut sizes) = (iter(rows.into_iter().map(Ok)), None, Vec::new());
    loop {
        let batch = next(&mut rows, &mut ahead).await;
        sizes.push(batch.messages.len());
        if let Some(end) = batch.end {
            end.unwrap();
            return sizes;
        }
    }
}

#[tokio::test]
async fn a_batch_is_what_is_there_up_to_a_bound() {
    let ids = |count: usize| (0..count).map(|at| row(&at.to_string(), 0)).collect::<Vec<_>>();
    assert_eq!(batches(ids(3)).await, [3]);
    assert_eq!(batches(ids(250)).await, [100, 100, 50]);
    let long = (0..5).map(|_| row("", BATCH_BYTES / 2)).collect();
    assert_eq!(batches(long).await, [2, 2, 1]);
    // The second of one id finds the answer to the first.
    let same = ["a", "b", "a", "a", "", ""].map(|id| row(id, 0)).to_vec();
    assert_eq!(batches(same).await, [2, 1, 3]);
}

#[tokio::test]
async fn a_row_is_not_kept_waiting_for_others() {
    let mut rows = iter([Ok(row("a", 0))]).chain(pending());
    let batch = next(&mut rows, &mut None).await;
    assert_eq!(batch.messages.len(), 1);
    assert!(batch.end.is_none());
}

#[tokio::test]
async fn what_came_before_an_error_is_a_batch_with_it() {
    let mut rows = iter([Ok(row("a", 0)), Err(Status::internal("no message"))]);
    let batch = next(&mut rows, &mut None).await;
    assert_eq!(batch.messages.len(), 1);
    assert_eq!(batch.end.unwrap().unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let never = poll_fn(|_| std::task::Poll::<()>::Pending);
    let ended = within(Duration::from_millis(1), "nothing came", never)
        .await
        .unwrap_err();
    assert_eq!(ended.code(), Code::DeadlineExceeded);
    assert!(ended.message().starts_with("nothing came"), "{}", ended.message());
}
