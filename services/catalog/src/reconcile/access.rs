//! Changes of access that stayed pending.

use std::time::Duration;

use slipway_database::StoreError;

use crate::{app::App, reconcile::outcome::log_outcome, store::Store};

pub(super) async fn complete_all(
    app: &App,
    store: &Store,
    age: Duration,
) -> Result<(), StoreError> {
    for (image, change) in store.pending_access_changes(age).await? {
        log_outcome("access change", image.id, app.finish_access_change(&image, &change).await);
    }
    Ok(())
}
