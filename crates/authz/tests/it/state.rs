//! Waiting for a write, and refusing while the projection is stale.

use std::time::Duration;

use slipway_authz::projection::{
    apply::ApplyOutcome,
    state::{require_fresh, wait_for_version},
};
use slipway_fault::Reason;
use slipway_testrig::database::execute;

use crate::fixtures::{Fixture, change, policy_version};

slipway_testrig::on_both_databases!(
    token_ahead_of_every_write_is_rejected_at_once,
    token_of_the_next_write_waits_for_it,
    projection_is_stale_after_the_last_contact_is_too_old,
);

async fn token_ahead_of_every_write_is_rejected_at_once(fixture: Fixture) {
    let database = fixture.database();
    fixture.apply_snapshot(Vec::new(), Vec::new()).await;

    for number in [0, 1] {
        wait_for_version(database, policy_version(number)).await.unwrap();
    }

    for number in [1_002, i64::MAX] {
        let fault = wait_for_version(database, policy_version(number)).await.unwrap_err();
        assert_eq!(
            (fault.reason(), fault.violations()[0].field.as_str()),
            (Reason::FieldInvalid, "consistency_token")
        );
    }
}

async fn token_of_the_next_write_waits_for_it(fixture: Fixture) {
    let database = fixture.database();
    fixture.apply_snapshot(Vec::new(), Vec::new()).await;

    let next = change(2, "first", Vec::new());
    let (waited, applied) =
        tokio::join!(wait_for_version(database, policy_version(2)), fixture.apply_change(&next));

    waited.unwrap();
    assert_eq!(applied, ApplyOutcome::Applied);
}

async fn projection_is_stale_after_the_last_contact_is_too_old(fixture: Fixture) {
    let database = fixture.database();
    let minutes = |count: u64| Duration::from_secs(count * 60);
    fixture.apply_snapshot(Vec::new(), Vec::new()).await;
    require_fresh(database, minutes(1)).await.unwrap();

    let seven_minutes_ago = "update access_state set last_contact = last_contact - 420000000";
    execute(database, seven_minutes_ago).await;
    require_fresh(database, minutes(8)).await.unwrap();
    let fault = require_fresh(database, minutes(6)).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::AccessStale);

    fixture.apply_change(&change(2, "first", Vec::new())).await;
    require_fresh(database, minutes(6)).await.unwrap();
}
