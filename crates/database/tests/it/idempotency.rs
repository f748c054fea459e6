//! A `request_id` has one response.

use slipway_database::idempotency::{
    EarlierCall, RequestKey, StoreOutcome, delete_response, find_response, request_in_progress,
    store_response,
};
use slipway_fault::Reason;
use slipway_names::id::{ImageId, RequestId, UserId};
use slipway_testrig::database::{TestDatabase, execute};
use uuid::Uuid;

slipway_testrig::on_both_databases!(
    repeated_request_gets_the_first_response,
    response_expires_after_a_day,
    deleted_response_makes_room_for_another,
);

const FIRST: ImageId = ImageId(Uuid::from_u128(1));
const SECOND: ImageId = ImageId(Uuid::from_u128(2));

async fn repeated_request_gets_the_first_response(fixture: TestDatabase) {
    assert_eq!(find(&fixture, "1").await, EarlierCall::None);

    assert_eq!(store(&fixture, FIRST).await, StoreOutcome::Stored);
    assert_eq!(find(&fixture, "1").await, EarlierCall::Response(FIRST));

    let other_body = find(&fixture, "2").await;
    assert_eq!(other_body, EarlierCall::OtherRequest);
    assert_eq!(other_body.into_response().unwrap_err().reason(), Reason::RequestIdReused);

    assert_eq!(store(&fixture, SECOND).await, StoreOutcome::InFlight);
    assert_eq!(request_in_progress().reason(), Reason::Conflict);
    assert_eq!(find(&fixture, "1").await, EarlierCall::Response(FIRST));
}

async fn response_expires_after_a_day(fixture: TestDatabase) {
    let _ = store(&fixture, FIRST).await;
    execute(&fixture.database, "update idempotency set time = time - 86400000000").await;

    assert_eq!(find(&fixture, "1").await, EarlierCall::None);
    assert_eq!(store(&fixture, SECOND).await, StoreOutcome::Stored);
    assert_eq!(find(&fixture, "1").await, EarlierCall::Response(SECOND));
}

async fn deleted_response_makes_room_for_another(fixture: TestDatabase) {
    let _ = store(&fixture, FIRST).await;

    delete(&fixture, SECOND).await;
    assert_eq!(find(&fixture, "1").await, EarlierCall::Response(FIRST), "it is not equal");

    delete(&fixture, FIRST).await;
    assert_eq!(find(&fixture, "1").await, EarlierCall::None);
    assert_eq!(store(&fixture, SECOND).await, StoreOutcome::Stored);
}

async fn find(fixture: &TestDatabase, hash: &str) -> EarlierCall<ImageId> {
    let database = &fixture.database;
    find_response(database, database.reader(), &key(hash)).await.unwrap()
}

async fn store(fixture: &TestDatabase, response: ImageId) -> StoreOutcome {
    let transaction = fixture.database.begin().await.unwrap();
    let outcome =
        store_response(&fixture.database, &transaction, &key("1"), &response).await.unwrap();
    transaction.commit().await.unwrap();
    outcome
}

async fn delete(fixture: &TestDatabase, response: ImageId) {
    let transaction = fixture.database.begin().await.unwrap();
    delete_response(&transaction, &response).await.unwrap();
    transaction.commit().await.unwrap();
}

fn key(hash: &str) -> RequestKey {
    RequestKey {
        caller: UserId::derive("test", "alice"),
        request_id: RequestId(Uuid::nil()),
        hash: hash.to_owned(),
    }
}
