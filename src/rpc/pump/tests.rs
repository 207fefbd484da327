//! How a stream is cut into batches, and how long anybody waits.

use super::*;
use futures::stream::{iter, pending};
use std::future::poll_fn;
use tonic::Code;

/// Numbers whose sum is at most a hundred in a batch, under names.
struct Hundred;

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    text: String,
    #[prost(uint64, tag = "3")]
    items: u64,
}

impl Feed for Hundred {
    type Message = Row;
    type Answer = ();
    const NAME: &'static str = "a test";
    const BATCH: usize = 100;
    const WAITING: usize = 1;

    fn items(message: &Row) -> usize {
        usize::try_from(message.items).unwrap()
    }

    fn identity(message: &Row) -> Option<&str> {
        (!message.id.is_empty()).then_some(&message.id)
    }

    async fn work(&mut self, messages: Vec<Row>) -> Result<Vec<()>, Status> {
        Ok(vec![(); messages.len()])
    }
}

fn row(id: &str, size: usize) -> Row {
    Row {
        id: id.into(),
        text: "x".repeat(size),
        items: 1,
    }
}

fn many(items: u64) -> Row {
    Row { items, ..row("", 0) }
}

/// How many rows each batch has, of rows that are all there.
async fn batches(rows: Vec<Row>) -> Vec<usize> {
    let (mut rows, mut ahead, mut sizes) = (iter(rows.into_iter().map(Ok)), None, Vec::new());
    loop {
        let batch = next::<Hundred>(&mut rows, &mut ahead).await;
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
async fn messages_of_many_items_share_a_batch_as_far_as_they_fit() {
    assert_eq!(
        batches([60, 40, 60, 41, 100, 1].map(many).to_vec()).await,
        [2, 1, 1, 1, 1]
    );
    // What is too much by itself goes alone, and what is nothing is something.
    assert_eq!(batches([0, 101, 0, 0].map(many).to_vec()).await, [1, 1, 2]);
    assert_eq!(batches(vec![many(0); 101]).await, [100, 1]);
}

#[tokio::test]
async fn a_row_is_not_kept_waiting_for_others() {
    let mut rows = iter([Ok(row("a", 0))]).chain(pending());
    let batch = next::<Hundred>(&mut rows, &mut None).await;
    assert_eq!(batch.messages.len(), 1);
    assert!(batch.end.is_none());
}

#[tokio::test]
async fn what_came_before_an_error_is_a_batch_with_it() {
    let mut rows = iter([Ok(row("a", 0)), Err(Status::internal("no message"))]);
    let batch = next::<Hundred>(&mut rows, &mut None).await;
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
