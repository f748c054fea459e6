//! Contract suites of the catalog's store and use cases, on both databases.

mod access;
mod create;
mod faults;
mod list;
mod progress;
mod projection;
mod queue;
mod reconcile;
mod requests;
mod scripted;
mod worlds;
