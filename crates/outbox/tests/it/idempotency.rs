//! A `request_id` has one answer.

use slipway_outbox::idempotency;
use uuid::Uuid;

use crate::worlds::World;

slipway_testrig::on_both_databases!(a_request_id_answers_once);

async fn a_request_id_answers_once(world: World) {
    let database = &world.database;
    let key = |hash: &str| idempotency::Key {
        caller: "alice".to_owned(),
        request_id: Uuid::nil(),
        hash: hash.to_owned(),
    };
    let keep = async |answer: &str| {
        let transaction = database.begin().await.unwrap();
        idempotency::keep(database, &transaction, &key("1"), answer)
            .await
            .map(|()| transaction)
            .map_err(|fault| fault.reason().as_str())
    };
    assert_eq!(idempotency::find(database, database.reader(), &key("1")).await.unwrap(), None);
    keep("first").await.unwrap().commit().await.unwrap();
    assert_eq!(
        idempotency::find(database, database.reader(), &key("1")).await.unwrap().as_deref(),
        Some("first")
    );
    assert_eq!(
        idempotency::find(database, database.reader(), &key("2"))
            .await
            .unwrap_err()
            .reason()
            .as_str(),
        "REQUEST_ID_REUSED"
    );
    assert_eq!(keep("second").await.err(), Some("CONFLICT"));
}
