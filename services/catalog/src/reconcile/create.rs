//! Images that stayed CREATING.

use std::time::Duration;

use slipway_database::StoreError;

use crate::{app::App, reconcile::outcome::log_outcome, store::Store};

pub(super) async fn complete_all(
    app: &App,
    store: &Store,
    age: Duration,
) -> Result<(), StoreError> {
    for (image, revision) in store.unfinished_creates(age).await? {
        log_outcome("create", image.id, app.finish_create(&image, &revision).await);
    }
    Ok(())
}
