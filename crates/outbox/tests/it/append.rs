//! The messages of a subject are numbered 1, 2, 3 … without gaps.

use std::time::Duration;

use futures_util::future::join_all;
use slipway_names::unit::Sequence;
use slipway_outbox::append;

use crate::fixtures::{Fixture, event};

slipway_testrig::on_both_databases!(
    each_subject_is_numbered_by_itself,
    rolled_back_message_leaves_no_gap,
    messages_of_one_transaction_have_different_numbers,
    concurrent_messages_are_numbered_without_gaps,
    message_waits_for_the_transaction_of_the_one_before,
);

async fn each_subject_is_numbered_by_itself(fixture: Fixture) {
    let written = [
        fixture.write("a").await.get(),
        fixture.write("b").await.get(),
        fixture.write("a").await.get(),
        fixture.write("a").await.get(),
        fixture.write("b").await.get(),
    ];

    assert_eq!(written, [1, 1, 2, 3, 2]);
}

async fn rolled_back_message_leaves_no_gap(fixture: Fixture) {
    let first = fixture.database.begin().await.unwrap();
    assert_eq!(append(&first, event("a")).await.unwrap().get(), 1);
    first.rollback().await.unwrap();
    assert_eq!(fixture.write("a").await.get(), 1);

    let second = fixture.database.begin().await.unwrap();
    assert_eq!(append(&second, event("a")).await.unwrap().get(), 2);
    second.rollback().await.unwrap();
    assert_eq!(fixture.write("a").await.get(), 2);
}

async fn messages_of_one_transaction_have_different_numbers(fixture: Fixture) {
    let transaction = fixture.database.begin().await.unwrap();
    let mut written = Vec::new();
    for subject in ["a", "b", "a"] {
        written.push(append(&transaction, event(subject)).await.unwrap().get());
    }
    transaction.commit().await.unwrap();

    assert_eq!(written, [1, 1, 2]);
}

async fn concurrent_messages_are_numbered_without_gaps(fixture: Fixture) {
    let mut written = join_all((0..20).map(|_| fixture.write("a"))).await;
    written.sort();

    let written: Vec<i64> = written.into_iter().map(Sequence::get).collect();
    assert_eq!(written, (1..=20).collect::<Vec<_>>());
}

/// A number that is not committed yet must not be passed: it could become a gap.
async fn message_waits_for_the_transaction_of_the_one_before(fixture: Fixture) {
    let first = fixture.database.begin().await.unwrap();
    append(&first, event("a")).await.unwrap();

    let mut second = Box::pin(fixture.write("a"));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "{early:?}");

    first.rollback().await.unwrap();
    assert_eq!(second.await.get(), 1);
}
