//! A lease has one holder at a time.

use futures_util::future::join_all;
use slipway_database::lease;
use slipway_testrig::database::{TestDatabase, execute};
use uuid::Uuid;

slipway_testrig::on_both_databases!(
    lease_is_renewed_by_its_holder_and_taken_over_after_expiry,
    lease_requested_by_many_at_once_has_one_holder,
    leases_with_other_names_are_independent,
);

async fn lease_is_renewed_by_its_holder_and_taken_over_after_expiry(fixture: TestDatabase) {
    let first = Uuid::now_v7();
    let second = Uuid::now_v7();

    assert!(hold(&fixture, "duty", first).await);
    assert!(hold(&fixture, "duty", first).await, "renewed");
    assert!(!hold(&fixture, "duty", second).await);

    execute(&fixture.database, "update lease set until = 1").await;
    assert!(hold(&fixture, "duty", second).await, "taken over");
    assert!(!hold(&fixture, "duty", first).await);
}

async fn lease_requested_by_many_at_once_has_one_holder(fixture: TestDatabase) {
    let held = join_all((0..8).map(|_| hold(&fixture, "duty", Uuid::now_v7()))).await;
    assert_eq!(held.iter().filter(|is_held| **is_held).count(), 1, "{held:?}");
}

async fn leases_with_other_names_are_independent(fixture: TestDatabase) {
    assert!(hold(&fixture, "duty", Uuid::now_v7()).await);
    assert!(hold(&fixture, "another duty", Uuid::now_v7()).await);
}

async fn hold(fixture: &TestDatabase, name: &str, holder: Uuid) -> bool {
    let transaction = fixture.database.begin().await.unwrap();
    let is_held = lease::hold(&fixture.database, &transaction, name, holder).await.unwrap();
    transaction.commit().await.unwrap();
    is_held
}
