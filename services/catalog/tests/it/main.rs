//! Contract suites of the catalog's store and use cases, on both databases.

mod access;
mod build;
mod build_request;
mod create;
mod create_image;
mod create_revision;
mod entities;
mod events;
mod fake_permission;
mod fixtures;
mod list;
mod reconcile;
mod stale_access;
mod waiting_builds;
